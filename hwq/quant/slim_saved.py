"""What slimming saved: channels, multiplications and ROM bits of each layer, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hwq.arith import IntArray
from hwq.ir.program import Program
from hwq.ops import Linear


@dataclass(frozen=True, slots=True)
class Size:
    """Output channels, multiplications a frame, and bits of weights, their tables, biases and multipliers."""

    channels: int
    macs: int
    rom_bits: int

    def __add__(self, other: Size) -> Size:
        return Size(self.channels + other.channels, self.macs + other.macs, self.rom_bits + other.rom_bits)

    def describe(self) -> dict[str, int]:
        """Plain values for JSON."""
        return {"channels": self.channels, "macs": self.macs, "rom_bits": self.rom_bits}


@dataclass(frozen=True, slots=True)
class Saved:
    """Layers with weights (conv, depthwise, dense) by name, before and after; tensors with fewer channels, and which.

    `channels` are numbers of channels before, in the order that they have after.
    """

    before: dict[str, Size]
    after: dict[str, Size]
    channels: dict[str, IntArray]

    def total(self) -> tuple[Size, Size]:
        """Sums over all layers, before and after."""
        nothing = Size(0, 0, 0)
        return sum(self.before.values(), nothing), sum(self.after.values(), nothing)

    def describe(self) -> dict[str, Any]:
        """Plain values for JSON: ``total`` and ``layers``, each with ``before`` and ``after``."""
        before, after = self.total()
        return {
            "total": {"before": before.describe(), "after": after.describe()},
            "layers": {
                name: {"before": size.describe(), "after": self.after[name].describe()}
                for name, size in self.before.items()
            },
        }


def sizes(program: Program) -> dict[str, Size]:
    """The size of each layer with weights."""
    return {
        op.name: Size(op.channels, op.macs_per_pixel * program.types[op.name].pixels, _rom_bits(op))
        for op in program.ops
        if isinstance(op, Linear)
    }


def _rom_bits(op: Linear) -> int:
    """Weights, and for each output channel a bias of accumulator width and a multiplier; no bits of unfilled lanes."""
    return op.rom_bits + op.channels * (op.acc_bits + (0 if op.requant.is_shift else op.requant.word_bits))
