"""The ends of the golden model: real numbers, orders of elements, names, and tensors that are several outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from cases import CASES
from golden_models import Arrays, check_equal, every_way
from nets import add, conv, program, rescale, tensor
from onnx import TensorProto

from hwq import golden
from hwq.errors import BadInput
from hwq.golden.ports import from_tensor, to_tensor
from hwq.ir.order import Axes, axes_of
from hwq.ir.program import Port, Program, quantise_inputs
from hwq.ir.types import Format, TensorType
from hwq.ir.window import Window
from hwq.sim import simulate_plain


def _real_arrays(p: Program) -> Arrays:
    """Real inputs, among them ties, and values far outside of the range."""
    out = {}
    rng = np.random.default_rng(5)
    for port in p.inputs:
        type_, form = p.types[port.tensor], p.formats[port.tensor]
        low, high = type_.range
        x = rng.uniform(1.5 * low - 4, 1.5 * high + 4, (40, *port.index.shape))
        x[:10] = np.round(x[:10]) + 0.5
        x[10] = 1e30
        x[11] = -1e30
        out[port.name] = ((x - form.zero_point) * form.scale).astype(port.dtype)
    return out


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "uint8"])
@pytest.mark.parametrize("scale", [2.0**-4, 0.1, 1 / 3])
def test_real_inputs_and_outputs(dtype: str, scale: float) -> None:
    """With real ends the file does what the host does (rule T2), to the last bit."""
    base = CASES["rescale"]["floor-zero_points"]
    p = replace(
        base,
        inputs=tuple(replace(port, dtype=dtype) for port in base.inputs),
        outputs=tuple(replace(port, dtype="float64") for port in base.outputs),
        formats={"a": Format(scale, 128), "y": Format(scale / 7, 3)},
    )
    with np.errstate(all="ignore"):
        arrays = _real_arrays(p)
    if dtype == "float16":
        arrays = {name: np.nan_to_num(x) for name, x in arrays.items()}
    model = golden.write(p, real=True)
    onnx.checker.check_model(model, full_check=True)
    result = simulate_plain(p, quantise_inputs(p, arrays))
    for way, got in every_way(model, arrays):
        for port in p.outputs:
            want = p.formats[port.tensor].dequantise(port.from_tensor(result[port.tensor]))
            assert got[port.name].dtype == np.float64 and np.array_equal(got[port.name], want), way


ORDERS = {
    "same": np.arange(24).reshape(2, 3, 4),
    "channels first": np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1),
    "flat": np.arange(24),
    "transposed and flat": np.arange(24).reshape(2, 3, 4).transpose(2, 1, 0).ravel(),
    "split axis": np.arange(24).reshape(2, 3, 2, 2).transpose(3, 0, 2, 1).reshape(4, 6),
    "reversed": np.arange(24)[::-1].copy(),
    "no permutation of axes": np.random.default_rng(1).permutation(24).reshape(4, 6),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_ports(order: np.ndarray, layout: str) -> None:
    """Nodes between the user's array and the tensor do what `Port` does, in both layouts."""
    type_ = TensorType((2, 3, 4), 16, True)
    port = Port("user", "t", "float32", order)
    users = np.random.default_rng(2).integers(-99, 99, (3, *order.shape)).astype(np.int16)
    tensor_side = port.to_tensor(users, type_)
    tensor_side = tensor_side if layout == "NHWC" else tensor_side.transpose(0, 3, 1, 2)
    value = onnx.helper.make_tensor_value_info
    for wire, source, target in ((to_tensor, users, tensor_side), (from_tensor, tensor_side, users)):
        nodes, constants = wire(port, type_.shape, "source", "target", layout)
        graph = onnx.helper.make_graph(
            nodes, "g",
            [value("source", TensorProto.INT16, ["batch", *source.shape[1:]])],
            [value("target", TensorProto.INT16, ["batch", *target.shape[1:]])],
            constants,
        )  # fmt: skip
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        for way, got in every_way(model, {"source": source}):
            assert np.array_equal(got["target"], target), way


def test_axes() -> None:
    assert axes_of(ORDERS["same"].ravel()) == Axes((24,), (0,))
    assert axes_of(ORDERS["channels first"].ravel()) == Axes((6, 4), (1, 0))
    assert axes_of(ORDERS["no permutation of axes"].ravel()) is None
    assert axes_of(ORDERS["reversed"]) is None
    assert axes_of(np.array([0])) == Axes((1,), (0,))


def _ports(p: Program, inputs: dict[str, str], outputs: dict[str, str]) -> Program:
    """`p` with ports called otherwise: tensor to name."""
    return replace(
        p,
        inputs=tuple(replace(port, name=inputs[port.tensor]) for port in p.inputs),
        outputs=tuple(replace(port, name=outputs[port.tensor]) for port in p.outputs),
    )


def test_names_of_ports_and_tensors_are_kept_apart() -> None:
    """Ports may be called like tensors of other meaning, or anything at all; names that cannot be are refused."""
    p = CASES["add"]["half_up"]
    check_equal(_ports(p, {"a": "y", "b": "x/é 1:0"}, {"y": "a"}), p.samples)
    for first, second, result in (("c", "b", "c"), ("a", "a__hwc", "y")):
        with pytest.raises(BadInput, match="two values of the golden model would be called so"):
            golden.write(_ports(p, {"a": first, "b": second}, {"y": result}))


def test_several_outputs_of_one_tensor_and_an_inner_one() -> None:
    x = tensor(4, 4, 2)
    first = conv(x, 3, Window((3, 3)), name="c")
    middle = tensor(2, 2, 3)
    second = rescale(middle, name="r", source="c")
    both = add(middle, middle, name="s", sources=("c", "r"))
    p = program([first, second, both], {"a": x}, ("s", "c"))
    p = replace(p, outputs=(*p.outputs, replace(p.outputs[0], name="again"))).verify()
    inputs = {"a": np.random.default_rng(3).integers(-128, 128, (3, 4, 4, 2))}
    check_equal(p, inputs)
    for optimise in (True, False):
        want = simulate_plain(p, inputs, keep_all=True)
        got = golden.run(golden.write(p), inputs, keep_all=True, optimise=optimise)
        assert got.keys() == want.keys() and all(np.array_equal(got[name], want[name]) for name in want)
