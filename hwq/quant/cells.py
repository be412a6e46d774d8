"""Cells: widths within recurrent layers, and the format of what they read."""

from __future__ import annotations

from hwq.frontend import graph as fg
from hwq.ir.types import Format
from hwq.quant.config import QuantConfig, ScaleKind
from hwq.quant.recurrent_tables import Precision, x_scale

INPUT_BITS = 16
"""Signed bits of what a cell reads."""
MARGIN = 1.25
"""Samples to come may make a cell's input reach farther by this factor."""


def precision(config: QuantConfig, name: str) -> Precision:
    """Widths within the cell called `name`."""
    return Precision(
        weight_bits=max(2, config.of(name).weight_bits), pow2=config.scale is not ScaleKind.FIXED,
        rounding=config.rounding,
    )  # fmt: skip


def cell_input(cell: fg.Recurrent, largest: float, config: QuantConfig) -> Format:
    """The format of a tensor of `INPUT_BITS` that `cell` reads and that was seen to reach `largest`."""
    h_scale = 2.0 ** (1 - config.of(cell.name).act_bits)
    return Format(x_scale(cell.weight, max(largest * MARGIN, 2.0**-20), h_scale, precision(config, cell.name)))
