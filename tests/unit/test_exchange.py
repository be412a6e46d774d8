"""QDQ and QONNX files: the same integers as the program wherever the file says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from cases import CASES
from exchange_cases import BOTH, KINDS, PROGRAMS, worst
from float_files import integers, outputs
from nets import add, argmax, avgpool, conv, corners, dense, depthwise, maxpool, pad, program, rescale, tensor

from hwq.arith import Requant, Rounding
from hwq.emit.exchange import FileFormat, describe, exchange
from hwq.errors import BadInput
from hwq.ir.op import REGISTRY
from hwq.ir.program import Program
from hwq.ir.types import Format
from hwq.ir.window import Window
from hwq.ops import Dense, Rescale
from hwq.sim import simulate_plain
from hwq.sim.certificate import FLOAT32_EXACT


def test_every_operation_has_cases() -> None:
    assert set(CASES) == set(REGISTRY)


@BOTH
@pytest.mark.parametrize("kind", sorted(REGISTRY.keys() - KINDS))
def test_operations_without_a_form(kind: str, file_format: FileFormat) -> None:
    for p in CASES[kind].values():
        with pytest.raises(BadInput, match=f"{p.ops[0].name}: {file_format.value} files have no form of {kind}"):
            exchange(p, file_format)


@BOTH
@pytest.mark.parametrize("p", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_every_case(p: Program, file_format: FileFormat) -> None:
    """One operation each, fed with exact inputs: equal where claimed, else one step at most."""
    difference, claimed = worst(p, file_format)
    assert difference <= (0 if claimed else 1)
    assert worst(p, file_format, optimised=False)[0] <= (0 if claimed else 1)


@BOTH
@pytest.mark.parametrize("p", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_every_case_with_plain_biases(p: Program, file_format: FileFormat) -> None:
    difference, claimed = worst(p, file_format, shift_bias=False)
    assert difference <= (0 if claimed else 1)


@BOTH
def test_most_small_programs_are_exact(file_format: FileFormat) -> None:
    """The claim is worth something: nearly all ties and all shifts are covered; multipliers of 16 bits are not."""
    exact = {name for name, p in PROGRAMS.items() if not exchange(p, file_format).inexact}
    ties = {name for name in PROGRAMS if name.startswith("conv-ties-")}
    away = {name for name in ties if "half_away" in name}
    assert ties - away <= exact
    assert (away <= exact) == (file_format is FileFormat.QONNX)
    assert {name for name in PROGRAMS if name.split("-")[0] in ("maxpool", "pad", "argmax")} <= exact
    assert len(exact) > len(PROGRAMS) / 2


HALF = FLOAT32_EXACT // 2
"""Half a grain takes one bit."""


@pytest.mark.parametrize(
    ("file_format", "rounding", "above", "below"),
    [
        (FileFormat.QDQ, Rounding.HALF_UP, HALF - 1, HALF),
        (FileFormat.QDQ, Rounding.FLOOR, HALF - 1 + 512, HALF - 512),
        (FileFormat.QDQ, Rounding.HALF_EVEN, FLOAT32_EXACT, FLOAT32_EXACT),
        (FileFormat.QONNX, Rounding.HALF_UP, HALF - 1, HALF),
        (FileFormat.QONNX, Rounding.FLOOR, FLOAT32_EXACT, FLOAT32_EXACT),
        (FileFormat.QONNX, Rounding.HALF_EVEN, FLOAT32_EXACT, FLOAT32_EXACT),
        (FileFormat.QONNX, Rounding.HALF_AWAY, FLOAT32_EXACT - 512, FLOAT32_EXACT - 512),
    ],
)
def test_exact_at_the_very_bound(file_format: FileFormat, rounding: Rounding, above: int, below: int) -> None:
    """Sums and ties right below the bound of the certificate are exact; one more, and the claim is dropped."""
    x = tensor(1, 1, 1, bits=10, signed=False)

    def at(top: int, sign: int) -> Program:
        """The accumulator takes 1024 values of one sign, the largest in magnitude of which is `top`."""
        op = Dense(
            name="y", inputs=("a",), weight=np.array([[[[sign]]]]), bias=np.array([sign * (top - 1023)]), weight_bits=2,
            requant=Requant((1,), 10, rounding, 0, -(1 << 15), (1 << 15) - 1), acc_bits=40, bits=16, signed=True,
        )  # fmt: skip
        return program([op], {"a": x}, samples={"a": np.arange(1024).reshape(-1, 1, 1, 1)})

    for sign, most in ((1, above), (-1, below)):
        assert worst(at(most, sign), file_format) == (0, True)
        assert "sums of up to 25 bits" in exchange(at(most + 1, sign), file_format).inexact["y"]


@BOTH
@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("zero", [0, 3, -8])
def test_ties_and_zero_points(rounding: Rounding, zero: int, file_format: FileFormat) -> None:
    """Ties of both signs: a claim exactly where the format can express the rounding."""
    x = tensor(1, 1, 1, bits=7)
    requant = Requant((1,), 3, rounding, zero, -128, 127)
    op = Rescale(name="y", inputs=("a",), bias=0, requant=requant, acc_bits=8, bits=8, signed=True)
    p = program([op], {"a": x}, samples={"a": np.arange(-64, 64).reshape(-1, 1, 1, 1)})
    p = replace(p, formats={"a": Format(1.0), "y": Format(8.0, zero)})
    qonnx = file_format is FileFormat.QONNX
    possible = {
        Rounding.HALF_AWAY: qonnx and zero == 0,
        Rounding.HALF_EVEN: not (qonnx and zero % 2),
    }.get(rounding, True)
    difference, claimed = worst(p, file_format)
    assert claimed == possible
    assert difference == (0 if claimed else 1)


def test_ties_without_shifted_biases_go_to_even() -> None:
    p = PROGRAMS["conv-ties-half_up-shift"]
    assert worst(p, FileFormat.QDQ, shift_bias=False) == (1, False)
    plain = exchange(p, FileFormat.QDQ, shift_bias=False)
    assert plain.inexact == {"y": "ties go to even"}
    assert describe(plain.inexact) == "not proved bit-exact in float32: y: ties go to even"
    kinds = {t.name: t.data_type for t in plain.model.graph.initializer}
    assert kinds["y__bias_integers"] == onnx.TensorProto.INT32
    assert "y__bias_integers" not in {t.name for t in exchange(p, FileFormat.QDQ).model.graph.initializer}


def _residual(rounding: int = 1) -> Program:
    x = tensor(6, 6, 3, bits=4)
    same = Window((3, 3), pads=(1, 1, 1, 1))
    common = {"wbits": 4, "scale": "shift", "rounding": rounding}
    ops = [
        conv(x, 4, same, name="c0", signed=False, relu=True, bits=4, **common),
        depthwise(tensor(6, 6, 4, bits=4, signed=False), same, name="d0", source="c0", bits=4, **common),
        add(tensor(6, 6, 4, bits=4, signed=False), tensor(6, 6, 4, bits=4), name="s0", sources=("c0", "d0"),
            factors=(2, 1), bits=5, rounding=rounding),
        maxpool(tensor(6, 6, 4, bits=5), Window((2, 2), (2, 2)), name="m0", source="s0"),
        pad((1, 0, 0, 1), 0, name="p0", source="m0"),
        rescale(tensor(4, 4, 4, bits=5), name="r0", source="p0", bits=4, scale="shift", rounding=rounding),
        avgpool(tensor(4, 4, 4, bits=4), Window((4, 4)), name="g0", source="r0", scale="shift", rounding=rounding),
        dense(tensor(1, 1, 4), 7, name="f0", source="g0", **common),
        argmax(tensor(1, 1, 7), name="k0", source="f0"),
    ]  # fmt: skip
    return program(ops, {"a": x}, ("f0", "k0"), samples=corners({"a": x}, 20))


@BOTH
@pytest.mark.parametrize("rounding", [0, 1, 2])
def test_a_network_of_all_operations(rounding: int, file_format: FileFormat) -> None:
    assert worst(_residual(rounding), file_format) == (0, True)


@BOTH
def test_port_scales_of_any_value_leave_the_layers_exact(file_format: FileFormat) -> None:
    p = _residual()
    odd = replace(p, formats={**p.formats, "a": Format(0.0123, 3), "f0": Format(0.77, -5)})
    file = exchange(odd, file_format)
    assert not file.inexact
    want = simulate_plain(odd, odd.samples)
    got = outputs(odd, file, odd.samples)
    for port in odd.outputs:
        assert np.array_equal(got[port.tensor], port.from_tensor(want[port.tensor]))


@BOTH
def test_scales_of_any_value_are_near(file_format: FileFormat) -> None:
    rng = np.random.default_rng(1)
    p = _residual()
    odd = replace(p, formats={name: Format(float(rng.uniform(1e-3, 1)), f.zero_point) for name, f in p.formats.items()})
    file = exchange(odd, file_format)
    assert "c0" in file.inexact and "no powers of two" in file.inexact["c0"]
    got, want = integers(odd, file, odd.samples), simulate_plain(odd, odd.samples, keep_all=True)
    assert np.abs(got["c0"] - want["c0"]).max() <= 1


def test_a_dead_tensor_with_a_tiny_scale_is_written() -> None:
    p = _residual()
    tiny = replace(p, formats={**p.formats, "d0": Format(2.0**-80)})
    assert worst(tiny, FileFormat.QDQ) == (0, True)


def test_a_mean_of_an_odd_number_of_values_is_proved_by_trying() -> None:
    p = CASES["avgpool"]["half_away"]
    assert exchange(p, FileFormat.QDQ).inexact == {}
    x = tensor(1, 125, 3, signed=False)
    one = avgpool(x, Window((1, 125)), signed=False)
    # 1 / 125 as the quantiser writes it, at equal scales of input and output.
    op = replace(one, requant=Requant((33554,), 22, Rounding.HALF_UP, 0, 0, 255))
    rng = np.random.default_rng(3)
    p = program([op], {"a": x}, samples={"a": rng.integers(0, 256, (50, *x.shape))})
    assert worst(p, FileFormat.QDQ) == (0, True)
    assert "GlobalAveragePool" in {node.op_type for node in exchange(p, FileFormat.QDQ).model.graph.node}


@BOTH
def test_a_pool_as_large_as_its_image_but_padded(file_format: FileFormat) -> None:
    """A border of another value than zero is a node of its own, behind which the pool is no longer global."""
    x = tensor(2, 1, 3, signed=False)
    pool = avgpool(x, Window((2, 1), pads=(0, 0, 1, 0)), pad=1, scale="shift", signed=False)
    p = program([pool], {"a": x}, samples=corners({"a": x}, 6))
    assert worst(p, file_format) == (0, True)


@BOTH
@pytest.mark.parametrize("shift_bias", [True, False])
@pytest.mark.parametrize("rounding", list(Rounding))
def test_multipliers_that_divide_evenly_need_nothing(
    rounding: Rounding, shift_bias: bool, file_format: FileFormat
) -> None:
    x = tensor(1, 1, 1)
    op = Rescale(name="y", inputs=("a",), bias=0, requant=Requant((8,), 3, rounding, 0, -128, 127), acc_bits=8, bits=8,
                 signed=True)  # fmt: skip
    p = program([op], {"a": x}, samples={"a": np.arange(-128, 128).reshape(-1, 1, 1, 1)})
    assert worst(p, file_format, shift_bias) == (0, True)
    assert "Add" not in {node.op_type for node in exchange(p, file_format, shift_bias).model.graph.node}
