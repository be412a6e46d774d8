"""Networks that break quantisers (benchmarks/rescaled.py): the function stays, the weights are as promised."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import networks  # noqa: E402
import rescaled  # noqa: E402

Tensors = dict[str, NDArray[np.float32]]
Change = Callable[[onnx.ModelProto], onnx.ModelProto]

EXACT = {"scaled_apart": 1e-5, "dead": 1e-6, "constant": 1e-5, "quarter": 1e-5, "both": 1e-4}
"""Largest change of a logit, as a part of the largest logit."""
CHANGES: dict[str, Change] = {
    "scaled_apart": rescaled.scaled_apart,
    "dead": rescaled.dead_channels,
    "constant": lambda model: rescaled.dead_channels(model, constant=True),
    "quarter": lambda model: rescaled.dead_channels(model, share=0.25, seed=5, constant=True),
    "both": lambda model: rescaled.dead_channels(rescaled.scaled_apart(model), constant=True),
}


def plain() -> onnx.ModelProto:
    """No batch normalisation; biases or none; padded and unpadded kernels; Gemm that is not transposed."""
    rng = np.random.default_rng(3)
    shapes = {"a.w": (6, 1, 3, 3), "a.b": (6,), "b.w": (6, 6, 3, 3), "c.w": (6, 1, 3, 3), "c.b": (6,),
              "d.w": (5, 6, 2, 2), "d.b": (5,), "e.w": (5, 10)}  # fmt: skip
    weights = {name: rng.normal(0, 1, shape) for name, shape in shapes.items()}
    weights |= {"low": np.array(0.0), "high": np.array(6.0)}
    nodes = [
        helper.make_node("Conv", ["image", "a.w", "a.b"], ["a"], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["a_relu"]),
        helper.make_node("MaxPool", ["a_relu"], ["pool"], kernel_shape=[2, 2], strides=[1, 1]),
        helper.make_node("Conv", ["pool", "b.w"], ["b"], pads=[1] * 4),
        helper.make_node("Conv", ["b", "c.w", "c.b"], ["c"], pads=[1] * 4, group=6),
        helper.make_node("Add", ["c", "pool"], ["add"]),
        helper.make_node("Clip", ["add", "low", "high"], ["clip"]),
        helper.make_node("Conv", ["clip", "d.w", "d.b"], ["d"]),
        helper.make_node("GlobalAveragePool", ["d"], ["gap"]),
        helper.make_node("Flatten", ["gap"], ["flat"]),
        helper.make_node("Gemm", ["flat", "e.w"], ["logits"]),
    ]
    return model_of(nodes, weights)


def model_of(nodes: list[onnx.NodeProto], weights: dict[str, NDArray[np.float64]]) -> onnx.ModelProto:
    """Images (N, 1, 8, 8) to `logits`."""
    port = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "net",
        [port("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [port("logits", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


MODELS: dict[str, Callable[[], onnx.ModelProto]] = {
    "digits": lambda: onnx.load(networks.digits().model),
    "mobilenet": lambda: onnx.load(rescaled.digits_mobilenet().model),
    "plain": plain,
}


def run(model: onnx.ModelProto, images: NDArray[np.float32], *tensors: str) -> list[NDArray[np.float32]]:
    """Values of tensors, whether outputs or not."""
    wanted = onnx.ModelProto()
    wanted.CopyFrom(model)
    del wanted.graph.output[:]
    wanted.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in tensors)
    session = ort.InferenceSession(wanted.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(list(tensors), {"image": images}))


def tensors_of(model: onnx.ModelProto) -> Tensors:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def convolutions(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type == "Conv"]


def dead_rows(weights: NDArray[np.float32]) -> NDArray[np.bool_]:
    rows: NDArray[np.bool_] = np.abs(weights).max(axis=(1, 2, 3)) < 1e-25
    return rows


@pytest.fixture(scope="module")
def images() -> NDArray[np.float32]:
    return np.asarray(networks.digits().evaluation[:100])


def test_mobilenet_is_small_and_valid() -> None:
    path = rescaled.digits_mobilenet().model
    assert 0 < path.stat().st_size <= 100_000
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert Counter(node.op_type for node in model.graph.node) == {
        "Conv": 11, "BatchNormalization": 11, "Relu": 6, "Clip": 2, "Add": 2,
        "GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1, "Softmax": 1,
    }  # fmt: skip
    groups = [rescaled.attribute(node, "group", 1) for node in convolutions(model)]
    assert [group for group in groups if group > 1] == [48, 48, 72]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", MODELS)
def test_function_stays(name: str, change: str, images: NDArray[np.float32]) -> None:
    model = MODELS[name]()
    before = model.SerializeToString(deterministic=True)
    changed = CHANGES[change](model)
    assert model.SerializeToString(deterministic=True) == before
    (exact,), (got,) = run(model, images, "logits"), run(changed, images, "logits")
    assert np.abs(got - exact).max() <= EXACT[change] * np.abs(exact).max()


@pytest.mark.parametrize("change", CHANGES)
def test_same_seed_same_bytes(change: str) -> None:
    first, second = (CHANGES[change](plain()).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_another_seed_another_network() -> None:
    for change in (rescaled.scaled_apart, rescaled.dead_channels):
        first, second = (change(plain(), seed=seed).SerializeToString(deterministic=True) for seed in (0, 1))
        assert first != second


def test_depthwise_kernels_are_scaled_apart() -> None:
    """Every channel between convolutions of a block has a factor of its own, and they spread over 2^-6 to 2^6."""
    model = MODELS["mobilenet"]()
    before, after = tensors_of(model), tensors_of(rescaled.scaled_apart(model))
    for block in ("block1", "block2", "block3"):
        out = {layer: after[f"{block}_{layer}_bn.weight"] / before[f"{block}_{layer}_bn.weight"]
               for layer in ("expand", "dw")}  # fmt: skip
        for factors in out.values():
            assert len(set(factors)) == len(factors)
            assert np.log2(factors).min() < -5 and np.log2(factors).max() > 5
            assert np.abs(np.log2(factors)).max() <= 6.001
        kernels = (after[f"{block}_dw_conv.weight"] / before[f"{block}_dw_conv.weight"]).reshape(len(out["expand"]), -1)
        np.testing.assert_allclose(kernels * out["expand"][:, None], 1, rtol=1e-5)
        columns = after[f"{block}_project_conv.weight"] / before[f"{block}_project_conv.weight"]
        np.testing.assert_allclose(columns[:, :, 0, 0] * out["dw"], 1, rtol=1e-5)
    same = [name for name in before if np.array_equal(before[name], after[name])]
    assert {"stem_conv.weight", "stem_bn.weight", "block1_project_bn.weight", "head_conv.weight"} <= set(same)


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_half_of_the_channels_are_dead(name: str, constant: bool, images: NDArray[np.float32]) -> None:
    """So many that are nearly zero everywhere, or have one value; the rest is what it was, in another order."""
    model = MODELS[name]()
    changed = rescaled.dead_channels(model, constant=constant)
    onnx.checker.check_model(changed, full_check=True)
    before, after = tensors_of(model), tensors_of(changed)
    for old, new in zip(convolutions(model), convolutions(changed), strict=True):
        dead = dead_rows(after[new.input[1]])
        assert len(dead) == 2 * len(before[old.input[1]]) and dead.sum() * 2 == len(dead)
        (was,), (out,) = run(model, images, old.output[0]), run(changed, images, new.output[0])
        values = out[:, dead]
        assert np.ptp(values, axis=(0, 2, 3)).max() < 1e-20
        ours, theirs = (np.sort(np.abs(array).sum(axis=(0, 2, 3))) for array in (out[:, ~dead], was))
        if not constant:
            assert np.abs(values).max() < 1e-20
            np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    assert {array.dtype for array in after.values()} == {np.dtype(np.float32)}


def test_constant_channels_have_biases_of_the_usual_size() -> None:
    model = rescaled.dead_channels(MODELS["mobilenet"](), constant=True)
    tensors = tensors_of(model)
    for conv in convolutions(model):
        dead = dead_rows(tensors[conv.input[1]])
        bias = tensors[conv.output[0].removesuffix("_conv") + "_bn.bias"]
        assert 0.3 < bias[dead].std() / bias[~dead].std() < 3


@pytest.mark.parametrize(("share", "dead"), [(0.0, 0), (0.25, 2), (0.5, 6), (0.75, 18)])
def test_share(share: float, dead: int) -> None:
    tensors = tensors_of(rescaled.dead_channels(plain(), share))
    assert dead_rows(tensors["a.w"]).sum() == dead == len(tensors["a.w"]) - 6


def equalised_bias(model: onnx.ModelProto) -> float:
    """Largest bias that equalisation without guards (Nagel et al. 2019, equation 11) gives a depthwise layer.

    A channel of range r1 in this layer and r2 in the next is divided by sqrt(r1 / r2), and so is its bias.
    """
    tensors = tensors_of(model)
    found = []
    for block in ("block1", "block2", "block3"):
        gamma, beta, variance = (tensors[f"{block}_dw_bn.{key}"] for key in ("weight", "bias", "running_var"))
        kernels = np.abs(tensors[f"{block}_dw_conv.weight"]).max(axis=(1, 2, 3)).astype(np.float64)
        first = kernels * np.abs(gamma) / np.sqrt(variance + 1e-5)
        second = np.abs(tensors[f"{block}_project_conv.weight"]).max(axis=(0, 2, 3))
        found.append(np.abs(beta / np.sqrt(first / second)).max())
    return float(max(found))


def test_equalisation_without_guards_breaks_constant_channels() -> None:
    model = MODELS["mobilenet"]()
    usual = equalised_bias(model)
    assert equalised_bias(rescaled.dead_channels(model)) < 2 * usual
    assert equalised_bias(rescaled.dead_channels(model, constant=True)) > 1e10 * usual


def node(op: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs, [output], name=output, **attributes)


FIRST = node("Conv", ["image", "w"], "first")
REFUSED = {
    "its channels cannot be widened": [FIRST, node("Sigmoid", ["first"], "logits")],
    "last layer": [FIRST, node("Relu", ["first"], "logits")],
    "used by 2 nodes": [FIRST, node("Conv", ["image", "w"], "second"), node("Add", ["first", "second"], "logits")],
    "group is 2": [FIRST, node("Conv", ["first", "half"], "logits", group=2)],
    "Flatten": [FIRST, node("Flatten", ["first"], "flat"), node("Gemm", ["flat", "m"], "logits")],
    "Add": [FIRST, node("Add", ["c", "first"], "logits")],
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused_by_dead_channels(message: str) -> None:
    shapes = {"w": (4, 1, 3, 3), "half": (4, 2, 1, 1), "m": (144, 10), "c": (4, 1, 1)}
    model = model_of(REFUSED[message], {name: np.ones(shape) for name, shape in shapes.items()})
    with pytest.raises(ValueError, match=message):
        rescaled.dead_channels(model)


def test_groups_are_not_scaled_apart() -> None:
    nodes = [FIRST, node("Conv", ["first", "half"], "logits", group=2)]
    model = model_of(nodes, {"w": np.ones((4, 1, 3, 3)), "half": np.ones((4, 2, 1, 1))})
    with pytest.raises(ValueError, match="group is 2, expected 1 or 4"):
        rescaled.scaled_apart(model)


def test_refused_share() -> None:
    for share in (-0.1, 1.0):
        with pytest.raises(ValueError, match="share"):
            rescaled.dead_channels(plain(), share)


def test_nothing_to_scale_apart() -> None:
    """A tensor with two readers, a graph output, and a Clip each end a chain."""
    weights = {"w": np.ones((4, 1, 3, 3)), "v": np.ones((4, 4, 1, 1)), "low": np.array(0.0), "high": np.array(6.0)}
    second = node("Conv", ["first", "v"], "second")
    clipped = [node("Clip", ["first", "low", "high"], "clip"), node("Conv", ["clip", "v"], "logits")]
    for nodes in ([FIRST, second, node("Add", ["first", "second"], "logits")], [FIRST, *clipped]):
        with pytest.raises(ValueError, match="no Conv feeds another Conv"):
            rescaled.scaled_apart(model_of(nodes, weights))
    model = model_of([FIRST, second], weights)
    model.graph.output[0].name = "second"
    rescaled.scaled_apart(model)
    model.graph.output.add().CopyFrom(helper.make_empty_tensor_value_info("first"))
    with pytest.raises(ValueError, match="no Conv feeds another Conv"):
        rescaled.scaled_apart(model)


NETWORKS = {
    "digits_mobilenet": rescaled.digits_mobilenet,
    "digits_scaled_apart": rescaled.scaled_apart_network,
    "digits_dead_channels": rescaled.dead_channels_network,
    "digits_constant_channels": lambda: rescaled.dead_channels_network(constant=True),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_float_accuracy(name: str) -> None:
    network = NETWORKS[name]()
    assert network.name == name and network.model.is_file()
    assert network.score(network.float_run) == rescaled.digits_mobilenet().score(rescaled.digits_mobilenet().float_run)
    assert network.score(network.float_run)["top1"] >= 98.5


class Calibration(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, images: NDArray[np.float32]) -> None:
        self.rows = iter(images[:, None])

    def get_next(self) -> Tensors | None:
        return next(({"image": row} for row in self.rows), None)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize(("name", "low", "high"), [("digits_mobilenet", 99, 100), ("digits_scaled_apart", 0, 50)])
def test_scaled_apart_breaks_quantisation(
    name: str, low: float, high: float, per_channel: bool, tmp_path: Path
) -> None:
    """onnxruntime's static quantisation, 8 bits, has no equalisation."""
    network, target = NETWORKS[name](), tmp_path / "quantised.onnx"
    quantize_static(
        network.model, target, Calibration(network.calib[:32]), quant_format=QuantFormat.QDQ,
        per_channel=per_channel, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip
    options = ort.SessionOptions()
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    session = ort.InferenceSession(target, options, providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {"image": network.evaluation})
    exact = np.stack(network.float_run(list(network.evaluation)))
    assert low <= 100 * (got.argmax(1) == exact.argmax(1)).mean() <= high
