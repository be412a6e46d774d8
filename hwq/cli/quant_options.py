"""Options of `hwq quantize`: on the command line, in a file, or by a recipe, in this order of precedence."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from hwq.arith import Rounding
from hwq.quant.config import (
    BiasCorrection,
    Effort,
    Head,
    PortScales,
    QuantConfig,
    RangeMethod,
    ScaleKind,
    WeightKind,
    ZeroPoints,
)
from hwq.quant.config_file import read_options
from hwq.quant.rounding import Solver

_RECIPE = "Quantisation: recipe"
_WEIGHTS = "Quantisation: weights"
_ACTIVATIONS = "Quantisation: activations"
_SCALES = "Quantisation: scales and rounding"


class RoundingName(Enum):
    """Values of `--rounding`, under the names of `hwq.arith.Rounding`."""

    HALF_UP = "half-up"
    HALF_EVEN = "half-even"
    HALF_AWAY = "half-away"
    FLOOR = "floor"


@dataclass(frozen=True, slots=True)
class QuantOptions:
    """Options of `hwq quantize`; those not given are as the file or the recipe says."""

    effort: Annotated[
        Effort,
        typer.Option(
            metavar="RECIPE",
            help="fast: GPTQ. good: also equalises, scales by output error, descent. best: also absorbs, searches.",
            rich_help_panel=_RECIPE,
        ),
    ] = Effort.GOOD
    config: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE.toml",
            help="Options in a file, also by layer; --write-config writes one.",
            rich_help_panel=_RECIPE,
        ),
    ] = None
    equalise: Annotated[
        bool | None,
        typer.Option(
            "--equalise/--no-equalise",
            help="Scale channels against one another where that lowers the error.",
            show_default="by recipe",
            rich_help_panel=_RECIPE,
        ),
    ] = None
    absorb: Annotated[
        bool | None,
        typer.Option(
            "--absorb/--no-absorb",
            help="With --equalise: lower channels that never come near zero, where that lowers the error.",
            show_default="by recipe",
            rich_help_panel=_RECIPE,
        ),
    ] = None
    search: Annotated[
        bool | None,
        typer.Option(
            "--search/--no-search",
            help="Try half and double of every scale against the outputs.",
            show_default="by recipe",
            rich_help_panel=_RECIPE,
        ),
    ] = None
    slim: Annotated[
        bool | None,
        typer.Option(
            "--slim/--no-slim",
            help="Remove channels and taps that provably change nothing.",
            show_default="slim",
            rich_help_panel=_RECIPE,
        ),
    ] = None
    weight_bits: Annotated[
        int | None,
        typer.Option(metavar="BITS", help="Bits of a weight, 1 to 16.", show_default="8", rich_help_panel=_WEIGHTS),
    ] = None
    weights: Annotated[
        WeightKind | None,
        typer.Option(
            metavar="KIND",
            help="uniform: integers. codebook: entries of a table. powers: sums of powers of two.",
            show_default="uniform",
            rich_help_panel=_WEIGHTS,
        ),
    ] = None
    entries: Annotated[
        int | None,
        typer.Option(metavar="N", help="Entries of a codebook, 2 to 256.", show_default="16", rich_help_panel=_WEIGHTS),
    ] = None
    shared_table: Annotated[
        bool | None,
        typer.Option(
            "--shared-table/--channel-tables",
            help="A codebook for the layer, or for each output channel.",
            show_default="shared-table",
            rich_help_panel=_WEIGHTS,
        ),
    ] = None
    terms: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Powers of two in a weight, 1 or 2.", show_default="2", rich_help_panel=_WEIGHTS
        ),
    ] = None
    per_channel: Annotated[
        bool | None,
        typer.Option(
            "--per-channel/--per-tensor",
            help="A scale for each output channel of the weights.",
            show_default="per-channel",
            rich_help_panel=_WEIGHTS,
        ),
    ] = None
    solver: Annotated[
        Solver | None,
        typer.Option(
            metavar="METHOD",
            help="How weights are rounded: nearest, gpfq, gptq or descent.",
            show_default="by recipe",
            rich_help_panel=_WEIGHTS,
        ),
    ] = None
    bias_correction: Annotated[
        BiasCorrection | None,
        typer.Option(
            metavar="HOW",
            help="Take mean errors out of biases: none, analytic or measured.",
            show_default="measured",
            rich_help_panel=_WEIGHTS,
        ),
    ] = None
    act_bits: Annotated[
        int | None,
        typer.Option(
            metavar="BITS", help="Bits of an activation, 2 to 16.", show_default="8", rich_help_panel=_ACTIVATIONS
        ),
    ] = None
    output_bits: Annotated[
        int | None,
        typer.Option(
            metavar="BITS",
            help="Bits of an output of the model, 2 to 16.",
            show_default="--act-bits",
            rich_help_panel=_ACTIVATIONS,
        ),
    ] = None
    range: Annotated[
        RangeMethod | None,
        typer.Option(
            metavar="METHOD",
            help="How ranges are chosen: max, average, percentile, entropy, mse or output.",
            show_default="by recipe",
            rich_help_panel=_ACTIVATIONS,
        ),
    ] = None
    percentile: Annotated[
        float | None,
        typer.Option(
            metavar="PERCENT",
            help="Share of the values that --range percentile keeps.",
            show_default="99.99",
            rich_help_panel=_ACTIVATIONS,
        ),
    ] = None
    zero_points: Annotated[
        ZeroPoints | None,
        typer.Option(
            metavar="WHICH",
            help="Which tensors with both signs get a zero point: none, inputs, ports or all.",
            show_default="ports",
            rich_help_panel=_ACTIVATIONS,
        ),
    ] = None
    scale: Annotated[
        ScaleKind | None,
        typer.Option(
            metavar="KIND",
            help="pow2: shifts. exact: mantissas of few bits, adders. fixed: any scale, multipliers.",
            show_default="pow2",
            rich_help_panel=_SCALES,
        ),
    ] = None
    mantissa_bits: Annotated[
        int | None,
        typer.Option(
            metavar="BITS",
            help="Mantissa of --scale exact, 1 to 8; 0: chosen for each layer.",
            show_default="3",
            rich_help_panel=_SCALES,
        ),
    ] = None
    port_scales: Annotated[
        PortScales | None,
        typer.Option(
            metavar="KIND",
            help="Scales of the model's inputs and outputs: free (no hardware cost), or pow2.",
            show_default="free",
            rich_help_panel=_SCALES,
        ),
    ] = None
    rounding: Annotated[
        RoundingName | None,
        typer.Option(
            metavar="MODE",
            help="How a fraction is rounded: half-up, half-even, half-away or floor.",
            show_default="half-up",
            rich_help_panel=_SCALES,
        ),
    ] = None
    head: Annotated[
        Head | None,
        typer.Option(
            metavar="WHAT",
            help="What leaves the hardware: logits, or argmax, the index of the largest.",
            show_default="logits",
            rich_help_panel=_SCALES,
        ),
    ] = None

    def quant_config(self) -> QuantConfig:
        """The same, checked, as the quantiser takes it."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        effort, file = given.pop("effort"), given.pop("config")
        chosen = {name: value for name, value in given.items() if value is not None}
        if self.rounding is not None:
            chosen["rounding"] = Rounding[self.rounding.name]
        return effort.config(**{**(read_options(file) if file else {}), **chosen})  # type: ignore[no-any-return]
