"""Small programs for tests: operations with made-up weights, wired by tensor name, accumulators of exact width.

An operation reads `a` (and `b`) and is called `y`; `program` makes ports for the tensors that are given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from hwq.arith import IntArray, Requant, Rounding, int_range, signed_bits
from hwq.ir.op import Op
from hwq.ir.program import Port, Program
from hwq.ir.types import Format, TensorType
from hwq.ir.window import Window
from hwq.ops import (
    Add,
    ArgMax,
    AvgPool,
    Coding,
    Concat,
    Const,
    Conv,
    Dense,
    Depthwise,
    Extremum,
    Gather,
    GroupConv,
    MatMul,
    MaxPool,
    Mul,
    Normalise,
    Pad,
    PRelu,
    Rescale,
    Softmax,
    Table,
    Threshold,
    TopK,
)
from hwq.ops.lookup import MAX_ENTRY_BITS
from hwq.ops.requantised import Requantised

R = TypeVar("R", bound=Requantised)
SHIFTED = Requant((1,), 0, Rounding.HALF_UP, 0, 0, 0)
"""Stands for the requantisation that `fitted` chooses."""


def tensor(*shape: int, bits: int = 8, signed: bool = True) -> TensorType:
    height, width, channels = shape
    return TensorType((height, width, channels), bits, signed)


def program(
    ops: Sequence[Op],
    inputs: Mapping[str, TensorType],
    outputs: Sequence[str] = ("y",),
    name: str = "net",
    samples: Mapping[str, IntArray] | None = None,
) -> Program:
    """A verified program over `ops`; ports are called like their tensors."""
    return unverified(ops, inputs, outputs, name, samples).verify()


def unverified(
    ops: Sequence[Op],
    inputs: Mapping[str, TensorType],
    outputs: Sequence[str] = ("y",),
    name: str = "net",
    samples: Mapping[str, IntArray] | None = None,
) -> Program:
    """The same without a check of widths."""
    bare = Program(name, (), (), tuple(ops), dict(inputs), {})
    formats = {tensor: Format(2.0**-4) for tensor in bare.types}

    def port(tensor: str) -> Port:
        shape = bare.types[tensor].shape
        return Port(tensor, tensor, "float32", np.arange(int(np.prod(shape))).reshape(shape))

    return replace(
        bare,
        inputs=tuple(port(tensor) for tensor in inputs),
        outputs=tuple(port(tensor) for tensor in outputs),
        formats=formats,
        samples=dict(samples or {}),
    )


def corners(types: Mapping[str, TensorType], count: int = 5, seed: int = 1) -> dict[str, IntArray]:
    """Samples: all at the lowest value, all at the highest, only extremes, then random ones."""
    out = {}
    for i, (name, type_) in enumerate(types.items()):
        rng = np.random.default_rng([seed, i])
        low, high = type_.range
        shape = (count, *type_.shape)
        x = rng.integers(low, high + 1, shape)
        x[0], x[1 : count - 2] = low, rng.choice([low, high], (max(0, count - 3), *type_.shape))
        x[1] = high
        out[name] = x
    return out


def requant(
    op: Requantised,
    types: Sequence[TensorType],
    *,
    scale: str = "one",
    rounding: Rounding = Rounding.HALF_UP,
    zero: int = 0,
    gain: int = 2,
    relu: bool = False,
    seed: int = 1,
) -> Requant:
    """A requantisation that uses the output's range and, with a `gain` of some bits, saturates now and then.

    `scale` is ``shift``, ``one`` (multiplier), ``channel`` (a multiplier each), ``pow2`` (a power of two each), or
    ``three`` and ``odd``: multipliers so small that many results are ties, or ``mantissa2`` to ``mantissa5``: odd
    parts of up to so many bits, times a power of two each.
    """
    channels = op.result(*types).channels
    rng = np.random.default_rng([seed, channels])
    scale, mantissa = ("mantissa", int(scale[-1])) if scale.startswith("mantissa") else (scale, 1)
    count = channels if scale in ("channel", "pow2", "odd", "mantissa") else 1
    most = (1 << mantissa) - 1
    multiplier = {
        "shift": lambda: [1],
        "one": lambda: rng.integers(30_000, 65_536, 1).tolist(),
        "channel": lambda: [65_535, 1, *rng.integers(1, 65_536, count).tolist()][:count],
        "three": lambda: [3],
        "odd": lambda: [2 * channel + 1 for channel in range(channels)],
        "pow2": lambda: (1 << rng.integers(0, 6, count)).tolist(),
        "mantissa": lambda: [
            most,
            *((rng.integers(1, most + 1, count) | 1) << rng.integers(0, 6, count)).tolist(),
        ][:count],
    }[scale]()
    top = max(multiplier)
    low, high = op.accumulator(*(type_.range for type_ in types))
    excess = signed_bits((low * top, high * top)) - op.bits
    shift = max(0, min(2, excess), excess - gain)
    qmin, qmax = int_range(op.bits, op.signed)
    return Requant(tuple(multiplier), shift, rounding, zero, max(qmin, zero) if relu else qmin, qmax)


def fitted(op: R, *types: TensorType, scale: str = "one", rounding: int = 1, zero: int = 0, relu: bool = False) -> R:
    """`op` with a requantisation (see `requant`) and the narrowest accumulator."""
    wide = replace(op, requant=_open(op))
    chosen = requant(wide, types, scale=scale, rounding=Rounding(rounding), zero=zero, relu=relu)
    return replace(op, requant=chosen, acc_bits=op.accumulator_bits(*(t.range for t in types)))


def _open(op: Requantised) -> Requant:
    return replace(SHIFTED, qmin=int_range(op.bits, op.signed)[0], qmax=int_range(op.bits, op.signed)[1])


def weights(shape: Sequence[int], bits: int, seed: int = 1) -> IntArray:
    """Random weights that reach both ends of their range."""
    low, high = int_range(bits, True)
    out = np.random.default_rng([seed, bits, *shape]).integers(low, high + 1, shape)
    out.flat[0], out.flat[-1] = low, high
    return out


def coded(shape: Sequence[int], bits: int, coding: Coding, seed: int = 1) -> IntArray:
    """Random weights that `coding` expresses; each channel has its lowest and its highest one."""
    rng = np.random.default_rng([seed, bits, *shape])
    values = coding.values(bits)
    rows = values if values.ndim > 1 else [np.unique(values)] * shape[0]
    out = np.stack([rng.choice(row, shape[1:]) for row in rows])
    for channel, row in zip(out.reshape(shape[0], -1), rows, strict=True):
        channel[0], channel[-1] = row.min(), row.max()
    return out


def biases(channels: int, size: int, seed: int = 1) -> IntArray:
    return np.random.default_rng([seed, channels]).integers(-size, size + 1, channels)


@dataclass(frozen=True, slots=True)
class Output:
    """What a requantised operation delivers; `scale` as for `requant`."""

    bits: int = 8
    signed: bool = True
    scale: str = "one"
    rounding: int = 1
    zero: int = 0
    relu: bool = False


def _made(kind: type[R], types: Sequence[TensorType], output: Mapping[str, Any], **fields: Any) -> R:
    """An operation of `kind` with its own `fields` and a fitting requantisation; `output` are fields of `Output`."""
    out = Output(**output)
    op = kind(requant=SHIFTED, acc_bits=2, bits=out.bits, signed=out.signed, **fields)
    return fitted(op, *types, scale=out.scale, rounding=out.rounding, zero=out.zero, relu=out.relu)


def _linear(shape: Sequence[int], x: TensorType, wbits: int, coding: Coding | None) -> dict[str, Any]:
    bias = biases(shape[0], 1 << (wbits + x.bits - 1))
    weight = coded(shape, wbits, coding) if coding else weights(shape, wbits)
    return {"weight": weight, "bias": bias, "weight_bits": wbits, "coding": coding}


def conv(
    x: TensorType,
    m: int,
    window: Window,
    *,
    name: str = "y",
    source: str = "a",
    wbits: int = 8,
    coding: Coding | None = None,
    pad: int = 0,
    **output: Any,
) -> Conv:
    linear = _linear((m, *window.kernel, x.channels), x, wbits, coding)
    return _made(Conv, (x,), output, name=name, inputs=(source,), window=window, pad_value=pad, **linear)


def depthwise(
    x: TensorType,
    window: Window,
    *,
    name: str = "y",
    source: str = "a",
    wbits: int = 8,
    coding: Coding | None = None,
    pad: int = 0,
    **output: Any,
) -> Depthwise:
    linear = _linear((x.channels, *window.kernel), x, wbits, coding)
    return _made(Depthwise, (x,), output, name=name, inputs=(source,), window=window, pad_value=pad, **linear)


def groupconv(
    x: TensorType,
    m: int,
    groups: int,
    window: Window,
    *,
    name: str = "y",
    source: str = "a",
    wbits: int = 8,
    coding: Coding | None = None,
    pad: int = 0,
    **output: Any,
) -> GroupConv:
    linear = _linear((m, *window.kernel, x.channels // groups), x, wbits, coding)
    own = {"window": window, "pad_value": pad, "groups": groups}
    return _made(GroupConv, (x,), output, name=name, inputs=(source,), **own, **linear)


def dense(
    x: TensorType,
    m: int,
    *,
    name: str = "y",
    source: str = "a",
    wbits: int = 8,
    coding: Coding | None = None,
    **output: Any,
) -> Dense:
    return _made(Dense, (x,), output, name=name, inputs=(source,), **_linear((m, *x.shape), x, wbits, coding))


def avgpool(
    x: TensorType, window: Window, *, name: str = "y", source: str = "a", pad: int = 0, **output: Any
) -> AvgPool:
    fields = {"window": window, "pad_value": pad, "bias": -window.taps * pad}
    return _made(AvgPool, (x,), output, name=name, inputs=(source,), **fields)


def rescale(x: TensorType, *, name: str = "y", source: str = "a", bias: int = 0, **output: Any) -> Rescale:
    return _made(Rescale, (x,), output, name=name, inputs=(source,), bias=bias)


def add(
    a: TensorType,
    b: TensorType,
    *,
    name: str = "y",
    sources: tuple[str, str] = ("a", "b"),
    factors: tuple[int, int] = (1, 1),
    bias: int = 0,
    **output: Any,
) -> Add:
    shifted = {"scale": "shift", **output}
    return _made(Add, (a, b), shifted, name=name, inputs=sources, factors=factors, bias=bias)


def mul(
    a: TensorType,
    b: TensorType,
    *,
    name: str = "y",
    sources: tuple[str, str] = ("a", "b"),
    zeros: tuple[int, int] = (0, 0),
    **output: Any,
) -> Mul:
    return _made(Mul, (a, b), output, name=name, inputs=sources, zeros=zeros)


def extremum(largest: bool = True, *, name: str = "y", sources: tuple[str, str] = ("a", "b")) -> Extremum:
    return Extremum(name=name, inputs=sources, largest=largest)


def matmul(
    a: TensorType,
    b: TensorType,
    *,
    name: str = "y",
    sources: tuple[str, str] = ("a", "b"),
    zeros: tuple[int, int] = (0, 0),
    **output: Any,
) -> MatMul:
    return _made(MatMul, (a, b), output, name=name, inputs=sources, zeros=zeros, channels=a.channels)


def maxpool(x: TensorType, window: Window, *, name: str = "y", source: str = "a") -> MaxPool:
    return MaxPool(name=name, inputs=(source,), window=window, pad_value=x.range[0])


def pad(pads: tuple[int, int, int, int], value: int = 0, *, name: str = "y", source: str = "a") -> Pad:
    return Pad(name=name, inputs=(source,), window=Window((1, 1), pads=pads), pad_value=value)


def argmax(x: TensorType, *, name: str = "y", source: str = "a") -> ArgMax:
    return ArgMax(name=name, inputs=(source,), channels=x.channels)


def topk(x: TensorType, k: int, *, name: str = "y", source: str = "a") -> TopK:
    return TopK(name=name, inputs=(source,), channels=x.channels, k=k)


def prelu(
    x: TensorType,
    positive: int = 1,
    negative: tuple[int, ...] = (0,),
    *,
    name: str = "y",
    source: str = "a",
    bias: int = 0,
    **output: Any,
) -> PRelu:
    shifted = {"scale": "shift", **output}
    fields = {"bias": bias, "positive": positive, "negative": negative}
    return _made(PRelu, (x,), shifted, name=name, inputs=(source,), **fields)


def threshold(
    x: TensorType,
    thresholds: Sequence[Sequence[int]],
    low: int = 0,
    *,
    name: str = "y",
    source: str = "a",
    bits: int = 2,
    signed: bool = False,
) -> Threshold:
    rows = np.array(thresholds, np.int64)
    return Threshold(name=name, inputs=(source,), thresholds=rows, low=low, bits=bits, signed=signed)


def thresholds_over(x: TensorType, rows: int, count: int) -> IntArray:
    """Random rows of thresholds that reach one beyond the ends of the type; some are equal."""
    low, high = x.range
    drawn = np.random.default_rng([rows, count]).integers(low - 1, high + 2, (rows, count))
    drawn[::2, 0], drawn[::3, -1] = low - 1, high + 1
    return np.sort(drawn, axis=1)


def table(
    x: TensorType,
    step: int = 0,
    *,
    name: str = "y",
    source: str = "a",
    entries: IntArray | None = None,
    fraction: int = 0,
    bits: int = 8,
    signed: bool = True,
) -> Table:
    """Without `entries` random ones, some of them beyond the output's range."""
    if entries is None:
        count = (1 << (x.bits - step)) + (step > 0)
        low, high = (end << fraction for end in int_range(bits, signed))
        beyond = (high - low) // 8
        drawn = np.random.default_rng([step, count]).integers(low - beyond, high + beyond + 1, count)
        entries = np.clip(drawn, *int_range(MAX_ENTRY_BITS, True))
    fields = {"step": step, "fraction": fraction, "bits": bits, "signed": signed}
    return Table(name=name, inputs=(source,), entries=entries, low=x.range[0], **fields)


def softmax(
    x: TensorType,
    exps: IntArray | None = None,
    *,
    name: str = "y",
    source: str = "a",
    step: int = 0,
    spare: int = 8,
    bits: int = 8,
) -> Softmax:
    """A softmax whose reciprocals have `spare` bits more than they need; by default its input's scale is 1/16."""
    if exps is None:
        exps = np.floor(65_535 * np.exp(-np.arange((1 << (x.bits - step)) + (step > 0)) * 2.0 ** (step - 4)) + 0.5)
        exps = exps[: 1 + np.count_nonzero(exps)].astype(np.int64)
    return Softmax(name=name, inputs=(source,), exps=exps, step=step, reciprocal_bits=bits + 16 + spare, bits=bits)


def normalise(
    x: TensorType,
    *,
    name: str = "y",
    source: str = "a",
    eps: int = 1,
    index_bits: int = 6,
    spare: int = 0,
    bits: int = 8,
    signed: bool = True,
) -> Normalise:
    """A normalisation whose largest results saturate, unless its scale leaves `spare` bits (below 0: the more)."""
    size = 1 << index_bits
    table = np.floor(65_535 * np.sqrt(size / np.arange(size, 4 * size))).astype(np.int64)
    return Normalise(
        name=name, inputs=(source,), eps=eps, table=table, index_bits=index_bits, fraction=17 - bits + spare, bits=bits,
        signed=signed,
    )  # fmt: skip


def gather(index: IntArray, value: int = 0, *, name: str = "y", source: str = "a") -> Gather:
    return Gather(name=name, inputs=(source,), index=np.ascontiguousarray(index, np.int64), pad_value=value)


def concat(axis: int, *sources: str, name: str = "y") -> Concat:
    return Concat(name=name, inputs=sources, axis=axis)


def const(values: IntArray, *, name: str = "y", bits: int = 8, signed: bool = True) -> Const:
    return Const(name=name, inputs=(), values=np.asarray(values, np.int64), bits=bits, signed=signed)
