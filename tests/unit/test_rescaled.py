"""Networks that break quantisers (benchmarks/rescaled.py): the function stays, channels are far apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from rescaled_nets import FIRST, MODELS, Tensors, convolutions, images, model_of, node, plain, rescaled, run, tensors_of

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
def test_function_stays(name: str, change: str) -> None:
    model = MODELS[name]()
    before = model.SerializeToString(deterministic=True)
    changed = CHANGES[change](model)
    assert model.SerializeToString(deterministic=True) == before
    (exact,), (got,) = run(model, images(), "logits"), run(changed, images(), "logits")
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


def test_groups_are_not_scaled_apart() -> None:
    nodes = [FIRST, node("Conv", ["first", "half"], "logits", group=2)]
    model = model_of(nodes, {"w": np.ones((4, 1, 3, 3)), "half": np.ones((4, 2, 1, 1))})
    with pytest.raises(ValueError, match="group is 2, expected 1 or 4"):
        rescaled.scaled_apart(model)


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
