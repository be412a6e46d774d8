"""Options of mixed precision: what widths weights may have, and the budget that chooses among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from hwq.cli.quant_options import QuantOptions
from hwq.quant.config import Cost

_MIXED = "Quantisation: bits by layer, under one budget"


@dataclass(frozen=True, slots=True)
class WidthOptions(QuantOptions):
    """Options of `hwq explore`."""

    cost: Annotated[
        Cost | None,
        typer.Option(
            metavar="KIND",
            help="What is saved. rom: bits of weights. work: multiplications times bits of both factors.",
            show_default="rom",
            rich_help_panel=_MIXED,
        ),
    ] = None
    least_bits: Annotated[
        int | None,
        typer.Option(
            metavar="BITS", help="Fewest bits of a weight, 1 to 16.", show_default="2", rich_help_panel=_MIXED
        ),
    ] = None
    most_bits: Annotated[
        int | None,
        typer.Option(metavar="BITS", help="Most bits of a weight, 1 to 16.", show_default="8", rich_help_panel=_MIXED),
    ] = None


@dataclass(frozen=True, slots=True)
class BudgetOptions(WidthOptions):
    """Options of `hwq quantize` and `hwq build`."""

    average_bits: Annotated[
        float | None,
        typer.Option(
            metavar="BITS", help="Bits of a weight on average, at most.", show_default=False, rich_help_panel=_MIXED
        ),
    ] = None
    rom_bits: Annotated[
        int | None,
        typer.Option(
            metavar="BITS", help="Bits of all weights together, at most.", show_default=False, rich_help_panel=_MIXED
        ),
    ] = None
    work: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Multiplications of a sample times bits of both factors, at most.",
            show_default=False,
            rich_help_panel=_MIXED,
        ),
    ] = None
    min_sqnr: Annotated[
        float | None,
        typer.Option(
            metavar="DB",
            help="Signal to quantisation noise of the outputs, at least; --cost is made as low as possible.",
            show_default=False,
            rich_help_panel=_MIXED,
        ),
    ] = None
