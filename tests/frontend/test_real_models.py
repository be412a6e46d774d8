"""Trained models from elsewhere: they import and match onnxruntime, or are refused for all their reasons."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx_models import check_equal, save

from hwq import frontend
from hwq.errors import BadInput
from hwq.frontend.graph import Activation, BatchNorm

MODELS = Path(__file__).parents[3] / "shared" / "models"

pytestmark = pytest.mark.skipif(
    not MODELS.is_dir(),
    reason="the trained models of ../shared are not here; they are no part of the repository",
)

ACCEPTED = {
    "ad_autoencoder_mlperf/model.onnx": 10,
    "cifar10_resnet8/model.onnx": 14,
    "imagenet_efficientnet_lite0/model.onnx": 60,
    "imagenet_mobilenet_v2_deq/model.onnx": 64,
    "kws_dscnn_mlperf/model.onnx": 11,
    "kws_dscnn_mlperf/model_floatweights.onnx": 11,
    "kwt1_transformer/model.onnx": 211,
    "mlkws_dnn_s/model.onnx": 4,
    "mlkws_gru_s/model.onnx": 4,
    "mnist_lstm/model.onnx": 3,
    "small/digits_cnn.onnx": 5,
    "small/digits_mlp.onnx": 2,
    "small/digits_mlp_flat.onnx": 2,
    "small/jet_mlp.onnx": 4,
    "small/jet_mlp_flat.onnx": 4,
}

QUANTISED = ["import_tests/finn_tfc_w1a1_build.onnx", "qonnx_tfc_1w1a/model.onnx", "qonnx_tfc_2w2a/model.onnx"]
"""Models that have integers of their own; tests of `frontend.qonnx` read them."""


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    graph = check_equal(MODELS / name)
    assert len(graph.layers) == ACCEPTED[name]
    assert not any(isinstance(layer, BatchNorm | Activation) for layer in graph.layers)


OF_ANY_SIZE = {"fsrcnn_x3/model.onnx": 15, "fsrcnn_x3/model_depthtospace.onnx": 15, "unet_drive/model.onnx": 17}
"""Layers of models with a free height and width, which are given here."""


@pytest.mark.parametrize("name", OF_ANY_SIZE)
def test_accepted_at_a_size(name: str, tmp_path: Path) -> None:
    model = onnx.load(MODELS / name)
    for axis in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        axis.dim_value = 48
    graph = check_equal(save(model, tmp_path))
    assert len(graph.layers) == OF_ANY_SIZE[name]


@pytest.mark.parametrize("name", QUANTISED)
def test_quantised_already(name: str) -> None:
    with pytest.raises(BadInput, match="quantised already, expected a model of floats"):
        frontend.read(MODELS / name)
