"""The golden model: valid ONNX on integers, equal to the definition in every runtime, read back without loss."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest
from cases import BORDERS, CASES
from golden_models import check_equal, every_way
from nets import add, conv, dense, program, rescale, tensor
from onnx import TensorProto
from recurrent_nets import gru

from hwq import golden
from hwq.arith import Requant, Rounding
from hwq.golden.functions import DOMAIN, every_node, function, with_callees
from hwq.golden.nodes import call, element_type, narrowest
from hwq.ir import serial
from hwq.ir.op import REGISTRY
from hwq.ir.text import dump
from hwq.ir.types import Format
from hwq.ir.window import Window
from hwq.sim import simulate_plain

FUNCTIONS = sorted(path.name.removesuffix(".txt") for path in (files("hwq.templates") / "onnx").iterdir())
FLOATS = {"quantise", "quantise_rounded", "dequantise", "dequantise_moved"}
"""The host's part, in binary64."""
UNSURE = {"Conv", "ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul", "QLinearAdd", "Gemm", "Min", "Max"}
"""Operators that runtimes compute in floats, or wrongly for some integers."""


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_every_case_is_equal_in_every_tensor(kind: str) -> None:
    for case in CASES[kind].values():
        check_equal(case, case.samples)


def test_several_operations_with_borders() -> None:
    check_equal(BORDERS, BORDERS.samples)


def test_a_number_of_a_loop_beside_it() -> None:
    """A shift of as many bits as a recurrent layer's fraction: onnxruntime computes both once."""
    layer = gru(tensor(1, 3, 12), name="h")
    y = tensor(1, 3, 4)
    total = add(y, y, sources=("h", "h"))
    total = replace(total, requant=replace(total.requant, shift=layer.fraction))
    p = program([layer, total], {"a": tensor(1, 3, 12)})
    check_equal(p, {"a": np.random.default_rng(1).integers(-128, 128, (4, 1, 3, 12))})


def test_recurrent_layers_of_unlike_units() -> None:
    """onnxruntime gives the second layer memory of the first where sizes have equal names."""
    x, pixels = tensor(1, 4, 6), np.random.default_rng(2).integers(-128, 128, (6, 1, 4, 6))
    first = gru(x, name="h")
    between = conv(first.result(x), 9, Window((1, 1)), name="c", source="h")
    wide = between.result(first.result(x))
    last = [gru(wide, name="g", source="c"), rescale(tensor(1, 4, 3), source="g")]
    check_equal(program([first, between, *last], {"a": x}), {"a": pixels})


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("shift", [0, 1, 2, 31, 32, 40, 61])
def test_requantise_over_its_whole_range(rounding: Rounding, shift: int) -> None:
    """Ties, both signs, and values beyond 32 bits, for which onnxruntime's Clip of int64 is wrong."""
    node = onnx.helper.make_node(
        "requantise", ["acc", "m"], ["y"], domain=DOMAIN,
        shift=shift, rounding=int(rounding), zero_point=-3, qmin=-30_000, qmax=30_001, type=TensorProto.INT16,
    )  # fmt: skip
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node], "g", [value("acc", TensorProto.INT64, ["n"])], [value("y", TensorProto.INT16, ["n"])],
        [onnx.helper.make_tensor("m", TensorProto.UINT16, [1], [3])],
    )  # fmt: skip
    imports = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid(DOMAIN, 1)]
    model = onnx.helper.make_model(graph, functions=with_callees(["requantise"]), opset_imports=imports, ir_version=8)
    rng = np.random.default_rng(shift)
    wide = [rng.integers(-(1 << bits), 1 << bits, 500) for bits in (12, 31, 33, 40, 59)]
    near = np.arange(-300, 300)
    ties = near * (1 << shift >> 1) if shift < 50 else near
    acc = np.concatenate([near, ties, *wide])
    want = Requant((3,), shift, rounding, -3, -30_000, 30_001)(acc)
    for way, got in every_way(model, {"acc": acc}):
        assert np.array_equal(got["y"], want), way


def test_sums_beyond_32_bits_run_in_64() -> None:
    """16-bit inputs over weights of 8 and of 16 bits: the bound decides, and both sides of it are equal."""
    found = set()
    for wbits in (8, 16):
        x = tensor(1, 1, 40, bits=16)
        p = program([dense(x, 3, wbits=wbits, bits=16)], {"a": x})
        node = next(node for node in golden.write(p).graph.node if node.domain == DOMAIN)
        found.add(next(a.i for a in node.attribute if a.name == "accumulator"))
        low, high = x.range
        check_equal(p, {"a": np.stack([np.full(x.shape, v) for v in (low, high, -1, 0, 1)])})
    assert found == {TensorProto.INT32, TensorProto.INT64}


def test_accumulator_at_the_bound_of_int32() -> None:
    """The largest sum that int32 takes is reached, and is right; one more changes the type."""
    x = tensor(1, 1, 2, bits=16)
    for bias, expected in (((1 << 31) - 1 - (1 << 30), TensorProto.INT32), ((1 << 30), TensorProto.INT64)):
        made = dense(x, 1, wbits=16, bits=16)
        op = replace(
            made, weight=np.array([[[[-32_767, -1]]]]), bias=np.array([bias]), acc_bits=33,
            requant=Requant((1,), 16, Rounding.HALF_UP, 0, -32_768, 32_767),
        )  # fmt: skip
        p = program([op], {"a": x})
        node = next(node for node in golden.write(p).graph.node if node.domain == DOMAIN)
        assert next(a.i for a in node.attribute if a.name == "accumulator") == expected
        check_equal(p, {"a": np.array([[[[-32_768, -32_768]]], [[[32_767, 32_767]]]])})


def test_graph_says_what_it_does() -> None:
    p = CASES["conv"]["half_even-channel"]
    model = golden.write(p)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17), ("hwq", 1)]
    assert model.ir_version == 8
    (node,) = [node for node in model.graph.node if node.domain == DOMAIN]
    assert (node.name, node.op_type) == ("y", "conv") and node.doc_string in dump(p)
    arrays = {item.name: item for item in model.graph.initializer}
    assert {"y.weight", "y.bias", "y.multiplier"} <= arrays.keys()
    assert arrays["y.weight"].data_type == TensorProto.INT8
    sizes = model.graph.input[0].type.tensor_type.shape.dim
    assert [axis.dim_param or axis.dim_value for axis in sizes] == ["batch", *p.inputs[0].index.shape]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_standard_operators_on_integers(name: str) -> None:
    """No function leaves operator set 17, rests on floats, or on an operator of which runtimes are unsure."""
    body = function(name)
    assert body.name == name and body.domain == DOMAIN and body.doc_string
    for node in every_node(body.node):
        assert node.domain in ("", DOMAIN)
        if node.domain == DOMAIN:
            assert node.op_type in FUNCTIONS
            continue
        assert onnx.defs.has(node.op_type, 17, "") and node.op_type not in UNSURE
        targets = [a.i for a in node.attribute if a.name == "to" and not a.ref_attr_name]
        floats = {TensorProto.FLOAT, TensorProto.DOUBLE} & set(targets)
        assert name in FLOATS or not (floats or node.op_type in ("Clip", "Floor"))


def test_every_operation_has_a_function_and_every_function_a_use() -> None:
    assert {item.name for item in with_callees(REGISTRY)} | FLOATS == set(FUNCTIONS)


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_round_trip(kind: str, real: bool, tmp_path: Path) -> None:
    for case in CASES[kind].values():
        p = replace(case, info={"sqnr_db": {"y": 1.5, "a": None}, "options": [1, "x"]})
        path = tmp_path / "golden.onnx"
        path.write_bytes(golden.serialise(golden.write(p, real)))
        again = golden.load(path)
        assert serial.digest(again) == serial.digest(p) and dump(again) == dump(p)
        assert again.info == {"sqnr_db": {"y": 1.5, "a": None}, "options": (1, "x")}
        assert golden.serialise(golden.write(again, real)) == path.read_bytes()


def test_every_bit_of_a_scale_survives() -> None:
    p = CASES["rescale"]["half_up"]
    scale = float(np.nextafter(0.1, 1.0))
    p = replace(p, formats={"a": Format(scale, 3), "y": Format(scale / 3)}).verify()
    assert golden.program_of(golden.write(p, real=True)).formats == p.formats


def test_run_takes_tensors_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded memory makes no difference, nor does a file with real ends; no samples give no results."""
    p = CASES["conv"]["dilated"]
    monkeypatch.setattr("hwq.golden.execution.CHUNK_BYTES", 1)
    want = simulate_plain(p, p.samples)
    for real in (False, True):
        got = golden.run(golden.write(p, real), p.samples)
        assert got.keys() == want.keys() and all(np.array_equal(got[name], want[name]) for name in want)
    none = golden.run(golden.write(p), {name: x[:0] for name, x in p.samples.items()})
    assert none["y"].shape == (0, *p.types["y"].shape)


def test_element_types() -> None:
    found = {(bits, signed): element_type(tensor(1, 1, 1, bits=bits, signed=signed))
             for bits in (1, 8, 9, 16) for signed in (True, False)}  # fmt: skip
    assert found == {
        (1, True): TensorProto.INT8, (8, True): TensorProto.INT8, (9, True): TensorProto.INT16,
        (16, True): TensorProto.INT16, (1, False): TensorProto.UINT8, (8, False): TensorProto.UINT8,
        (9, False): TensorProto.UINT16, (16, False): TensorProto.UINT16,
    }  # fmt: skip
    ends = {(-128, 127): "int8", (0, 128): "uint8", (-1, 128): "int16", (0, 65_535): "uint16", (-1, 65_535): "int32",
            (0, 1 << 31): "uint32", (-1, 1 << 31): "int64"}  # fmt: skip
    assert {low_high: narrowest(np.array(low_high)).dtype.name for low_high in ends} == ends


def test_an_operation_without_a_function_is_an_error() -> None:
    class Strange:
        """Stands for an operation that the golden model does not know."""

        name, kind = "y", "strange"

    with pytest.raises(TypeError, match="y: no ONNX form of strange"):
        call(Strange(), ((0, 1),), tensor(1, 1, 1))  # type: ignore[arg-type]
