"""Random operations of every kind, with whatever fields the tensors that they read allow."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from nets import (
    add,
    argmax,
    avgpool,
    concat,
    const,
    conv,
    dense,
    depthwise,
    extremum,
    gather,
    groupconv,
    matmul,
    maxpool,
    mul,
    normalise,
    pad,
    prelu,
    rescale,
    softmax,
    table,
    threshold,
    thresholds_over,
    topk,
)
from random_recurrent import recurrent

from hwq.arith import IntArray
from hwq.hw.fold import divisors
from hwq.ir.op import REGISTRY, Op
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import Codebook, Coding, Concat, Const, MatMul, PowerSums, Softmax
from hwq.ops.lookup import MAX_FRACTION, MAX_INDEX_BITS, MAX_STEP
from hwq.ops.normalise import INDEX_BITS, MAX_VARIANCE_BITS, largest_variance
from hwq.ops.softmax import LEAST_FIRST, MAX_RECIPROCAL_BITS
from hwq.ops.topk import MAX_K

Draw = Any
BITS = st.sampled_from((8, 8, 8, 4, 2, 16, *range(1, 17)))
WEIGHT_BITS = st.sampled_from((8, 8, 4, 2, 16, *range(2, 17)))
MAX_EPS = 1000
ROWS = {"lstm": 4, "gru": 3, "rnn": 1}
"""Rows of a recurrent layer for each unit."""
JOINS = ["add", "extremum", "matmul", "mul"]
SINGLE = sorted(REGISTRY.keys() - {*JOINS, "concat", "const"})
WITHIN = [kind for kind in SINGLE if kind not in ("argmax", "dense", "topk")]


def fits(kind: str, x: TensorType) -> bool:
    """Whether an operation of `kind` can read `x`."""
    if kind == "normalise":
        return largest_variance(x, MAX_EPS).bit_length() <= MAX_VARIANCE_BITS
    return kind not in ROWS or (x.shape[0] == 1 and x.channels % ROWS[kind] == 0)


@st.composite
def windows(draw: Draw, x: TensorType, most: int = 3, padded: bool = True) -> Window:
    """A window with at least one position over `x`, each of which meets the image."""
    axes = []
    most = draw(st.sampled_from((most, most, most, most + 2)))
    for size in x.shape[:2]:
        kernel = draw(st.integers(1, most))
        dilation = draw(st.sampled_from((1, 1, 1, 2, 3))) if kernel > 1 else 1
        span = (kernel - 1) * dilation + 1
        # Taps less far apart than the image is large cannot pass it by.
        room = span - 1 if padded and dilation <= size else 0
        before, after = draw(st.integers(0, room)), draw(st.integers(0, room))
        if size + before + after < span:
            kernel, dilation, before, after = 1, 1, 0, 0
        axes.append((kernel, draw(st.sampled_from((1, 1, 2, 2, 3, 4))), dilation, before, after))
    (kh, sh, dh, top, bottom), (kw, sw, dw, left, right) = axes
    return Window((kh, kw), (sh, sw), (dh, dw), (top, left, bottom, right))


@st.composite
def quantisation(draw: Draw) -> dict[str, Any]:
    """Width, sign, rounding, zero point and ReLU of a result."""
    bits, signed = draw(BITS), draw(st.booleans())
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    return {
        "bits": bits,
        "signed": signed,
        "rounding": draw(st.integers(0, 3)),
        "zero": draw(st.sampled_from((0, 0, low, high, (low + high) // 2))),
        "relu": draw(st.booleans()),
    }


@st.composite
def codings(draw: Draw, channels: int, bits: int) -> Coding | None:
    """How weights of `bits` bits are stored: plain, from tables, or as sums of powers of two."""
    kind = draw(st.sampled_from(("plain", "plain", "layer", "channel", "powers")))
    if kind == "plain":
        return None
    if kind == "powers":
        return PowerSums(draw(st.integers(1, 2)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    entries = draw(st.sampled_from((2, 3, 4, 7, 16)))
    low = -(1 << (bits - 1))
    return Codebook(rng.integers(low, -low, (channels, entries) if kind == "channel" else entries))


@st.composite
def orders(draw: Draw, x: TensorType) -> IntArray:
    """An index into `x`: elements at random, or its rows, columns and channels, each in another order or padded."""
    at = np.arange(x.pixels * x.channels).reshape(x.shape)
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    if draw(st.booleans()):
        at = rng.integers(-1, at.size, [draw(st.integers(1, 6)) for _ in range(3)])
    for axis in range(3):
        size = at.shape[axis]
        way = draw(st.sampled_from(("all", "all", "reversed", "some", "drawn", "padded")))
        if way == "padded":
            at = np.pad(at, [(int(a == axis), 0) for a in range(3)], constant_values=-1)
        elif way != "all":
            chosen = rng.integers(0, size, draw(st.integers(1, 6)))
            at = at.take({"reversed": np.arange(size)[::-1], "some": np.unique(chosen), "drawn": chosen}[way], axis)
    return at.transpose(draw(st.permutations((0, 1, 2))))


@st.composite
def operations(draw: Draw, kind: str, name: str, source: str, x: TensorType) -> Op:
    """An operation of `kind` with one input."""
    at = {"name": name, "source": source}
    inside = st.integers(*x.range)
    scale = draw(st.sampled_from(("shift", "one", "channel", "pow2", "three", "odd", "mantissa3", "mantissa4")))
    wbits = draw(WEIGHT_BITS)

    def weights(channels: int) -> dict[str, Any]:
        return {"wbits": wbits, "coding": draw(codings(channels, wbits))}

    match kind:
        case "groupconv" if x.channels > 1:
            window = draw(windows(x))
            groups = draw(st.sampled_from([n for n in divisors(x.channels) if n > 1]))
            m = groups * draw(st.integers(1, max(1, 6 // groups)))
            return groupconv(
                x, m, groups, window, **at, **weights(m), pad=draw(inside), scale=scale, **draw(quantisation())
            )
        case "conv" | "groupconv":
            window = draw(windows(x))
            m = draw(st.integers(1, 6))
            return conv(x, m, window, **at, **weights(m), pad=draw(inside), scale=scale, **draw(quantisation()))
        case "depthwise":
            window = draw(windows(x))
            return depthwise(
                x, window, **at, **weights(x.channels), pad=draw(inside), scale=scale, **draw(quantisation())
            )
        case "dense":
            m = draw(st.integers(1, 7))
            return dense(x, m, **at, **weights(m), scale=scale, **draw(quantisation()))
        case "avgpool":
            window = draw(st.one_of(windows(x), st.just(Window(x.shape[:2]))))
            single = draw(st.sampled_from(("shift", "one", "three")))
            return avgpool(x, window, **at, pad=draw(inside), scale=single, **draw(quantisation()))
        case "maxpool":
            return maxpool(x, draw(windows(x)), **at)
        case "pad":
            sides = draw(st.tuples(*[st.integers(0, 2)] * 4))
            return pad(sides, draw(inside), **at)
        case "rescale":
            bias = draw(st.sampled_from((0, -x.range[0], -x.range[1])))
            return rescale(
                x, **at, bias=bias, scale=draw(st.sampled_from(("shift", "one", "three"))), **draw(quantisation())
            )
        case "prelu":
            factor = st.integers(-65_535, 65_535)
            negative = draw(st.lists(factor, min_size=x.channels, max_size=x.channels))
            negative = negative[: draw(st.sampled_from((1, x.channels)))]
            bias = draw(st.sampled_from((0, -x.range[0], -x.range[1])))
            positive = draw(st.integers(1, 65_535))
            return prelu(x, positive, tuple(negative), **at, bias=bias, **draw(quantisation()))
        case "table":
            step = draw(st.integers(max(0, x.bits - MAX_INDEX_BITS), min(x.bits, MAX_STEP)))
            fraction, bits, signed = draw(st.integers(0, MAX_FRACTION)), draw(BITS), draw(st.booleans())
            return table(x, step, **at, fraction=fraction, bits=bits, signed=signed)
        case "softmax":
            return draw(softmaxes(x, **at))
        case "normalise":
            bits, index_bits = draw(BITS), draw(st.integers(*INDEX_BITS))
            spare = draw(st.integers(-2, 4))
            eps = draw(st.sampled_from((1, 7, MAX_EPS)))
            fields = {"eps": eps, "index_bits": index_bits, "spare": spare, "bits": bits, "signed": draw(st.booleans())}
            return normalise(x, **at, **fields)
        case "gather":
            return gather(draw(orders(x)), draw(inside), **at)
        case "lstm" | "gru" | "rnn":
            return draw(recurrent(kind, x, **at))
        case "threshold":
            count, low = draw(st.sampled_from((*range(1, 10), 40))), draw(st.integers(-9, 9))
            bits = max(1, (low + count).bit_length(), (-low).bit_length()) + 1
            steps = thresholds_over(x, draw(st.sampled_from((1, x.channels))), count)
            return threshold(x, steps.tolist(), low, **at, bits=draw(st.integers(bits, 16)), signed=True)
        case "argmax":
            return argmax(x, **at)
        case "topk":
            return topk(x, draw(st.integers(1, min(x.channels, MAX_K))), **at)
    raise AssertionError(f"{kind}: no strategy makes this operation")


@st.composite
def softmaxes(draw: Draw, x: TensorType, **at: str) -> Softmax:
    """A softmax with exponentials of a scale, or with any that never rise."""
    step = draw(st.integers(max(0, x.bits - 10), x.bits))
    bits = draw(BITS)
    spare = draw(st.integers(0, MAX_RECIPROCAL_BITS - 16 - bits))
    exps = None
    if draw(st.booleans()):
        count = draw(st.integers(1, (1 << (x.bits - step)) + (step > 0)))
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        exps = np.sort(rng.integers(0, 1 << 16, count))[::-1].copy()
        exps[0] = max(exps[0], LEAST_FIRST)
    return softmax(x, exps, **at, step=step, spare=spare, bits=bits)


@st.composite
def joins(draw: Draw, kind: str, name: str, source: str, types: dict[str, TensorType], constant: bool = False) -> Op:
    """An operation of `kind` with two inputs: `source`, and the same or another tensor of `types`, or its last one."""
    now = types[source]
    if kind == "matmul":
        return draw(products(name, source, types, constant))
    fitting = [other for other, x in types.items() if (x == now if kind == "extremum" else x.shape == now.shape)]
    other = fitting[-1] if constant else draw(st.sampled_from(fitting))
    at = {"name": name, "sources": (source, other)}
    if kind == "extremum":
        return extremum(draw(st.booleans()), **at)
    if kind == "mul":
        zeros = tuple(draw(st.integers(*types[each].range)) for each in (source, other))
        scale = draw(st.sampled_from(("shift", "one", "three")))
        return mul(now, types[other], **at, zeros=zeros, scale=scale, **draw(quantisation()))
    sizes, signs = st.tuples(st.integers(1, 65_535), st.integers(1, 300)), st.sampled_from((1, 1, -1))
    factors = tuple(size * draw(signs) for size in draw(sizes))
    bias = draw(st.integers(-40_000, 40_000))
    return add(now, types[other], **at, factors=factors, bias=bias, **draw(quantisation()))


@st.composite
def constants(draw: Draw, name: str, x: TensorType) -> Const:
    """A constant of the shape of `x`, of any type."""
    type_ = TensorType(x.shape, draw(BITS), draw(st.booleans()))
    low, high = type_.range
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(low, high + 1, x.shape)
    return const(values, name=name, bits=type_.bits, signed=type_.signed)


@st.composite
def concats(draw: Draw, name: str, source: str, types: dict[str, TensorType]) -> Concat:
    """`source` among up to three tensors that go with it along some axis, itself included."""
    axis, found = draw(st.integers(0, 2)), []
    for other in types:
        try:
            concat(axis, source, other).result(types[source], types[other])
            found.append(other)
        except ValueError:
            continue
    others = draw(st.lists(st.sampled_from(found), min_size=1, max_size=3))
    at = draw(st.integers(0, len(others)))
    return concat(axis, *others[:at], source, *others[at:], name=name)


@st.composite
def products(draw: Draw, name: str, source: str, types: dict[str, TensorType], constant: bool) -> MatMul:
    """A matrix product of `source` and a tensor of as many rows and channels, or the last one, in either order."""
    fitting = [other for other, x in types.items() if x.shape[::2] == types[source].shape[::2]]
    first, second = draw(st.permutations((source, fitting[-1] if constant else draw(st.sampled_from(fitting)))))
    a, b = types[first], types[second]
    zeros = (draw(st.integers(*a.range)), draw(st.integers(*b.range)))
    scale = draw(st.sampled_from(("shift", "one", "three")))
    return matmul(a, b, name=name, sources=(first, second), zeros=zeros, scale=scale, **draw(quantisation()))
