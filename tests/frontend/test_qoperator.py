"""Models of operators on integers: their programs compute what onnxruntime computes, ties included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import qoperator_nodes
from imported import by_hwq, by_numpy, by_onnxruntime, equal_elements, equal_share, ties
from qoperator_models import EXACT, NEAR

ROWS, MANY = 300, 1000
SHARE = 0.999
"""Of the rows of models with any scales, in which two references are equal."""
ELEMENTS = 0.985
"""Of the elements of such models' outputs, in which a program is."""
TIES_OF_QUANTISERS = ("conv-integer", "matmul-integer", "matmul-integer-columns")
"""Models whose integers are rounded by QuantizeLinear alone."""


@pytest.mark.parametrize("name", EXACT)
def test_both_references_agree(name: str) -> None:
    net = EXACT[name]()
    made, x = net.done(), net.samples(ROWS)
    wanted = by_onnxruntime(made, x)
    assert equal_share(by_numpy(made, x), wanted) == 1
    assert all(len(np.unique(array)) > 30 for array in wanted.values()), "outputs of few values show little"


@pytest.mark.parametrize("name", EXACT)
def test_ties_occur(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another rounding of ties makes other results."""
    net = EXACT[name]()
    made, x = net.done(), net.samples(ROWS)
    if name in TIES_OF_QUANTISERS:
        assert ties(made, x) >= 10
        return
    wanted = by_numpy(made, x)
    monkeypatch.setattr(qoperator_nodes, "rounded", lambda x: np.floor(x + np.float32(0.5)))
    assert equal_share(by_numpy(made, x), wanted) < 0.995


@pytest.mark.parametrize("name", EXACT)
def test_programs_equal_the_model(name: str, tmp_path: Path) -> None:
    net = EXACT[name]()
    made, x = net.done(), net.samples(ROWS)
    _, found = by_hwq(made, tmp_path, x)
    assert equal_share(found, by_numpy(made, x)) == 1


@pytest.mark.parametrize("name", NEAR)
def test_references_with_any_scales(name: str) -> None:
    net = NEAR[name]()
    made, x = net.done(), net.samples(MANY)
    assert equal_share(by_numpy(made, x), by_onnxruntime(made, x)) >= SHARE


@pytest.mark.parametrize("name", NEAR)
def test_programs_with_any_scales(name: str, tmp_path: Path) -> None:
    net = NEAR[name]()
    made, x = net.done(), net.samples(MANY)
    _, found = by_hwq(made, tmp_path, x)
    assert equal_elements(found, by_numpy(made, x)) >= ELEMENTS
