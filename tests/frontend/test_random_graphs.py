"""Random small networks: import, simplify and compare with onnxruntime and with the reference evaluator of ONNX."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from hypothesis import HealthCheck, assume, given, reject, settings
from onnx.reference import ReferenceEvaluator
from onnx_models import check_equal, run_graph, save
from random_net import networks

from hwq import frontend

DIFFERENT = {"BatchNormalization", "GlobalMaxPool", "Pad", "Resize", "Upsample"}
"""Operators of which the reference evaluator has forms that differ from onnxruntime or that it cannot run."""


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks())
def test_random_network(made: onnx.ModelProto) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_equal(save(made, Path(folder)))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks())
def test_the_reference_says_the_same(made: onnx.ModelProto) -> None:
    assume(not DIFFERENT & {node.op_type for node in made.graph.node})
    with tempfile.TemporaryDirectory() as folder:
        graph = frontend.read(save(made, Path(folder)))
    (item,) = graph.inputs
    x = {item.onnx_name: np.random.default_rng(5).normal(0, 2, (1, *item.onnx_shape)).astype(np.float32)}
    names = [output.name for output in made.graph.output]
    try:
        wanted = dict(zip(names, ReferenceEvaluator(made).run(names, x), strict=True))
    except ValueError:  # it reshapes some results of reductions wrongly
        reject()
    found = run_graph(graph, x)
    for name, want in wanted.items():
        assert found[name].shape == want.shape
        np.testing.assert_allclose(found[name], want, rtol=0, atol=2e-5 * max(1.0, float(np.abs(want).max())))
