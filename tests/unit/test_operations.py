"""`hwq.ops` against loops over plain Python integers, and their bounds against what can happen."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from cases import CASES
from cases_normalisation import REFUSED_PIXELWISE
from cases_threshold import REFUSED_THRESHOLDS
from nets import (
    add,
    avgpool,
    concat,
    const,
    conv,
    dense,
    depthwise,
    extremum,
    gather,
    groupconv,
    maxpool,
    mul,
    pad,
    prelu,
    program,
    rescale,
    table,
    tensor,
    topk,
)
from recurrent_loops import looked_up, steps
from test_arith import ROUND

from hwq.arith import Interval, Requant, Rounding
from hwq.errors import BadInput
from hwq.ir.op import REGISTRY, Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import (
    Add,
    ArgMax,
    AvgPool,
    Codebook,
    Concat,
    Const,
    Conv,
    Dense,
    Depthwise,
    Extremum,
    Gather,
    GroupConv,
    Linear,
    MatMul,
    MaxPool,
    Mul,
    Normalise,
    Pad,
    PowerSums,
    PRelu,
    Recurrent,
    Rescale,
    Softmax,
    Table,
    Threshold,
    TopK,
)
from hwq.ops.coding import allowed, codes
from hwq.ops.requantised import Requantised

Pixel = list[int]
Image = list[list[Pixel]]
PROGRAMS = {f"{kind}-{name}": p for kind, cases in CASES.items() for name, p in cases.items()}
each_case = pytest.mark.parametrize("program_", PROGRAMS.values(), ids=PROGRAMS.keys())


def requantised(acc: int, channel: int, q: Requant) -> int:
    factor = q.multiplier[channel % len(q.multiplier)]
    rounded = ROUND[q.rounding](Fraction(acc * factor, 1 << q.shift))
    return max(q.qmin, min(q.qmax, rounded + q.zero_point))


def taps(x: Image, window: Window, pad_value: int, row: int, column: int) -> Iterator[tuple[int, int, Pixel]]:
    """Kernel row, kernel column and input pixel of each tap of one output pixel."""
    for kh in range(window.kernel[0]):
        for kw in range(window.kernel[1]):
            r = row * window.stride[0] - window.pads[0] + kh * window.dilation[0]
            c = column * window.stride[1] - window.pads[1] + kw * window.dilation[1]
            inside = 0 <= r < len(x) and 0 <= c < len(x[0])
            yield kh, kw, x[r][c] if inside else [pad_value] * len(x[0][0])


def shares(op: Softmax, x: Pixel) -> Pixel:
    """Rule N1 on one pixel, in fractions."""
    entries, unit = op.exps.tolist(), 1 << op.step
    entries += entries[-1:] * (max(x) - min(x) + 2)
    places = [divmod(max(x) - v, unit) for v in x]
    lines = [entries[i] + Fraction((entries[i + 1] - entries[i]) * f, unit) for i, f in places]
    exps = [ROUND[Rounding.HALF_UP](e) for e in lines]
    reciprocal = (1 << op.reciprocal_bits) // sum(exps)
    scale = 1 << (op.reciprocal_bits - op.bits)
    return [min(ROUND[Rounding.HALF_UP](Fraction(e * reciprocal, scale)), (1 << op.bits) - 1) for e in exps]


def normalised(op: Normalise, x: Pixel) -> Pixel:
    """Rule N2 on one pixel, in fractions."""
    differences = [len(x) * v - sum(x) for v in x]
    variance = sum(d * d for d in differences) + op.eps
    j = next(j for j in range(1, 31) if variance < 4**j)
    factor = int(op.table[int(Fraction(variance << (op.index_bits + 2), 4**j)) - (1 << op.index_bits)])
    low, high = (-(1 << (op.bits - 1)), (1 << (op.bits - 1)) - 1) if op.signed else (0, (1 << op.bits) - 1)
    exact = [d * factor / Fraction(2) ** (j + op.fraction) for d in differences]
    return [min(max(ROUND[Rounding.HALF_UP](y), low), high) for y in exact]


def pixel(op: Op, xs: list[Image], row: int, column: int) -> Pixel:
    """One output pixel of any operation."""
    x = xs[0] if xs else []
    match op:
        case Conv():
            found = list(taps(x, op.window, op.pad_value, row, column))
            sums = [
                int(op.bias[m]) + sum(int(op.weight[m, kh, kw, c]) * v for kh, kw, p in found for c, v in enumerate(p))
                for m in range(op.channels)
            ]
        case GroupConv():
            found = list(taps(x, op.window, op.pad_value, row, column))
            inputs, outputs = len(x[0][0]) // op.groups, op.channels // op.groups
            sums = [
                int(op.bias[m])
                + sum(
                    int(op.weight[m, kh, kw, c]) * p[m // outputs * inputs + c]
                    for kh, kw, p in found
                    for c in range(inputs)
                )
                for m in range(op.channels)
            ]
        case Depthwise():
            found = list(taps(x, op.window, op.pad_value, row, column))
            sums = [
                int(op.bias[m]) + sum(int(op.weight[m, kh, kw]) * p[m] for kh, kw, p in found)
                for m in range(op.channels)
            ]
        case Dense():
            every = [(r, c, k) for r in range(len(x)) for c in range(len(x[0])) for k in range(len(x[0][0]))]
            sums = [
                int(op.bias[m]) + sum(int(op.weight[(m, *place)]) * x[place[0]][place[1]][place[2]] for place in every)
                for m in range(op.channels)
            ]
        case AvgPool():
            found = list(taps(x, op.window, op.pad_value, row, column))
            sums = [op.bias + sum(p[c] for _, _, p in found) for c in range(len(x[0][0]))]
        case Rescale():
            sums = [v + op.bias for v in x[row][column]]
        case PRelu():
            distances = [v + op.bias for v in x[row][column]]
            sides = [[op.negative[c % len(op.negative)], op.positive] for c in range(len(distances))]
            sums = [d * side[d >= 0] for d, side in zip(distances, sides, strict=True)]
        case Add():
            pairs = zip(xs[0][row][column], xs[1][row][column], strict=True)
            sums = [a * op.factors[0] + b * op.factors[1] + op.bias for a, b in pairs]
        case Mul():
            pairs = zip(xs[0][row][column], xs[1][row][column], strict=True)
            sums = [(a - op.zeros[0]) * (b - op.zeros[1]) for a, b in pairs]
        case Extremum():
            return [sorted(pair)[op.largest] for pair in zip(xs[0][row][column], xs[1][row][column], strict=True)]
        case MatMul():
            za, zb = op.zeros
            rows = [list(zip(x[row][column], other, strict=True)) for other in xs[1][row]]
            sums = [sum((u - za) * (v - zb) for u, v in terms) for terms in rows]
        case MaxPool():
            found = list(taps(x, op.window, op.pad_value, row, column))
            return [max(p[c] for _, _, p in found) for c in range(len(x[0][0]))]
        case Pad():
            return next(p for _, _, p in taps(x, op.window, op.pad_value, row, column))
        case TopK():
            values = x[row][column]
            return sorted(range(len(values)), key=lambda channel: (-values[channel], channel))[: op.k]
        case Table():
            return [looked_up(op, v, op.low) for v in x[row][column]]
        case Threshold():
            rows = itertools.cycle(op.thresholds.tolist())
            return [op.low + sum(v >= t for t in row) for v, row in zip(x[row][column], rows, strict=False)]
        case Gather():
            flat = [v for line in x for p in line for v in p]
            return [op.pad_value if n < 0 else flat[n] for n in op.index[row, column].tolist()]
        case Recurrent():
            return steps(op, x[row])[column]
        case ArgMax():
            return [x[row][column].index(max(x[row][column]))]
        case Softmax():
            return shares(op, x[row][column])
        case Normalise():
            return normalised(op, x[row][column])
        case Const():
            return op.values[row, column].tolist()
        case Concat():
            if op.axis == 2:
                return [v for image in xs for v in image[row][column]]
            below, beside = [r for image in xs for r in image], [p for image in xs for p in image[row % len(image)]]
            return below[row][column] if op.axis == 0 else beside[column]
        case _:
            raise AssertionError(f"no loop for {op.kind}")
    return [requantised(acc, channel, op.requant) for channel, acc in enumerate(sums)]


@each_case
def test_equals_loops_over_integers(program_: Program) -> None:
    op = program_.ops[0]
    rows, columns, _ = program_.types[op.name].shape
    xs = [program_.samples[name] for name in op.inputs]
    got = op.evaluate(*xs)
    for n in range(len(got)):
        images = [x[n].tolist() for x in xs]
        want = [[pixel(op, images, row, column) for column in range(columns)] for row in range(rows)]
        assert got[n].tolist() == want


@each_case
def test_results_stay_within_bounds(program_: Program) -> None:
    """Random inputs of any sub-interval: accumulator and result are inside of what is claimed."""
    op = program_.ops[0]
    rng = np.random.default_rng(1)
    for trial in range(6):
        within: dict[str, Interval] = {}
        values = {}
        for name, type_ in program_.input_types.items():
            low, high = type_.range
            ends = sorted(rng.integers(low, high + 1, 2).tolist()) if trial else [low, high]
            within[name], shape = (ends[0], ends[1]), (20, *type_.shape)
            values[name] = rng.choice(ends, shape) if trial % 2 else rng.integers(ends[0], ends[1] + 1, shape)
        intervals, xs = [within[name] for name in op.inputs], [values[name] for name in op.inputs]
        low, high = op.bound(*intervals)
        y = op.evaluate(*xs)
        assert low <= y.min() and y.max() <= high
        assert np.abs(y).max() <= op.magnitude(*intervals) or not hasattr(op, "accumulate")
        if isinstance(op, Requantised):
            acc = op.accumulate(*xs)
            low, high = op.accumulator(*intervals)
            assert low <= acc.min() and acc.max() <= high
            assert np.abs(acc).max() <= op.partial_sum(*intervals) <= op.magnitude(*intervals)


@pytest.mark.parametrize("kind", ["conv", "depthwise", "groupconv", "dense"])
@pytest.mark.parametrize("interval", [(-128, 127), (0, 255), (3, 17), (-9, -2)])
def test_worst_input_attains_the_accumulator_bound(kind: str, interval: Interval) -> None:
    """For each channel the input that is highest where a weight is positive; without padding every tap is free."""
    x = tensor(3, 3, 4)
    op: Linear = {
        "conv": conv(x, 5, Window((3, 3))), "depthwise": depthwise(x, Window((3, 3))), "dense": dense(x, 5),
        "groupconv": groupconv(x, 6, 2, Window((3, 3))),
    }[kind]  # fmt: skip
    low, high = interval
    found = []
    for m in range(op.channels):
        weight = np.zeros((3, 3, 4), np.int64)
        _, outputs, *_, inputs = op.kernels.shape
        group = m // outputs
        weight[..., group * inputs : (group + 1) * inputs] = op.kernels[group, m % outputs]
        worst = np.stack([np.where(weight > 0, high, low), np.where(weight > 0, low, high)])
        found += op.accumulate(worst)[..., m].ravel().tolist()
    assert (min(found), max(found)) == op.accumulator(interval)


@pytest.mark.parametrize("factors", [(3, 5), (3, -5), (-3, 5), (-3, -5)])
def test_accumulator_bound_of_a_sum_is_attained(factors: tuple[int, int]) -> None:
    op = replace(CASES["add"]["half_up"].ops[0], factors=factors, bias=11)  # type: ignore[call-arg]
    ends = ((-7, 20), (3, 9))
    found = [op.accumulate(np.array(a), np.array(b)) for a in ends[0] for b in ends[1]]  # type: ignore[attr-defined]
    assert (min(found), max(found)) == op.accumulator(*ends)


@pytest.mark.parametrize("zeros", [(0, 0), (3, 3), (-5, 4), (9, -128), (-7, 6)])
@pytest.mark.parametrize("ends", [((-7, 20), (3, 9)), ((-7, 20), (-9, 4)), ((5, 6), (-3, -3))])
def test_accumulator_bound_of_a_product_is_attained(zeros: tuple[int, int], ends: tuple[Interval, Interval]) -> None:
    """Over all pairs of values; over all values where both are the same."""
    x = tensor(1, 1, 1)
    two, one = mul(x, x, zeros=zeros), mul(x, x, sources=("a", "a"), zeros=zeros)
    left, right = (np.arange(low, high + 1) for low, high in ends)
    products = two.accumulate(left[:, None], right[None])
    assert (products.min(), products.max()) == two.accumulator(*ends)
    squares = one.accumulate(left, left)
    assert (squares.min(), squares.max()) == one.accumulator(ends[0], ends[0])


@pytest.mark.parametrize("rounding", list(Rounding))
def test_result_bound_is_attained(rounding: Rounding) -> None:
    """With one multiplier the bound of the result is what the accumulator's ends become."""
    x = tensor(2, 2, 3)
    op = dense(x, 1, rounding=rounding)
    for low, high in ((-128, 127), (-3, 100)):
        worst = np.stack([np.where(op.weight[0] > 0, a, b) for a, b in ((high, low), (low, high))])
        y = op.evaluate(worst)
        assert (int(y.min()), int(y.max())) == op.bound((low, high))


def test_padding_widens_the_bound() -> None:
    op = conv(tensor(3, 3, 2, signed=False), 2, Window((3, 3), pads=(1, 1, 1, 1)), pad=200)
    assert op.accumulator((0, 10)) == op.accumulator((0, 200))
    assert op.accumulator((150, 210)) != op.accumulator((0, 210))


def test_every_operation_has_a_loop() -> None:
    assert {p.ops[0].kind for p in PROGRAMS.values()} == REGISTRY.keys()


X = tensor(4, 4, 3)
REFUSED: dict[str, tuple[Op, str]] = {
    "weight shape": (replace(conv(tensor(4, 4, 2), 2, Window((3, 3)))), r"weight has shape \(2, 3, 3, 2\), expected"),
    "weights too wide": (replace(conv(X, 2, Window((3, 3))), weight_bits=4), "weights exceed 4 bits"),
    "not in the codebook": (
        replace(conv(X, 2, Window((1, 1))), coding=Codebook(np.array([-128, 5]))),
        "weight -?[0-9]+ cannot be expressed",
    ),
    "not in the channel's table": (
        replace(dense(X, 2, wbits=2), coding=Codebook(np.array([[-2, -1, 0, 1], [-2, -1, 0, 0]]))),
        "weight 1 cannot be expressed",
    ),
    "tables": (replace(dense(X, 3), coding=Codebook(np.zeros((2, 4), np.int64))), r"codebook has shape \(2, 4\), "),
    "one entry": (replace(dense(X, 3), coding=Codebook(np.array([0]))), "expected 2 to 256 entries"),
    "many entries": (replace(dense(X, 3), coding=Codebook(np.arange(257) % 9)), "expected 2 to 256 entries"),
    "wide entries": (replace(dense(X, 3), coding=Codebook(np.array([0, 128]))), "codebook exceeds 8 bits"),
    "no power of two": (replace(dense(X, 3), coding=PowerSums(1)), "cannot be expressed by its coding"),
    "no sum of powers": (replace(dense(X, 3), coding=PowerSums(2)), "cannot be expressed by its coding"),
    "three powers": (replace(dense(X, 3), coding=PowerSums(3)), "3 powers of two in a weight, expected 1 to 2"),
    "bias": (replace(conv(X, 2, Window((3, 3))), bias=np.zeros(3, np.int64)), r"bias has shape \(3,\)"),
    "no output": (replace(conv(X, 2, Window((3, 3))), window=Window((3, 3), dilation=(2, 1))), "output would be 0 by"),
    "dense shape": (dense(tensor(1, 1, 48), 2), "weight has shape"),
    "depthwise shape": (depthwise(tensor(4, 4, 2), Window((2, 2))), "weight has shape"),
    "group shape": (groupconv(tensor(4, 4, 6), 6, 3, Window((1, 1))), r"weight has shape \(6, 1, 1, 2\), expected"),
    "one group": (replace(groupconv(X, 3, 3, Window((1, 1))), groups=1), "1 groups, expected at least 2"),
    "groups of inputs": (groupconv(tensor(4, 4, 4), 4, 2, Window((1, 1))), "2 groups, .* divide 3 inputs and 4"),
    "groups of outputs": (
        replace(groupconv(X, 3, 3, Window((1, 1))), weight=np.ones((4, 1, 1, 1), np.int64)),
        "3 groups, expected at least 2 that divide 3 inputs and 4",
    ),
    "clamp": (replace(rescale(X), bits=4), "clamp .* is outside of s4"),
    "multipliers": (
        replace(conv(X, 2, Window((1, 1))), requant=replace(conv(X, 2, Window((1, 1))).requant, multiplier=(1, 2, 3))),
        "3 multipliers for 2 channels",
    ),
    "multiplier": (
        replace(conv(X, 2, Window((1, 1))), requant=replace(conv(X, 2, Window((1, 1))).requant, multiplier=(1 << 24,))),
        "outside of 0 to 16777215",
    ),
    "average multipliers": (
        replace(avgpool(X, Window((2, 2))), requant=Requant((1, 2, 3), 0, Rounding.FLOOR, 0, 0, 1)),
        "average pooling has one multiplier",
    ),
    "maximum of padding": (maxpool(X, Window((2, 2), pads=(2, 0, 0, 0))), "lies wholly in the padding"),
    "maximum between": (maxpool(X, Window((2, 1), dilation=(5, 1), pads=(1, 0, 1, 0))), "wholly in the padding"),
    "maximum's padding": (replace(maxpool(X, Window((2, 2))), pad_value=0), "expected -128, the lowest value"),
    "padding value": (pad((1, 1, 1, 1), 128), "pad_value 128 is outside of s8"),
    "padding window": (replace(pad((1, 1, 1, 1)), window=Window((1, 1), (2, 1))), "expected 1 by 1"),
    "zero point": (replace(prelu(X), bias=129), "bias is 129, expected -127 to 128, a zero point"),
    "positive": (replace(prelu(X), positive=0), "positive is 0, expected 1 to 65535"),
    "negative": (replace(prelu(X), negative=(1, 1 - (1 << 16), 1 << 16)), "outside of -65535 to 65535"),
    "negative factors": (replace(prelu(X), negative=(1, 2)), "2 negative factors for 3 channels"),
    "prelu multiplier": (
        replace(prelu(X), requant=Requant((3,), 0, Rounding.FLOOR, 0, 0, 1)), "none in `requant`",
    ),
    "step": (replace(table(X), step=11), "step is 11, expected 0 to 10"),
    "fraction": (replace(table(X), fraction=9), "fraction is 9, expected 0 to 8"),
    "line": (replace(table(X), step=9), "step is 9 for an input of 8 bits, expected 0 to 8"),
    "entries": (replace(table(X), step=1), r"entries have shape \(256,\), expected \(129,\)"),
    "wide entry": (replace(table(X), entries=np.full(256, 1 << 23)), "an entry exceeds 24 bits"),
    "lowest": (replace(table(X), low=0), "low is 0, expected -128, the lowest value of s8"),
    **REFUSED_PIXELWISE,
    **REFUSED_THRESHOLDS,
    "index of two axes": (gather(np.zeros((2, 2))), r"index has shape \(2, 2\), expected height, width and channels"),
    "empty index": (gather(np.zeros((0, 2, 2))), r"index has shape \(0, 2, 2\)"),
    "index too high": (gather(np.array([[[0, 48]]])), r"index reaches from 0 to 48, expected -1 to 47 for s8\[4,4,3\]"),
    "index too low": (gather(np.array([[[-2, 3]]])), "index reaches from -2 to 3, expected -1 to 47"),
    "gathered padding": (gather(np.array([[[-1]]]), -129), "pad_value -129 is outside of s8"),
    "argmax channels": (ArgMax(name="y", inputs=("a",), channels=4), "expected 4 channels"),
    "topk channels": (TopK(name="y", inputs=("a",), channels=4, k=1), "expected 4 channels"),
    "no indices": (topk(X, 0), "k is 0, expected 1 to 3"),
    "more indices than channels": (topk(X, 4), "k is 4, expected 1 to 3"),
}  # fmt: skip


@pytest.mark.parametrize(("op", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals(op: Op, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        op.result(X)
    with pytest.raises(BadInput, match=rf"y \({op.kind}\): .*{text}"):
        program([op], {"a": X})


ADD = {
    "shapes": (tensor(4, 4, 2), {}, "expected equal shapes"),
    "multiplier": (X, {"requant": Requant((3,), 0, Rounding.FLOOR, 0, 0, 1)}, "none in `requant`"),
    "no factor": (X, {"factors": (1, 0)}, "expected -16777215 to 16777215 and not 0"),
    "large factor": (X, {"factors": (1 << 24, 1)}, "expected -16777215 to 16777215 and not 0"),
    "small factor": (X, {"factors": (1, -(1 << 24))}, "expected -16777215 to 16777215 and not 0"),
}


@pytest.mark.parametrize(("other", "changes", "text"), ADD.values(), ids=ADD.keys())
def test_add_refusals(other: TensorType, changes: dict[str, object], text: str) -> None:
    op = CASES["add"]["half_up"].ops[0]
    with pytest.raises(ValueError, match=text):
        replace(op, **changes).result(X, other)  # type: ignore[arg-type]


PAIRS: dict[str, tuple[TensorType, Op, str]] = {
    "product of shapes": (tensor(4, 3, 3), mul(X, X), "expected equal shapes"),
    "multipliers": (
        X, replace(mul(X, X), requant=Requant((1, 2, 3), 0, Rounding.FLOOR, 0, 0, 1)), "mul has one multiplier"
    ),
    "zero points": (X, replace(mul(X, X), zeros=(128, 0)), r"zeros are \(128, 0\), expected values of s8.* and s8"),
    "second zero point": (tensor(4, 4, 3, bits=4), replace(mul(X, X), zeros=(0, -9)), "expected values of s8.* and s4"),
    "extremum of shapes": (tensor(4, 4, 2), extremum(), "expected equal types"),
    "extremum of widths": (tensor(4, 4, 3, bits=7), extremum(), "expected equal types"),
    "extremum of signs": (tensor(4, 4, 3, signed=False), extremum(False), "expected equal types"),
}  # fmt: skip


@pytest.mark.parametrize(("other", "op", "text"), PAIRS.values(), ids=PAIRS.keys())
def test_refusals_of_pairs(other: TensorType, op: Op, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        op.result(X, other)


def test_many_indices() -> None:
    with pytest.raises(ValueError, match="k is 17, expected 1 to 16"):
        topk(tensor(1, 1, 20), 17).result(tensor(1, 1, 20))


CONCAT = {
    "axis": (concat(3, "a", "b"), [X, X], r"axis is 3, expected 0 \(rows\), 1 \(columns\) or 2 \(channels\)"),
    "one input": (concat(0, "a"), [X], "has 1 inputs, expected 2 to 16"),
    "many inputs": (concat(0, *["a"] * 17), [X] * 17, "has 17 inputs, expected 2 to 16"),
    "bits": (concat(2, "a", "b"), [X, tensor(4, 4, 3, bits=7)], "expected one integer type"),
    "sign": (concat(2, "a", "b"), [X, tensor(4, 4, 3, signed=False)], "expected one integer type"),
    "rows": (concat(0, "a", "b"), [X, tensor(4, 5, 3)], "expected other sizes of rows alone"),
    "columns": (concat(1, "a", "b"), [X, tensor(4, 5, 2)], "expected other sizes of columns alone"),
    "channels": (concat(2, "a", "b"), [X, tensor(5, 4, 3)], "expected other sizes of channels alone"),
}


@pytest.mark.parametrize(("op", "types", "text"), CONCAT.values(), ids=CONCAT.keys())
def test_concat_refusals(op: Concat, types: list[TensorType], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        op.result(*types)


CONST = {
    "inputs": (replace(const(np.zeros((4, 4, 3))), inputs=("a",)), [X], "has 1 inputs, expected none"),
    "shape": (const([1, 2]), [], r"values have shape \(2,\), expected \(height, width, channels\)"),
    "empty": (const(np.zeros((1, 0, 2))), [], r"values have shape \(1, 0, 2\)"),
    "range": (const([[[0, 8]]], bits=4), [], "values span 0 to 8, which s4.* does not hold"),
}


@pytest.mark.parametrize(("op", "types", "text"), CONST.values(), ids=CONST.keys())
def test_const_refusals(op: Const, types: list[TensorType], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        op.result(*types)


def test_what_depends_on_no_input_is_refused() -> None:
    """A constant that leaves, and what is computed of constants alone; not what meets an input."""
    k, more = const(np.ones((4, 4, 3)), name="k"), add(X, X, name="s", sources=("k", "k"))
    met = add(X, X, sources=("s", "a"))
    with pytest.raises(BadInput, match=r"^k: depends on no input"):
        program([k, add(X, X, sources=("k", "a"))], {"a": X}, ("y", "k"))
    with pytest.raises(BadInput, match=r"^s: depends on no input"):
        program([k, more, met], {"a": X})
    program([k, add(X, X, name="s", sources=("k", "a")), met], {"a": X})


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_pixels_that_a_concat_needs(axis: int) -> None:
    """What has entered when each output pixel leaves, from the numbers of the pixels themselves."""
    shapes = [[(2, 3), (1, 3), (3, 3)], [(2, 3), (2, 1), (2, 2)], [(2, 3), (2, 3), (2, 3)]][axis]
    types = [tensor(*shape, 1) for shape in shapes]
    op = concat(axis, *"abc"[: len(types)])
    numbers = [np.arange(1, t.pixels + 1).reshape(1, *t.shape) + 100 * i for i, t in enumerate(types)]
    pixels = op.evaluate(*numbers).reshape(op.result(*types).pixels, -1)
    for which in range(len(types)):
        seen = np.where(pixels // 100 == which, pixels % 100, 0).max(1)
        assert op.pixels_needed(which, *types).tolist() == np.maximum.accumulate(seen).tolist()


@pytest.mark.parametrize("terms", [1, 2])
@pytest.mark.parametrize("bits", [2, 3, 4, 5, 8, 16])
def test_sums_of_powers(terms: int, bits: int) -> None:
    """All that the rule allows and nothing else, each with a code that stands for it; code 0 is the weight 0."""
    coding = PowerSums(terms)
    powers = {0} | {sign << e for e in range(bits - 1) for sign in (1, -1)}
    sums = powers if terms == 1 else {a + b for a in powers for b in powers}
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    found = allowed(coding, bits)
    assert found.tolist() == sorted(s for s in sums if low <= s <= high)
    values = coding.values(bits)
    assert len(values) == 1 << coding.stored_bits(bits)
    code = codes(found[:, None], values, bits)
    assert values[code].ravel().tolist() == found.tolist()
    assert code[found == 0].item() == 0


def test_size_of_weights() -> None:
    """By hand: 5 x 27 weights of 8 bits, plain and coded."""
    op = dense(tensor(3, 3, 3), 5)
    assert (op.stored_bits, op.table_bits, op.rom_bits) == (8, 0, 1080)
    sizes = {
        2: (1, 16, 151), 5: (3, 40, 445), 16: (4, 128, 668), 256: (8, 2048, 3128),
    }  # fmt: skip
    for entries, size in sizes.items():
        coded = replace(op, coding=Codebook(np.arange(entries) % 128))
        assert (coded.stored_bits, coded.table_bits, coded.rom_bits) == size
    each = replace(op, coding=Codebook(np.zeros((5, 4), np.int64)))
    assert (each.stored_bits, each.table_bits, each.rom_bits) == (2, 160, 430)
    assert [replace(op, coding=PowerSums(t)).rom_bits for t in (1, 2)] == [540, 1080]


def test_window_arithmetic() -> None:
    """Sizes against counting the positions at which a window fits."""
    for kernel in (1, 2, 3):
        for stride in (1, 2, 3):
            for dilation in (1, 2):
                for before, after in ((0, 0), (1, 0), (0, 2)):
                    window = Window((kernel, 1), (stride, 1), (dilation, 1), (before, 0, after, 0))
                    size = 7 + before + after
                    starts = [s for s in range(0, size, stride) if s + (kernel - 1) * dilation < size]
                    assert window.output(7, 1) == (len(starts), 1)


@pytest.mark.parametrize("name", CASES["prelu"])
def test_bounds_of_prelu_are_attained(name: str) -> None:
    """Over any interval, by trying each of its values in each channel."""
    p = CASES["prelu"][name]
    op, (low, high) = p.ops[0], p.types["a"].range
    assert isinstance(op, PRelu)
    rng = np.random.default_rng(1)
    for _ in range(20):
        first, last = sorted(rng.integers(low, high + 1, 2).tolist())
        x = np.repeat(np.arange(first, last + 1)[:, None], len(op.negative), axis=1)
        acc, y = op.accumulate(x), op.evaluate(x)
        assert (int(acc.min()), int(acc.max())) == op.accumulator((first, last))
        assert (int(y.min()), int(y.max())) == op.bound((first, last))


@pytest.mark.parametrize("label", [f"{kind}-{name}" for kind in ("table", "threshold") for name in CASES[kind]])
def test_bounds_of_steps_are_attained(label: str) -> None:
    """Over any interval the bound is the lowest and the highest value there, in any channel."""
    p = PROGRAMS[label]
    op, (low, high), channels = p.ops[0], p.types["a"].range, p.types["a"].channels
    rng = np.random.default_rng(1)
    for _ in range(20):
        first, last = sorted(rng.integers(low, high + 1, 2).tolist())
        y = op.evaluate(np.repeat(np.arange(first, last + 1)[:, None], channels, axis=1))
        assert (int(y.min()), int(y.max())) == op.bound((first, last))


def test_size_of_a_table() -> None:
    """An input of 16 bits needs a step of 2 or more."""
    x = tensor(1, 1, 1, bits=16)
    with pytest.raises(ValueError, match="step is 1 for an input of 16 bits, expected 2 to 10"):
        table(x, 1).result(x)


def test_argmax_takes_the_first_of_equals() -> None:
    op = ArgMax(name="y", inputs=("a",), channels=4)
    x = np.array([[[[1, 7, 7, 0]]], [[[5, 5, 5, 5]]], [[[-3, -9, -3, -2]]]])
    assert op.evaluate(x).ravel().tolist() == [1, 0, 3]
    assert op.result(tensor(1, 1, 4)).bits == 2
