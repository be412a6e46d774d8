"""`hwq.ops` against loops over plain Python integers, and their bounds against what can happen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from cases import CASES
from nets import avgpool, conv, dense, depthwise, extremum, groupconv, maxpool, mul, pad, program, rescale, tensor, topk
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
    Conv,
    Dense,
    Depthwise,
    Extremum,
    GroupConv,
    Linear,
    MaxPool,
    Mul,
    Pad,
    PowerSums,
    Rescale,
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


def pixel(op: Op, xs: list[Image], row: int, column: int) -> Pixel:
    """One output pixel of any operation."""
    x = xs[0]
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
        case Add():
            pairs = zip(xs[0][row][column], xs[1][row][column], strict=True)
            sums = [a * op.factors[0] + b * op.factors[1] + op.bias for a, b in pairs]
        case Mul():
            pairs = zip(xs[0][row][column], xs[1][row][column], strict=True)
            sums = [(a - op.zeros[0]) * (b - op.zeros[1]) for a, b in pairs]
        case Extremum():
            return [sorted(pair)[op.largest] for pair in zip(xs[0][row][column], xs[1][row][column], strict=True)]
        case MaxPool():
            found = list(taps(x, op.window, op.pad_value, row, column))
            return [max(p[c] for _, _, p in found) for c in range(len(x[0][0]))]
        case Pad():
            return next(p for _, _, p in taps(x, op.window, op.pad_value, row, column))
        case TopK():
            values = x[row][column]
            return sorted(range(len(values)), key=lambda channel: (-values[channel], channel))[: op.k]
        case ArgMax():
            return [x[row][column].index(max(x[row][column]))]
        case _:
            raise AssertionError(f"no loop for {op.kind}")
    return [requantised(acc, channel, op.requant) for channel, acc in enumerate(sums)]


@each_case
def test_equals_loops_over_integers(program_: Program) -> None:
    op = program_.ops[0]
    rows, columns, _ = program_.types["y"].shape
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
        replace(conv(X, 2, Window((1, 1))), requant=replace(conv(X, 2, Window((1, 1))).requant, multiplier=(65_536,))),
        "outside of 0 to 65535",
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
    "no factor": (X, {"factors": (1, 0)}, "expected -65535 to 65535 and not 0"),
    "large factor": (X, {"factors": (65_536, 1)}, "expected -65535 to 65535 and not 0"),
    "small factor": (X, {"factors": (1, -65_536)}, "expected -65535 to 65535 and not 0"),
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


def test_argmax_takes_the_first_of_equals() -> None:
    op = ArgMax(name="y", inputs=("a",), channels=4)
    x = np.array([[[[1, 7, 7, 0]]], [[[5, 5, 5, 5]]], [[[-3, -9, -3, -2]]]])
    assert op.evaluate(x).ravel().tolist() == [1, 0, 3]
    assert op.result(tensor(1, 1, 4)).bits == 2
