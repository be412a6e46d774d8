"""Packing: products with one factor in common, from one multiplier block (see hwq_mul_packed.sv).

The outputs that an array computes at once multiply one activation, each by its own weight.  The weights stand side by
side in one factor, as many bits apart as a product has, so the product of that factor holds all of theirs.
"""

from __future__ import annotations

from hwq.hw.device import Family
from hwq.hw.pack import is_binary, lowest_weight
from hwq.ir.op import Op
from hwq.ir.types import TensorType
from hwq.ops import Depthwise, Linear, PowerSums


def shares(op: Op, x: TensorType) -> bool:
    """Whether the products of `op` with inputs of type `x` share factors, and are made by multipliers."""
    return multiplied(op, x) and not isinstance(op, Depthwise)


def multiplied(op: Op, x: TensorType) -> bool:
    """Whether `op` multiplies inputs of type `x` by weights, and multipliers do that."""
    return isinstance(op, Linear) and not isinstance(op.coding, PowerSums) and not is_binary(op, x)


def reaches_lowest(op: Linear) -> bool:
    """Whether a weight of `op` may be the lowest of its width: its product needs a bit more than others."""
    return lowest_weight(op) == -(1 << (op.weight_bits - 1))


def packed_widths(op: Linear, x: TensorType, count: int) -> tuple[int, int]:
    """Bits of the two factors, both signed, whose product holds `count` products of `op`.

    Weights stand `field` bits apart, so many as any product takes.  With w bits of a weight and a of an activation that
    is w + a where activations are unsigned, as |product| <= (2^a - 1) * 2^(w-1) < 2^(w+a-1).  Signed ones reach
    2^(w+a-2), which takes w + a bits too; one less if no weight is the lowest, as then |product| stays below.  The top
    weight takes w bits; one more where it may be the lowest, as the others may borrow from it.
    """
    return factor_widths(op.weight_bits, x.bits, x.signed, reaches_lowest(op), count)


def factor_widths(weight: int, act: int, signed: bool, lowest: bool, count: int) -> tuple[int, int]:
    """The same for weights and activations of so many bits."""
    field = weight + act - int(signed and not lowest)
    return (count - 1) * field + weight + int(lowest), act + int(not signed)


def packed(op: Op, x: TensorType, family: Family) -> int:
    """How many products of `op` a multiplier block of `family` holds; 1 where they share nothing."""
    if not isinstance(op, Linear) or not shares(op, x):
        return 1
    count = 1
    while _fits(packed_widths(op, x, count + 1), family.dsp):
        count += 1
    return count


def _fits(widths: tuple[int, int], block: tuple[int, int]) -> bool:
    return max(widths) <= max(block) and min(widths) <= min(block)
