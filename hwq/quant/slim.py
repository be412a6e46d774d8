"""slim: the same integers from fewer channels and taps, for every input that the types allow.

What may go is derived from the integer program alone, never from data: channels that hold one value whatever the
input (their share goes into the bias of what reads them), channels that equal another one (their weights are added to
those of the other), channels that nothing reads, and taps that are zero in every channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from hwq.arith import IntArray, Interval, Requant
from hwq.errors import CheckFailed
from hwq.ir.op import Op
from hwq.ir.program import Program, replace_ops
from hwq.ir.types import TensorType
from hwq.ops import Codebook, Conv, Convolution, Dense, Linear
from hwq.ops.requantised import Requantised
from hwq.quant.context import with_accumulator
from hwq.quant.slim_facts import CHANNELWISE, NEW_CHANNELS, Facts, facts
from hwq.quant.slim_kernel import cut_kernel
from hwq.quant.slim_saved import Saved, sizes
from hwq.sim.fast import simulate_fast

Reader = Conv | Dense


@dataclass(frozen=True, slots=True)
class Kept:
    """Channels of a group that stay, and `readers` with the weights and biases that make up for the others."""

    channels: IntArray
    readers: dict[str, Reader]


def slim(program: Program) -> tuple[Program, Saved]:
    """A program with the same inputs, outputs and output integers for every input, and as few channels as proved.

    Parameters
    ----------
    program
        Verified; it is not changed.

    Returns
    -------
    Program
        Verified.  Inner tensors keep their names, formats and pixels, and lose channels; accumulators are as wide as
        rule L3 says.
    Saved
        Channels, multiplications and ROM bits of each layer before and after, and which channels were kept.
    """
    slimmer, shapes = program, None
    channels = {name: np.arange(type_.channels) for name, type_ in program.types.items()}
    while shapes != (now := _shapes(slimmer)):
        shapes = now
        cut, kept = _cut_channels(slimmer)
        channels |= {name: channels[name][left] for name, left in kept.items()}
        slimmer = _refit(slimmer, _cut_kernels(cut).ops)
    fewer = {name: left for name, left in channels.items() if len(left) < program.types[name].channels}
    return slimmer.verify(), Saved(sizes(program), sizes(slimmer), fewer)


def check_equal(before: Program, after: Program, inputs: Mapping[str, IntArray]) -> None:
    """Compare every output integer of two programs.

    Parameters
    ----------
    inputs
        Input tensor name to int64 (batch, height, width, channels).

    Raises
    ------
    CheckFailed
        At the first output that differs, with the first position and the number of positions.
    """
    expected, found = (simulate_fast(program, dict(inputs)) for program in (before, after))
    for name, want in expected.items():
        got = found.get(name)
        if got is None or got.shape != want.shape:
            raise CheckFailed(f"{name}: slimming changed its shape from {want.shape} to {getattr(got, 'shape', None)}")
        wrong = np.argwhere(got != want)
        if len(wrong):
            at = tuple(wrong[0].tolist())
            raise CheckFailed(
                f"{name}: slimming changed {len(wrong)} of {want.size} integers, the first at {at} "
                f"from {want[at]} to {got[at]}. This is a fault of hwq."
            )


def _shapes(program: Program) -> list[tuple[int, ...]]:
    """Every size that slimming lowers."""
    return [op.weight.shape for op in program.ops if isinstance(op, Linear)]


def _refit(program: Program, ops: Iterable[Op]) -> Program:
    """`program` over `ops`, each with the accumulator that its inputs need now."""
    intervals: dict[str, Interval] = {name: type_.range for name, type_ in program.input_types.items()}
    fitted: list[Op] = []
    for op in ops:
        ins = [intervals[name] for name in op.inputs]
        fitted.append(with_accumulator(op, *ins) if isinstance(op, Requantised) else op)
        intervals[op.name] = op.bound(*ins)
    return replace_ops(program, fitted)


def _cut_kernels(program: Program) -> Program:
    return replace_ops(
        program,
        [cut_kernel(op, program.types[op.inputs[0]]) if isinstance(op, Convolution) else op for op in program.ops],
    )


def _cut_channels(program: Program) -> tuple[Program, dict[str, IntArray]]:
    """One round over all groups of tensors, each with what is known of the program as it is; and what stays of them."""
    known = facts(program)
    kept: dict[str, IntArray] = {}
    ops = {op.name: op for op in program.ops}
    for tensors in _groups(program):
        readers = [op for op in program.ops if isinstance(op, NEW_CHANNELS) and op.inputs[0] in tensors]
        decision = _decide(program, readers, known)
        ops.update(decision.readers)
        kept.update(dict.fromkeys(tensors, decision.channels))
    fewer = [
        _with_channels(op, kept[op.name]) if isinstance(op, Linear) and op.name in kept else op for op in ops.values()
    ]
    return replace_ops(program, fewer), kept


def _groups(program: Program) -> list[set[str]]:
    """Tensors that have their channels in common, as pools, additions and depthwise layers join them.

    Groups whose channels have a meaning outside are left out: inputs, outputs, and those of all other operations.
    """
    groups: list[set[str]] = [{name} for name in program.types]
    for op in program.ops:
        if isinstance(op, CHANNELWISE):
            joined = [group for group in groups if group & {op.name, *op.inputs}]
            groups = [group for group in groups if group not in joined] + [set().union(*joined)]
    others = (op for op in program.ops if not isinstance(op, NEW_CHANNELS + CHANNELWISE))
    fixed = {*program.input_types, *program.output_tensors()}.union(*((*op.inputs, op.name) for op in others))
    return [group for group in groups if not group & fixed]


def _decide(program: Program, readers: list[Reader], known: Mapping[str, Facts]) -> Kept:
    """Which channels of a group stay, given all that reads them; one stays in any case."""
    shares = [_shares(op, program.types[op.inputs[0]], known[op.inputs[0]]) for op in readers]
    movable = set.intersection(*(set(share) for share in shares))
    count = program.types[readers[0].inputs[0]].channels
    needed = [i for i in range(count) if i not in movable] or [0]
    weights = [op.weight.copy() for op in readers]
    labels = [known[op.inputs[0]].label for op in readers]
    alike: dict[tuple[int, ...], list[int]] = {}
    for i in needed:
        first = alike.setdefault(tuple(int(label[i]) for label in labels), [])
        if not any(_merge(readers, weights, other, i) for other in first):
            first.append(i)
    channels = np.array(sorted(i for first in alike.values() for i in first), np.int64)
    changed = {}
    for op, weight, share in zip(readers, weights, shares, strict=True):
        bias = op.bias.copy()
        for i in movable.difference(needed):
            bias += share[i]
        changed[op.name] = replace(op, weight=np.ascontiguousarray(weight[..., channels]), bias=bias)
    return Kept(channels, changed)


def _shares(op: Reader, x: TensorType, known: Facts) -> dict[int, IntArray]:
    """What input channels add to the accumulators (M,) of `op`, for those that add the same at every position.

    A constant channel that meets the border adds something else there, unless the border holds its value too.
    """
    out: dict[int, IntArray] = {}
    unread = np.logical_not(op.weight.any(axis=(0, 1, 2)))
    out.update((int(i), np.zeros_like(op.bias)) for i in np.flatnonzero(unread))
    constant = np.flatnonzero(known.constant & ~unread)
    if not len(constant):
        return out
    inside, border = _inside(op, x), op.pad_value if isinstance(op, Conv) else 0
    for i in constant:
        sums = op.weight[..., i].reshape(op.channels, -1) @ np.where(inside, known.low[i], border)
        if (sums == sums[:, :1]).all():
            out[int(i)] = sums[:, 0]
    return out


def _inside(op: Reader, x: TensorType) -> IntArray:
    """1 where a tap reads the image, 0 where it reads the border: (taps, different positions of the window)."""
    if isinstance(op, Dense):
        return np.ones((x.pixels, 1), np.int64)
    image = np.ones((1, *x.shape[:2], 1), np.int64)
    taps = [view.ravel() for _, _, view in op.window.slices(image, 0)]
    different: IntArray = np.unique(np.stack(taps), axis=1)
    return different


def _merge(readers: list[Reader], weights: list[IntArray], kept: int, gone: int) -> bool:
    """Add the weights of channel `gone` to those of `kept` in every reader, if all of them can hold the sums."""
    sums = [weight[..., kept] + weight[..., gone] for weight in weights]
    if not all(_holds(op, total) for op, total in zip(readers, sums, strict=True)):
        return False
    for weight, total in zip(weights, sums, strict=True):
        weight[..., kept] = total
    return True


def _holds(op: Reader, weight: IntArray) -> bool:
    """Whether the bits and the coding of `op` can express `weight`, int64 (M, rows, columns)."""
    try:
        replace(op, weight=weight).check_weights(weight.shape)
    except ValueError:
        return False
    return True


def _with_channels(op: Linear, channels: IntArray) -> Linear:
    """`op` with these output channels alone."""
    if len(channels) == op.channels:
        return op
    coding = op.coding
    if isinstance(coding, Codebook) and coding.entries.ndim == 2:
        coding = replace(coding, entries=coding.entries[channels])
    requant = _of_channels(op.requant, channels)
    return replace(op, weight=op.weight[channels], bias=op.bias[channels], requant=requant, coding=coding)


def _of_channels(requant: Requant, channels: IntArray) -> Requant:
    """The multipliers of `channels`, without a common factor of two that the shift can do (rule R3)."""
    multiplier, shift = requant.multiplier, requant.shift
    if len(multiplier) > 1:
        multiplier = tuple(multiplier[i] for i in channels)
    while shift > 0 and any(multiplier) and not any(m & 1 for m in multiplier):
        multiplier, shift = tuple(m >> 1 for m in multiplier), shift - 1
    return replace(requant, multiplier=multiplier[:1] if len(set(multiplier)) == 1 else multiplier, shift=shift)
