"""QDQ models: their programs compute what onnxruntime computes node by node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from imported import by_hwq, by_numpy, by_onnxruntime, equal_elements, equal_share, ties
from qdq_models import EXACT, NEAR, NO_TIES
from qdq_net import Qdq

ROWS, MANY = 300, 1000
SHARE = 0.999
"""Of the rows of models with any scales, in which two references are equal."""
ELEMENTS = 0.994
"""Of the elements of such models' outputs, in which a program is."""


@pytest.mark.parametrize("name", EXACT)
def test_both_references_agree(name: str) -> None:
    net = EXACT[name]()
    made, x = net.done(), net.samples(ROWS)
    wanted, found = by_onnxruntime(made, x), by_numpy(made, x)
    for port, array in wanted.items():
        assert array.dtype == found[port].dtype and np.array_equal(found[port], array)
        assert len(np.unique(array)) > 8, "outputs of few values show little"


@pytest.mark.parametrize("name", EXACT)
def test_ties_occur(name: str) -> None:
    net = EXACT[name]()
    count = ties(net.done(), net.samples(ROWS))
    assert count == 0 if name in NO_TIES else count >= 10


@pytest.mark.parametrize("name", EXACT)
def test_programs_equal_the_model(name: str, tmp_path: Path) -> None:
    net = EXACT[name]()
    made, x = net.done(), net.samples(ROWS)
    _, found = by_hwq(made, tmp_path, x)
    assert equal_share(found, by_onnxruntime(made, x)) == 1


@pytest.mark.parametrize("name", NEAR)
def test_references_with_any_scales(name: str) -> None:
    net = NEAR[name]()
    made, x = net.done(), net.samples(MANY)
    sums = net.nodes[-1].op_type != "DequantizeLinear"
    assert equal_share(by_numpy(made, x), by_onnxruntime(made, x), sums) >= SHARE


@pytest.mark.parametrize("name", NEAR)
def test_programs_with_any_scales(name: str, tmp_path: Path) -> None:
    net = NEAR[name]()
    made, x = net.done(), net.samples(MANY)
    _, found = by_hwq(made, tmp_path, x)
    sums = net.nodes[-1].op_type != "DequantizeLinear"
    assert equal_elements(found, by_onnxruntime(made, x), sums) >= ELEMENTS


def test_two_outputs(tmp_path: Path) -> None:
    """A layer's result leaves, and goes on into another layer."""
    net = Qdq(4, 5, 5).q(2.0**-4).conv(6, 2.0**-7).op("Relu").q(2.0**-4, 7, np.uint8)
    first = net.last
    last = net.conv(3, 2.0**-7, bias="float").last
    made, x = net.done([last, first]), net.samples(ROWS)
    wanted = by_onnxruntime(made, x)
    assert len(wanted) == 2 and equal_share(by_numpy(made, x), wanted) == 1
    _, found = by_hwq(made, tmp_path, x)
    assert equal_share(found, wanted) == 1


@pytest.mark.parametrize("bias", ["float", "int32", "int8"])
@pytest.mark.parametrize("relu", [True, False])
def test_every_sum_of_a_layer(bias: str, relu: bool, tmp_path: Path) -> None:
    """All 256 values of one input through 200 weights, with biases of any value."""
    net = Qdq(1).q(2.0**-4).gemm(200, 2.0**-6, bias).op("Relu" if relu else "Identity").q(2.0**-2, 3)
    made, x = net.done(), np.arange(-128, 128, dtype=np.float32)[:, None] / 16
    wanted = by_onnxruntime(made, x)
    assert equal_share(by_numpy(made, x), wanted) == 1
    _, found = by_hwq(made, tmp_path, x)
    assert equal_share(found, wanted) == 1


@pytest.mark.parametrize(("type_", "zero"), [(np.uint8, 0), (np.int8, 3)])
def test_biases_next_to_ties(type_: type, zero: int, tmp_path: Path) -> None:
    """Biases a hair beside a tie: small sums keep the hair, large ones lose it as float32 rounds them onto the tie."""
    net = Qdq(1, opset=21).q(2.0**-4, 0, np.int16).gemm(64, 2.0**-6, None, bits=2)
    hair = net.rng.choice([-1, 1], 64) * 2.0 ** net.rng.integers(-28, -20, 64)
    net.op("Add", np.float32((net.rng.integers(-9, 9, 64) + 0.5) / 4 + hair)).op("Relu").q(2.0**-2, zero, type_)
    made, x = net.done(), np.arange(-3000, 3001, dtype=np.float32)[:, None] / 16
    wanted = by_onnxruntime(made, x)
    assert ties(made, x) > 100 and equal_share(by_numpy(made, x), wanted) == 1
    _, found = by_hwq(made, tmp_path, x)
    assert equal_share(found, wanted) == 1


def test_clips_behind_quantisers_that_wait_for_pools(tmp_path: Path) -> None:
    """A quantiser comes before the pool that it reads; its clip goes with it, in every layer."""
    net = Qdq(3, 8, 8).q(2.0**-4)
    for _ in range(2):
        net.conv(3, 2.0**-6, (1, 1)).maxpool().down(2.0**-2, 0, np.int8, (-20, 21)).up()
    made, x = net.done(), net.samples(ROWS)
    _, found = by_hwq(made, tmp_path, x)
    assert equal_share(found, by_onnxruntime(made, x)) == 1
