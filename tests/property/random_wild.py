"""What random programs have beyond the usual: shapes, several ports in any order, requantisations of any numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from random_operations import BITS

from hwq.arith import Requant, int_range
from hwq.ir.op import Op
from hwq.ir.program import MAX_ACCUMULATOR_BITS, MAX_BITS, Port, Program
from hwq.ir.types import TensorType
from hwq.ops import Add, Linear, PRelu
from hwq.ops.requantised import Requantised

Draw = Any


@st.composite
def shapes(draw: Draw, size: int) -> tuple[int, int, int]:
    """Of an image, of a row or a column of pixels, or of a sequence whose vectors recurrent layers can read."""
    columns = draw(st.integers(1, size))
    way = draw(st.sampled_from(("image", "image", "image", "sequence", "sequence", "row", "column")))
    if way == "sequence":
        return 1, columns, draw(st.sampled_from((3, 4, 6, 8, 12)))
    channels = draw(st.sampled_from((1, 2, 3, 4, 5, 6, 7, 11)))
    if way == "image":
        return draw(st.integers(1, size)), columns, min(channels, size)
    long = draw(st.sampled_from((11, 13, 16)))
    return (1, long, channels) if way == "row" else (long, 1, channels)


@st.composite
def types_of(draw: Draw, size: int) -> TensorType:
    """The type of an input."""
    return TensorType(draw(shapes(size)), draw(BITS), draw(st.booleans()))


@st.composite
def entrances(draw: Draw, size: int) -> dict[str, TensorType]:
    """One to three inputs, most of them alike, so that they can be joined."""
    first = draw(types_of(size))
    found = {"a": first}
    for name in ("b", "c")[: draw(st.sampled_from((0, 0, 0, 1, 1, 2)))]:
        other = TensorType(first.shape, draw(BITS), draw(st.booleans()))
        found[name] = draw(st.sampled_from((first, other, draw(types_of(size)))))
    return found


@st.composite
def exits(draw: Draw, made: Sequence[str], ends: Sequence[str]) -> list[str]:
    """What leaves: everything that nothing reads, now and then other results, or one of them a second time."""
    way = draw(st.sampled_from(("ends", "ends", "some", "all")))
    more = list(made) if way == "all" else draw(st.lists(st.sampled_from(made), max_size=3)) if way == "some" else []
    return [*ends, *(more if draw(st.booleans()) else [name for name in more if name not in ends])]


@st.composite
def widened(draw: Draw, op: Op) -> Op:
    """`op`, which nothing reads, now and then with a result of 17 to 32 bits."""
    if not isinstance(op, Requantised) or draw(st.integers(0, 3)):
        return op
    bits, requant = draw(st.sampled_from((17, 24, 31, 32))), op.requant
    low, high = int_range(bits, op.signed)
    shift = max(0, requant.shift - (bits - op.bits))
    return replace(op, bits=bits, requant=replace(requant, shift=shift, qmin=low, qmax=high))


@st.composite
def ported(draw: Draw, p: Program, ends: Sequence[str]) -> Program:
    """`p` with a port for each of `ends`, where a tensor may come again, and elements in any order at some ports."""
    by_tensor = {port.tensor: port for port in p.outputs}
    outputs = []
    for number, name in enumerate(ends):
        again = name in ends[:number]
        port = replace(by_tensor[name], name=f"{name}_{number}" if again else name)
        outputs.append(draw(turned(port)))
    inputs = [draw(turned(port)) for port in p.inputs]
    return replace(p, inputs=tuple(inputs), outputs=tuple(outputs)).verify()


@st.composite
def turned(draw: Draw, port: Port) -> Port:
    """`port` with its elements as they are, with other axes, as a vector, or in any order."""
    way = draw(st.sampled_from(("same", "same", "axes", "vector", "any")))
    index = port.index
    if way == "axes":
        index = np.ascontiguousarray(index.transpose(draw(st.permutations((0, 1, 2)))))
    elif way == "vector":
        index = index.reshape(-1)
    elif way == "any":
        index = np.random.default_rng(draw(st.integers(0, 99))).permutation(index.ravel()).reshape(index.shape)
    return replace(port, index=index)


@st.composite
def wilder(draw: Draw, op: Requantised, types: Sequence[TensorType]) -> Requantised:
    """`op` with other numbers in rule R1, perhaps weights of zero or a large bias; as it was where that is too wide."""
    plain, bits, low, high = op, op.bits, *int_range(op.bits, op.signed)
    ins = [type_.range for type_ in types]
    if isinstance(op, Linear) and draw(st.integers(0, 3)) == 0:
        op = draw(odd_weights(op))
    requant = op.requant
    count, least = len(requant.multiplier), [0, 1, 2, 3, 32_768, 65_534, 65_535]
    factors = requant.multiplier
    if not isinstance(op, Add | PRelu) and draw(st.booleans()):
        each = st.one_of(st.sampled_from(least), st.integers(0, 65_535))
        factors = tuple(draw(st.lists(each, min_size=count, max_size=count)))
    shift = draw(st.sampled_from((requant.shift,) * 4 + (0, 1, requant.shift + 1, requant.shift + 3, 40, 60)))
    zero = draw(st.sampled_from((requant.zero_point,) * 3 + (-(1 << bits), (1 << bits) - 1, low, high, 1)))
    ends = draw(st.sampled_from(((requant.qmin, requant.qmax),) * 3 + ((low, high), (low, low), (high, high), (0, 0))))
    if draw(st.integers(0, 4)) == 0:
        ends = tuple(sorted(draw(st.tuples(st.integers(low, high), st.integers(low, high)))))
    spare = draw(st.sampled_from((0, 0, 0, 1, 2, 7)))
    wild = replace(op, requant=Requant(factors, shift, requant.rounding, zero, *ends))
    acc_bits = wild.accumulator_bits(*ins)
    wild = replace(wild, acc_bits=max(acc_bits, min(acc_bits + spare, MAX_ACCUMULATOR_BITS)))
    fits = acc_bits <= MAX_ACCUMULATOR_BITS and wild.magnitude(*ins).bit_length() <= MAX_BITS
    return wild if fits else replace(plain, acc_bits=plain.accumulator_bits(*ins))


@st.composite
def odd_weights(draw: Draw, op: Linear) -> Linear:
    """`op` with output channels of zeros or without inputs, or with a bias far beyond what its sums reach."""
    rng, way = np.random.default_rng(draw(st.integers(0, 99))), draw(st.sampled_from(("zeros", "one", "bias")))
    weight, bias = op.weight.copy(), op.bias.copy()
    if way == "bias":
        bias[rng.integers(len(bias))] += draw(st.sampled_from((1 << 20, -(1 << 20), 1 << 34, -(1 << 34), 1 << 44)))
    elif op.coding is None:
        weight[... if way == "zeros" else rng.integers(len(weight))] = 0
    return replace(op, weight=weight, bias=bias)
