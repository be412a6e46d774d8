"""Networks trained with quantisation in Brevitas: hwq gives the outputs of Brevitas itself, file by file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import qonnx_nodes  # noqa: F401  (adds the operators of qonnx)
from plain_nodes import run_plain

from hwq import api

QAT = Path(__file__).parents[3] / "shared" / "models" / "qat"
FILES = sorted(QAT.glob("*.onnx"))
MOST = 1000
"""Rows of a file that are compared here; `benchmarks/imports.py` compares all."""
SLACK = 2e-6
"""Of the largest output: the float32 sums of Brevitas depend on their order where scales are no powers of two."""
pytestmark = pytest.mark.skipif(
    not FILES, reason="the trained models of ../shared are not here; they are no part of the repository"
)


def _case(path: Path) -> tuple[str, np.ndarray, np.ndarray, float]:
    """Name of the input, samples, outputs of Brevitas, and by how much equal ones may differ."""
    stem = path.name.split(".")[0]
    arrays, graph = np.load(path.with_name(f"{stem}.npz")), onnx.load(path).graph
    stored = {item.name for item in graph.initializer}
    (entry,) = (item.name for item in graph.input if item.name not in stored)
    wanted = arrays["y_brevitas"][:MOST]
    return entry, arrays["X"][:MOST], wanted, SLACK * float(np.abs(wanted).max()) if "_f_" in stem else 0.0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.removesuffix(".onnx"))
def test_the_reference_is_brevitas(path: Path) -> None:
    _, x, wanted, slack = _case(path)
    made = onnx.load(path)
    assert (np.abs(run_plain(made, x)[made.graph.output[0].name] - wanted) <= slack).all()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.removesuffix(".onnx"))
def test_programs_equal_brevitas(path: Path) -> None:
    entry, x, wanted, slack = _case(path)
    program = api.quantize(path, {entry: x})
    (port,) = program.outputs
    assert not port.host_ops
    for engine in ("fast", "plain"):
        found = api.simulate(program, {entry: x}, engine)[port.name].astype(np.float32)
        assert (np.abs(found - wanted) <= slack).all()


@pytest.mark.parametrize("kind", ["qcdq", "qonnx"])
def test_rows_that_float32_rounds_onto_a_tie(kind: str) -> None:
    """Rows, not of the data set, in which a hidden sum and its float bias meet a tie only as float32 rounds them."""
    path = QAT / f"dig_p2_w8a8.{kind}.onnx"
    entry, samples, *_ = _case(path)
    x = np.load(Path(__file__).parent / "dig_p2_w8a8_ties.npy").astype(np.float32) / 128
    made = onnx.load(path)
    wanted = run_plain(made, x)[made.graph.output[0].name]
    program = api.quantize(path, {entry: samples})
    assert np.array_equal(api.simulate(program, {entry: x})[program.outputs[0].name].astype(np.float32), wanted)
