"""QONNX beyond perceptrons: programs compute what the executor of qonnx computes, ties included."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from imported import by_hwq, by_numpy, equal_share
from onnx_models import save
from qonnx_models import MODELS, ROUNDING_MODES

ROOT = Path(__file__).parents[2]
QONNX = ROOT / "build" / "peers" / "qonnx" / "bin" / "python"
SCRIPT = ROOT / "benchmarks" / "peers" / "qonnx_outputs.py"
ROWS = 200


@pytest.mark.skipif(
    not QONNX.exists(), reason="qonnx is not installed in build/peers: python benchmarks/simulator.py --peers does that"
)
@pytest.mark.slow
def test_the_reference_is_qonnx(tmp_path: Path) -> None:
    """Numpy and the package qonnx compute the same for every model."""
    wanted = {}
    for name, build in MODELS.items():
        net = build()
        made, x = net.done(), net.samples(ROWS)
        save(made, tmp_path, f"{name}.onnx")
        np.savez(tmp_path / f"{name}.npz", x=x)
        wanted[name] = by_numpy(made, x)[made.graph.output[0].name]
    subprocess.run([str(QONNX), str(SCRIPT), str(tmp_path)], check=True, capture_output=True, timeout=600)
    found = {name: np.load(tmp_path / f"{name}.out.npz")["y"] for name in MODELS}
    assert [name for name in MODELS if not np.array_equal(found[name], wanted[name])] == []


def test_roundings_differ() -> None:
    """Each way to round makes outputs of its own, so a model shows which one was used; two names mean the same."""
    nets = {mode: MODELS[f"round-{mode.lower()}"]() for mode in ROUNDING_MODES}
    found = {mode: net.reference(net.samples(ROWS)) for mode, net in nets.items()}
    assert np.array_equal(found["ROUND"], found["HALF_EVEN"])
    assert len({array.tobytes() for array in found.values()}) == len(found) - 1


@pytest.mark.parametrize("name", MODELS)
def test_programs_equal_the_model(name: str, tmp_path: Path) -> None:
    net = MODELS[name]()
    made, x = net.done(), net.samples(ROWS)
    _, found = by_hwq(made, tmp_path, x)
    wanted = by_numpy(made, x)
    assert equal_share(found, wanted) == 1
    assert all(len(np.unique(array)) > 5 for array in wanted.values())
