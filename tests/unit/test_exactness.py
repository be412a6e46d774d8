"""The graph of the fast simulator at the bounds of its proofs, and every way in which it rounds."""

from __future__ import annotations

import numpy as np
import pytest
from nets import conv, program, tensor, unverified

from hwq.arith import Requant, Rounding, int_range
from hwq.errors import BadInput
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import Add, Conv, Dense, Rescale
from hwq.sim import Simulator, exactness, simulate_plain
from hwq.sim.certificate import FLOAT32_EXACT
from hwq.sim.exactness import Kernel

K1 = Window((1, 1))
SHIFTS = (0, 1, 2, 7, 12, 23)


def _equal(p: Program, x: dict[str, np.ndarray], kernel: Kernel | None = None) -> None:
    simulator = Simulator(p, keep_all=True)
    assert kernel is None or simulator.exactness["y"].kernel is kernel
    got, want = simulator(x), simulate_plain(p, x, keep_all=True)
    for name, value in want.items():
        assert np.array_equal(got[name], value), (name, simulator.exactness)


def _every(bits: int, signed: bool, columns: int = 64) -> np.ndarray:
    """All integers of a type, as images with a row and some columns."""
    low, high = int_range(bits, signed)
    return np.arange(low, high + 1).reshape(-1, 1, columns, 1)


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize(
    ("bits", "signed", "zero", "clamp"),
    [
        (8, False, 0, None), (8, True, 0, None), (8, False, 131, None), (8, True, -128, None), (4, True, 1, (-3, 6)),
        (8, False, 0, (0, 97)), (16, True, 0, None), (8, True, 0, (-128, -3)), (8, False, 255, (200, 254)),
    ],
)  # fmt: skip
def test_every_integer_is_rounded_as_the_definition_says(
    rounding: Rounding, shift: int, bits: int, signed: bool, zero: int, clamp: tuple[int, int] | None
) -> None:
    """A layer that passes its 16-bit input on: rounding meets every fraction and every tie, as image and flat."""
    low, high = clamp or int_range(bits, signed)
    requant = Requant((1, 3, 4, 2, 5, 16), shift, rounding, zero, low, high)
    weight = np.array([1, 1, -1, 1, -1, 1]).reshape(-1, 1, 1, 1)
    shared = {
        "name": "y", "inputs": ("a",), "weight": weight, "bias": np.array([0, 1, -5, 0, 3, -40]), "weight_bits": 2,
        "requant": requant, "acc_bits": 18, "bits": bits, "signed": signed,
    }  # fmt: skip
    image = Conv(window=K1, pad_value=0, **shared)
    _equal(program([image], {"a": tensor(1, 64, 1, bits=16)}), {"a": _every(16, True)})
    flat = Dense(**shared)
    _equal(program([flat], {"a": tensor(1, 1, 1, bits=16)}), {"a": _every(16, True).reshape(-1, 1, 1, 1)})


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize(
    "factors", [(1, 4), (2, 1), (3, 5), (255, 1), (40_000, 9), (1, -1), (-4, 2), (-3, -5), (9, -40_000)]
)
@pytest.mark.parametrize("shift", [0, 1, 3, 9])
def test_sums_of_all_pairs(rounding: Rounding, factors: tuple[int, int], shift: int) -> None:
    """Both inputs of an addition come from layers, whose carriers then hold them times a power of two."""
    a, b = tensor(16, 16, 1), tensor(16, 16, 1, signed=False)
    keep = Requant((1,), 1, Rounding.HALF_UP, 0, -128, 127)

    def layer(name: str, source: str, x: TensorType) -> Op:
        return conv(x, 1, K1, name=name, source=source, scale="shift")

    op = Add(
        name="y", inputs=("p", "q"), factors=factors, bias=17, acc_bits=30, bits=8, signed=True,
        requant=Requant((1,), shift, rounding, -3, -100, 127),
    )  # fmt: skip
    assert keep.is_shift
    p = program([layer("p", "a", a), layer("q", "b", b), op], {"a": a, "b": b})
    grid = np.arange(256)
    x = {
        "a": np.repeat(grid - 128, 256).reshape(-1, 16, 16, 1),
        "b": np.tile(grid, 256).reshape(-1, 16, 16, 1),
    }
    _equal(p, x)


def _bounded(sums: int, flat: bool, multiplier: int = 1, rounding: Rounding = Rounding.HALF_UP) -> Program:
    """A layer of which the largest sum, in magnitude, is exactly `sums`, at both ends of the input."""
    bias = sums % 127
    weight, rest = divmod(sums - bias, 127 * 32_767)
    weights = np.full((1, 1, 1, weight + 1), 32_767)
    weights[0, 0, 0, -1] = rest // 127
    assert np.abs(weights).sum() * 127 + bias == sums
    both = np.concatenate([weights, -weights])
    shared = {
        "name": "y", "inputs": ("a",), "weight": both, "bias": np.array([bias, -bias]), "weight_bits": 16,
        "requant": Requant((multiplier,), 9, rounding, 0, -128, 127), "acc_bits": 40, "bits": 8, "signed": True,
    }  # fmt: skip
    op = Dense(**shared) if flat else Conv(window=K1, pad_value=0, **shared)
    return unverified([op], {"a": tensor(1, 1 if flat else 2, weight + 1, bits=7, signed=False)})


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("rounding", list(Rounding))
def test_driven_to_the_very_bound(flat: bool, rounding: Rounding) -> None:
    """The last sum that float32 is proved for, the next one, and those where sums themselves leave float32."""
    last = FLOAT32_EXACT // 2 - (256 if rounding is Rounding.FLOOR else 1)
    away = rounding is Rounding.HALF_AWAY
    for sums, kernel in (
        (last, Kernel.FLOAT64 if away else Kernel.FLOAT32),
        (FLOAT32_EXACT // 2 + 1, Kernel.FLOAT64),
        (FLOAT32_EXACT, Kernel.FLOAT64),
        (FLOAT32_EXACT + 1, Kernel.NUMPY),
    ):
        p = _bounded(sums, flat, rounding=rounding)
        type_ = p.types["a"]
        ends = np.array([127, 126, 125, 0, 1, 2, 64]).reshape(-1, 1, 1, 1)
        x = np.concatenate([np.broadcast_to(ends, (7, *type_.shape)),
                            np.random.default_rng(sums).integers(0, 128, (40, *type_.shape))])  # fmt: skip
        _equal(p, {"a": x}, kernel)


def test_a_sum_beyond_the_bound_is_wrong_in_float32() -> None:
    """The bound is not idle: one more and float32 is off."""
    last = np.float32(FLOAT32_EXACT)
    assert last + np.float32(1) == last
    assert exactness(_bounded(FLOAT32_EXACT // 2 - 1, True))["y"].magnitude <= FLOAT32_EXACT
    assert exactness(_bounded(FLOAT32_EXACT // 2, True))["y"].kernel is Kernel.FLOAT64


def test_odd_multipliers_count() -> None:
    """A multiplier of 3 * 2**k makes sums three times as large, one of 2**k does not."""
    sums = FLOAT32_EXACT // 2 - 1
    assert exactness(_bounded(sums, False, multiplier=256))["y"].kernel is Kernel.FLOAT32
    assert exactness(_bounded(sums // 3, False, multiplier=384))["y"].kernel is Kernel.FLOAT32
    assert exactness(_bounded(sums // 3 + 1, False, multiplier=384))["y"].kernel is Kernel.FLOAT64


def test_numpy_between_graphs() -> None:
    """An operation that no graph holds cuts the program in two, and its result goes on as any other."""
    x = tensor(3, 4, 3, bits=16)
    wide = conv(x, 4, Window((3, 3), pads=(1, 1, 1, 1)), name="wide", wbits=16, bits=16, scale="channel")
    after = conv(tensor(3, 4, 4, bits=16), 2, K1, name="after", source="wide", wbits=2)
    moved = Rescale(name="y", inputs=("after",), bias=0, requant=Requant((5,), 3, Rounding.HALF_UP, 0, -128, 127),
                    acc_bits=9, bits=8, signed=True)  # fmt: skip
    p = program([wide, after, moved], {"a": x})
    kernels = [proof.kernel for proof in exactness(p).values()]
    assert kernels[0] is Kernel.NUMPY
    assert kernels[-1] is Kernel.FLOAT32
    _equal(p, {"a": np.random.default_rng(2).integers(-32_768, 32_768, (9, 3, 4, 3))})


@pytest.mark.parametrize("shape", [(7, 3, 5), (3, 7, 5), (9, 1, 2), (1, 9, 2), (9, 4, 1), (4, 9, 1), (1, 1, 6)])
def test_both_orders_of_rows_and_columns(shape: tuple[int, int, int]) -> None:
    x = TensorType(shape, 8, True)
    near = Window((min(3, shape[0]), min(2, shape[1])), (2, 1), pads=(1, 0, 0, 1) if min(shape[:2]) > 1 else (0,) * 4)
    p = program([conv(x, 3, near, pad=-7, name="y")], {"a": x})
    _equal(p, {"a": np.random.default_rng(3).integers(-128, 128, (5, *shape))})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "input a: missing"),
        ({"a": np.zeros((2, 2, 2, 3))}, "float64 of shape"),
        ({"a": np.zeros((2, 2, 2, 4), int)}, r"expected integers \(n, \(2, 2, 3\)\)"),
        ({"a": np.full((2, 2, 2, 3), 128)}, "holds 128 to 128, expected -128 to 127"),
        ({"a": np.full((2, 2, 2, 3), 200, np.uint8)}, "holds 200 to 200"),
    ],
)
def test_inputs_that_are_refused(given: dict[str, np.ndarray], message: str) -> None:
    x = tensor(2, 2, 3)
    with pytest.raises(BadInput, match=message):
        Simulator(program([conv(x, 2, K1)], {"a": x}))(given)


def test_results_have_the_narrowest_types() -> None:
    x = tensor(2, 2, 3, bits=12, signed=False)
    simulator = Simulator(program([conv(x, 2, K1, bits=4)], {"a": x}), keep_all=True)
    got = simulator({"a": np.full((1, 2, 2, 3), 4095)})
    assert {name: value.dtype for name, value in got.items()} == {"a": np.uint16, "y": np.int8}


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("shift", [35, 38, 43, 44, 46])
def test_float64_rounding_at_its_bound(rounding: Rounding, bits: int, shift: int) -> None:
    """Products whose grain is so fine that the clamp's lower end takes the last bits of a float64."""
    low, high = int_range(bits, True)
    scale = min(65_535, (1 << shift) // (1 << 20) | 1)
    op = Dense(
        name="y", inputs=("a",), weight=np.array([1, -1, 3]).reshape(3, 1, 1, 1), bias=np.array([1, 0, -1]),
        requant=Requant((scale, 65_533, 3), shift, rounding, 0, low, high), weight_bits=3, acc_bits=30, bits=bits,
        signed=True,
    )  # fmt: skip
    p = unverified([op], {"a": tensor(1, 1, 1, bits=16)})
    proof = exactness(p)["y"]
    fits = 98_305 * 65_533 + ((1 - low) << shift) <= 1 << 53
    assert proof.kernel is (Kernel.FLOAT64 if fits else Kernel.NUMPY)
    _equal(p, {"a": _every(16, True).reshape(-1, 1, 1, 1)})
