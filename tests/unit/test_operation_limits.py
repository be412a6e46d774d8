"""The last value that each check of an operation admits, and the first that it refuses."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import CASES
from nets import (
    add,
    argmax,
    avgpool,
    concat,
    const,
    conv,
    dense,
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
    tensor,
    threshold,
    topk,
)

from hwq.arith import Requant, Rounding
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import Codebook, Lookup, PowerSums
from hwq.ops.coding import codes
from hwq.ops.requantised import check_requant

X, K1 = tensor(4, 4, 3), Window((1, 1))
U8 = tensor(4, 4, 3, signed=False)
WIDE = tensor(1, 1, 20)
FLAT = np.array([[-128, 127]])

PROGRAMS = {f"{kind}-{name}": p for kind, cases in CASES.items() for name, p in cases.items()}


@pytest.mark.parametrize("p", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_types_of_results(p: Program) -> None:
    """What the program says of them, and what evaluation makes."""
    for op in p.ops:
        types = [p.types[name] for name in op.inputs]
        y = op.result(*types)
        assert y == p.types[op.name]
        if set(op.inputs) <= p.samples.keys():
            assert op.evaluate(*(p.samples[name] for name in op.inputs)).shape[1:] == y.shape


ADMITTED: dict[str, tuple[Op, tuple[TensorType, ...]]] = {
    "add-factors": (replace(add(X, X), factors=(65_535, -65_535)), (X, X)),
    "add-least_factors": (replace(add(X, X), factors=(-1, 1)), (X, X)),
    "add-types": (add(X, tensor(4, 4, 3, bits=3)), (X, tensor(4, 4, 3, bits=3))),
    "argmax-one_channel": (argmax(tensor(1, 1, 1)), (tensor(1, 1, 1),)),
    "concat-two": (concat(0, "a", "b"), (X, tensor(1, 4, 3))),
    "concat-sixteen": (concat(2, *"abcdefghijklmnop"), (X,) * 16),
    "const-ends": (const([[[-8, 7]]], bits=4), ()),
    "gather-ends": (gather(np.array([[[-1, 47]]]), -128), (X,)),
    "gather-padding": (gather(np.array([[[0]]]), 127), (X,)),
    "groupconv-two": (groupconv(tensor(4, 4, 4), 4, 2, K1), (tensor(4, 4, 4),)),
    "matmul-zeros": (matmul(X, X, zeros=(-128, 127)), (X, X)),
    "maxpool-dilated": (maxpool(X, Window((2, 2), dilation=(2, 2), pads=(1, 1, 1, 1))), (X,)),
    "maxpool-one_pixel": (maxpool(X, Window((4, 4))), (X,)),
    "mul-zeros": (mul(X, X, zeros=(-128, 127)), (X, X)),
    "mul-other_zeros": (mul(X, U8, zeros=(127, 0)), (X, U8)),
    "normalise-index": (normalise(X, index_bits=4), (X,)),
    "normalise-long_index": (normalise(X, index_bits=10), (X,)),
    "normalise-fraction": (replace(normalise(X), fraction=-16), (X,)),
    "normalise-fine": (replace(normalise(X), fraction=30), (X,)),
    "normalise-entries": (replace(normalise(X), table=np.resize([0, 65_535], 192)), (X,)),
    "normalise-epsilon": (normalise(X, eps=(1 << 60) - 1 - 390_150), (X,)),
    "pad-ends": (pad((1, 1, 1, 1), -128), (X,)),
    "pad-highest": (pad((1, 1, 1, 1), 127), (X,)),
    "prelu-bias": (replace(prelu(X), bias=-127), (X,)),
    "prelu-other_bias": (replace(prelu(X), bias=128), (X,)),
    "prelu-factors": (replace(prelu(X), positive=65_535, negative=(65_535, -65_535, 0)), (X,)),
    "prelu-least_factor": (replace(prelu(X), positive=1), (X,)),
    "softmax-one_step": (softmax(X, np.array([32_768, 0]), step=8), (X,)),
    "softmax-first": (softmax(X, np.array([65_535, 65_535, 0])), (X,)),
    "softmax-reciprocal": (replace(softmax(X), reciprocal_bits=24), (X,)),
    "softmax-long_reciprocal": (replace(softmax(X), reciprocal_bits=46), (X,)),
    "softmax-most_entries": (softmax(X, np.full(256, 40_000)), (X,)),
    "softmax-most_entries_of_lines": (softmax(X, np.full(33, 40_000), step=3), (X,)),
    "softmax-most_entries_of_pairs": (softmax(X, np.full(129, 40_000), step=1), (X,)),
    "threshold-ends": (threshold(X, [[-129, 128]]), (X,)),
    "threshold-many": (threshold(X, [[0] * 255], bits=8), (X,)),
    "threshold-output": (threshold(X, [[0] * 255], -128, bits=8, signed=True), (X,)),
    "topk-most": (topk(WIDE, 16), (WIDE,)),
    "topk-all": (topk(X, 3), (X,)),
    **{f"normalise-{bits}": (normalise(X, bits=bits), (X,)) for bits in (1, 16)},
    **{f"softmax-{bits}": (softmax(X, bits=bits), (X,)) for bits in (1, 16)},
}  # fmt: skip


@pytest.mark.parametrize(("op", "types"), ADMITTED.values(), ids=ADMITTED.keys())
def test_admitted(op: Op, types: tuple[TensorType, ...]) -> None:
    op.result(*types)


REFUSED: dict[str, tuple[Op, tuple[TensorType, ...], str]] = {
    "add-first_factor": (replace(add(X, X), factors=(0, 1)), (X, X), "not 0"),
    "add-large_factor": (replace(add(X, X), factors=(1 << 24, 1)), (X, X), "expected -16777215 to 16777215"),
    "add-columns": (add(X, X), (X, tensor(4, 5, 3)), "expected equal shapes"),
    "mul-columns": (mul(X, X), (X, tensor(4, 5, 3)), "expected equal shapes"),
    "argmax-channels": (argmax(tensor(4, 4, 2)), (X,), "expected 2 channels"),
    "topk-channels": (topk(tensor(4, 4, 2), 1), (X,), "expected 2 channels"),
    "avgpool-columns": (avgpool(tensor(4, 4, 3), Window((1, 3))), (tensor(4, 2, 3),), "output would be 4 by 0"),
    "add-width": (add(X, X), (X, tensor(4, 3, 3)), "expected equal shapes"),
    "concat-axis": (concat(-1, "a", "b"), (X, X), "axis is -1"),
    "concat-high_axis": (concat(4, "a", "b"), (X, X), "axis is 4"),
    "concat-more_bits": (concat(2, "a", "b"), (X, tensor(4, 4, 3, bits=9)), "expected one integer type"),
    "concat-signs": (concat(2, "a", "b"), (U8, X), "expected one integer type"),
    "const-low": (const([[[-9, 0]]], bits=4), (), "values span -9 to 0"),
    "const-axes": (const(np.zeros((1, 1, 1, 1))), (), "values have shape"),
    "conv-columns": (conv(X, 2, Window((1, 3))), (tensor(4, 2, 3),), "output would be 4 by 0"),
    "conv-bias": (replace(conv(X, 2, K1), bias=np.zeros((2, 1), np.int64)), (X,), "bias has shape"),
    "conv-short_bias": (replace(conv(X, 2, K1), bias=np.zeros(1, np.int64)), (X,), r"\(1,\), expected \(2,\)"),
    "conv-coding": (
        replace(conv(X, 2, K1), weight_bits=16, coding=Codebook(np.array([0, 1]))), (X,), "cannot be expressed",
    ),
    "conv-low_weight": (replace(conv(X, 2, K1), weight=np.full((2, 1, 1, 3), -129)), (X,), "weights exceed 8 bits"),
    "conv-high_weight": (replace(conv(X, 2, K1), weight=np.full((2, 1, 1, 3), 128)), (X,), "weights exceed 8 bits"),
    "gather-high": (gather(np.array([[[0, 49]]])), (X,), "index reaches from 0 to 49"),
    "gather-axes": (gather(np.zeros((1, 1, 1, 1))), (X,), "expected height, width and channels"),
    "gather-padding": (gather(np.array([[[0]]]), 128), (X,), "pad_value 128 is outside"),
    "matmul-second_zero": (replace(matmul(X, X), zeros=(0, -129)), (X, X), "zero point -129 is outside"),
    "matmul-first_zero": (replace(matmul(X, X), zeros=(128, 0)), (X, X), "zero point 128 is outside"),
    "matmul-heads": (matmul(X, X), (X, tensor(3, 4, 3)), "expected equal heights"),
    "matmul-few": (matmul(X, X), (tensor(4, 4, 2), X), "expected 3 channels"),
    "matmul-many": (matmul(X, X), (tensor(4, 4, 4), X), "expected 3 channels"),
    "matmul-other": (replace(matmul(X, X), channels=4), (X, X), "expected 4 channels"),
    "maxpool-stride": (maxpool(X, Window((1, 1), (3, 1), pads=(0, 0, 3, 0))), (X,), "wholly in the padding"),
    "maxpool-far": (maxpool(X, Window((2, 1), (4, 1), pads=(5, 0, 0, 0))), (X,), "wholly in the padding"),
    "maxpool-rows": (maxpool(X, Window((5, 1))), (X,), "output would be 0 by 4"),
    "maxpool-columns": (maxpool(X, Window((1, 5))), (X,), "output would be 4 by 0"),
    "maxpool-left": (maxpool(X, Window((1, 2), pads=(0, 2, 0, 0))), (X,), "wholly in the padding"),
    "maxpool-right": (maxpool(X, Window((1, 2), pads=(0, 0, 0, 2))), (X,), "wholly in the padding"),
    "maxpool-below": (maxpool(X, Window((2, 1), pads=(0, 0, 2, 0))), (X,), "wholly in the padding"),
    "maxpool-padding": (replace(maxpool(X, K1), pad_value=-129), (X,), "the lowest value"),
    "mul-first_zero": (replace(mul(X, X), zeros=(-129, 0)), (X, X), "zeros are"),
    "mul-second_zero": (replace(mul(X, X), zeros=(0, 128)), (X, X), "zeros are"),
    "normalise-index": (replace(normalise(X), index_bits=3), (X,), "index_bits is 3, expected 4 to 10"),
    "normalise-low_entry": (replace(normalise(X), table=np.resize([0, -1], 192)), (X,), "outside of 0 to 65535"),
    "normalise-high_entry": (replace(normalise(X), table=np.resize([0, 65_537], 192)), (X,), "outside of 0 to 65535"),
    "normalise-few_entries": (replace(normalise(X), table=np.zeros(191, np.int64)), (X,), "expected 192 entries"),
    "normalise-fraction": (replace(normalise(X), fraction=-17), (X,), "fraction is -17, expected -16 to 30"),
    "normalise-bits": (replace(normalise(X), bits=17), (X,), "bits is 17, expected 1 to 16"),
    "normalise-variance": (normalise(X, eps=(1 << 60) - 390_150), (X,), "needs 61 bits, expected at most 60"),
    "pad-low": (pad((1, 1, 1, 1), -129), (X,), "pad_value -129 is outside"),
    "pad-kernel": (replace(pad((1, 1, 1, 1)), window=Window((1, 2))), (X,), "expected 1 by 1"),
    "prelu-bias": (replace(prelu(X), bias=-128), (X,), "bias is -128, expected -127 to 128"),
    "prelu-positive": (replace(prelu(X), positive=65_536), (X,), "positive is 65536"),
    "prelu-negative_positive": (replace(prelu(X), positive=-1), (X,), "positive is -1"),
    "prelu-large_positive": (replace(prelu(X), positive=65_537), (X,), "positive is 65537"),
    "prelu-large_negative": (replace(prelu(X), negative=(65_537,)), (X,), "outside of -65535 to 65535"),
    "prelu-negative": (replace(prelu(X), negative=(-65_536,)), (X,), "outside of -65535 to 65535"),
    "softmax-step": (replace(softmax(X), step=-1), (X,), "step is -1"),
    "softmax-bits": (replace(softmax(X), bits=0), (X,), "bits is 0"),
    "softmax-axes": (softmax(X, np.full((1, 3), 40_000)), (X,), "exps has shape"),
    "softmax-no_axis": (softmax(X, np.array(40_000)), (X,), "exps has shape"),
    "softmax-first": (softmax(X, np.array([65_537, 0])), (X,), "begin with 32768 to 65535"),
    "softmax-reciprocal": (
        replace(softmax(X, bits=16), reciprocal_bits=31), (X,), "reciprocal_bits is 31, expected 32 to 46",
    ),
    "softmax-many": (softmax(X, np.full(257, 40_000)), (X,), "exps has shape"),
    "threshold-axes": (replace(threshold(X, [[0]]), thresholds=np.array([0])), (X,), "thresholds have shape"),
    "threshold-rows": (threshold(X, [[0]] * 4), (X,), "thresholds have shape"),
    "threshold-more_axes": (replace(threshold(X, [[0]]), thresholds=np.zeros((1, 1, 1))), (X,), "have shape"),
    "table-low": (replace(table(X), low=-129), (X,), "low is -129, expected -128"),
    "threshold-equal_first": (threshold(X, [[0, 0, -1]]), (X,), "fall"),
    "topk-one_more": (topk(X, 4), (X,), "k is 4"),
    "rescale-multipliers": (
        replace(rescale(X), requant=Requant((1, 2, 3), 0, Rounding.FLOOR, 0, 0, 1)), (X,), "rescale has one multiplier",
    ),
    "powersums-none": (replace(dense(X, 3), coding=PowerSums(0)), (X,), "0 powers of two in a weight"),
    "codebook-low": (replace(dense(X, 3), coding=Codebook(np.array([0, -129]))), (X,), "codebook exceeds 8 bits"),
}  # fmt: skip


@pytest.mark.parametrize(("op", "types", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(op: Op, types: tuple[TensorType, ...], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        op.result(*types)


def test_softmax_of_many_channels() -> None:
    """The sum of exponentials stays below 2^62; a type is not an array, so it may be as large."""
    op = softmax(X, np.array([32_768, 0]))
    most = (1 << 47) - 1
    op.result(TensorType((1, 1, most), 8, True))
    for more in (most + 1, most + 2):
        with pytest.raises(ValueError, match=f"{more} channels of up to 32768: their sum needs more than 62 bits"):
            op.result(TensorType((1, 1, more), 8, True))


CLAMPS: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"qmin": -128, "qmax": 127}, ""),
    ({"qmin": 5, "qmax": 5}, ""),
    ({"qmin": -129}, "clamp"),
    ({"qmax": 128}, "clamp"),
    ({"qmin": 6, "qmax": 5}, "clamp"),
    ({"zero_point": -256}, ""),
    ({"zero_point": 255}, ""),
    ({"zero_point": -257}, "zero point -257 is out of reach"),
    ({"zero_point": 256}, "zero point 256 is out of reach"),
    ({"zero_point": 257}, "zero point 257 is out of reach"),
    ({"multiplier": (0, 1 << 25, 1)}, "outside of 0 to 16777215"),
    ({"multiplier": (0, 65_535, 1)}, ""),
    ({"multiplier": (0, 1 << 24, 1)}, "outside of 0 to 16777215"),
    ({"multiplier": (0, -1, 1)}, "outside of 0 to 16777215"),
    ({"multiplier": (1, 1)}, "2 multipliers for 3 channels"),
    ({"multiplier": (1, 1, 1, 1)}, "4 multipliers for 3 channels"),
]


@pytest.mark.parametrize(("changes", "text"), CLAMPS)
def test_requantisations(changes: dict[str, Any], text: str) -> None:
    requant = replace(Requant((1,), 3, Rounding.HALF_UP, 0, -5, 5), **changes)
    if text:
        with pytest.raises(ValueError, match=text):
            check_requant(requant, X)
    else:
        check_requant(requant, X)


LOOKUP = Lookup(np.zeros(256, np.int64), 0, 0, 8, True)


def looked(bits: int, step: int, fraction: int = 0, value: int = 0, out: int = 8) -> None:
    Lookup(np.full((1 << (bits - step)) + (step > 0), value), step, fraction, out, True).check(bits)


def test_sizes_of_a_lookup() -> None:
    for bits, step in ((14, 0), (16, 2), (16, 10), (10, 10), (1, 0), (1, 1)):
        looked(bits, step)
    for fraction, out in itertools.product((0, 8), (1, 16)):
        looked(4, 1, fraction, (1 << 23) - 1, out)
        looked(4, 1, fraction, -(1 << 23), out)
    for field, value, text in (
        ("bits", 0, "0 bits, expected 1 to 16"), ("bits", 17, "17 bits, expected 1 to 16"),
        ("step", -1, "step is -1, expected 0 to 10"), ("step", 11, "step is 11, expected 0 to 10"),
        ("fraction", -1, "fraction is -1, expected 0 to 8"), ("fraction", 9, "fraction is 9, expected 0 to 8"),
        ("entries", np.full(256, 1 << 23), "exceeds 24 bits"), ("entries", np.full(256, -(1 << 23) - 1), "exceeds 24"),
        ("entries", np.zeros((256, 1), np.int64), "expected \\(256,\\)"),
        ("entries", np.zeros(257, np.int64), "expected \\(256,\\)"),
        ("entries", np.zeros(255, np.int64), "expected \\(256,\\)"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=text):
            replace(LOOKUP, **{field: value}).check(8)  # type: ignore[arg-type]
    for bits, step, expected in ((15, 0, "1 to 10"), (16, 1, "2 to 10"), (4, 5, "0 to 4"), (12, 13, "0 to 10")):
        with pytest.raises(ValueError, match=f"step is {step}.*expected {expected}"):
            replace(LOOKUP, step=step).check(bits)


@pytest.mark.parametrize("bits", [2, 3, 5, 9])
def test_codes_of_powersums(bits: int) -> None:
    """Rule L6: the first term in the low bits; of a term the sign above the exponent + 1; 0 for a sum too wide."""
    wide = (bits - 1).bit_length()

    def term(code: int) -> int:
        size = code & ((1 << wide) - 1)
        value = 0 if size == 0 else 1 << (size - 1) if size < bits else 1 << bits
        return -value if code >> wide else value

    def kept(value: int) -> int:
        return value if -(1 << (bits - 1)) <= value < 1 << (bits - 1) else 0

    count = 2 << wide
    assert PowerSums(1).values(bits).tolist() == [kept(term(code)) for code in range(count)]
    sums = [kept(term(high) + term(low)) for high in range(count) for low in range(count)]
    assert PowerSums(2).values(bits).tolist() == sums
    assert PowerSums(2).stored_bits(bits) == 2 * PowerSums(1).stored_bits(bits) == 2 * (wide + 1)


def test_lowest_codes() -> None:
    assert codes(np.array([[3, -8], [0, 7]]), np.array([0, 3, 3, -8, 7, 0, 7]), 4).tolist() == [[1, 3], [0, 4]]
    rows = np.array([[5, -8], [7, 5]])
    assert codes(np.array([[5, -8], [5, 5]]), rows, 4).tolist() == [[0, 1], [1, 1]]
    with pytest.raises(ValueError, match="weight 7 cannot be expressed"):
        codes(np.array([[5, -8], [5, 7], [4, 4]]), np.array([5, -8]), 4)
    with pytest.raises(ValueError, match="zip"):
        codes(np.array([[5, -8], [5, 5], [5, 5]]), rows, 4)


def test_sizes_of_codebooks() -> None:
    for shape in ((2,), (256,), (3, 2), (3, 256)):
        Codebook(np.resize(FLAT, shape)).check(3, 8)
    for shape in ((1,), (257,), (3, 1), (3, 257), (2, 4), (4, 4), (1, 3, 4)):
        with pytest.raises(ValueError, match=f"codebook has shape {shape}".replace("(", r"\(").replace(")", r"\)")):
            Codebook(np.resize(FLAT, shape)).check(3, 8)
