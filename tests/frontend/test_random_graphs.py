"""Random small networks: import, simplify and compare with onnxruntime."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
from hypothesis import HealthCheck, given, settings
from onnx_models import check_equal, save
from random_net import networks


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks())
def test_random_network(made: onnx.ModelProto) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_equal(save(made, Path(folder)))
