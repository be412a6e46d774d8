"""Tensors of 17 to 32 bits between accumulators and thresholds: equal in every engine.

Operations that deliver such tensors are cases in `cases.py`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builds import DEEP, checked, entries, plan_with
from c_models import SANITISED, check_c
from cases_wide import wide_networks
from golden_models import check_equal
from hls_builds import Compiler, run_batch
from nets import dense, program, rescale, tensor, threshold

from hwq import api
from hwq.arith import Rounding
from hwq.emit.exchange import FileFormat, exchange
from hwq.emit.generate import generate
from hwq.emit.vector_folder import read_vectors
from hwq.errors import BadInput
from hwq.hw.plan import Plan
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.sim import Simulator, simulate_plain
from hwq.verify.record import load_recording

NETWORKS = wide_networks()
EACH = pytest.mark.parametrize("p", NETWORKS.values(), ids=NETWORKS.keys())


def _plan(p: Program, which: int = 0) -> Plan:
    folds = {op.name: (every := entries(p, op))[which % len(every)] for op in p.ops}
    return plan_with(p, folds)


@EACH
def test_simulators_and_golden_model(p: Program) -> None:
    want, got = simulate_plain(p, p.samples, keep_all=True), Simulator(p, keep_all=True)(p.samples)
    for name, x in want.items():
        assert np.array_equal(got[name], x) and got[name].dtype == p.types[name].dtype
    assert len(np.unique(want["y"])) > 2
    check_equal(p, p.samples)


@pytest.mark.compiler
def test_c(tmp_path: Path) -> None:
    check_c({f"n{number}": (p, p.samples) for number, p in enumerate(NETWORKS.values())}, tmp_path, "-O1", *SANITISED)


@pytest.mark.compiler
def test_hls(tmp_path: Path) -> None:
    plans = {name: _plan(replace(p, name=f"n{number}")) for number, (name, p) in enumerate(NETWORKS.items())}
    assert run_batch(plans, tmp_path, Compiler(), 5) == {}


@pytest.mark.icarus
@EACH
def test_icarus(p: Program, tmp_path: Path) -> None:
    for which in (0, -1):
        result = checked(_plan(p, which), tmp_path / "build", "icarus", 6, 0.3)
        assert result.passed, result.trouble


@pytest.mark.verilator
@pytest.mark.parametrize("name", ["22-255", "32-unsigned-15"] if DEEP else ["32-unsigned-15"])
def test_verilator(name: str, tmp_path: Path) -> None:
    result = checked(_plan(NETWORKS[name]), tmp_path / "build", "verilator", 6, 0.3)
    assert result.passed, result.trouble


@pytest.mark.icarus
def test_recording(tmp_path: Path) -> None:
    """Every stream of 32 bits is read back, and how inputs are rounded."""
    p = NETWORKS["32-unsigned-15"]
    p = replace(p, inputs=(replace(p.inputs[0], rounding=Rounding.HALF_EVEN),)).verify()
    generate(_plan(p), tmp_path / "build", 5)
    (result,) = api.verify(tmp_path / "build", "icarus", samples=5, record=tmp_path / "dump.npz")
    assert result.passed
    recording = load_recording(tmp_path / "dump.npz")
    assert np.array_equal(recording.streams["acc"].values, simulate_plain(p, recording.sent, keep_all=True)["acc"])
    assert recording.layers[0].rounding is Rounding.HALF_EVEN
    assert api.diff(p, tmp_path / "dump.npz").passed


@EACH
def test_files(p: Program, tmp_path: Path) -> None:
    """NET.hwq, and vectors of every kind."""
    serial.save(p, tmp_path / "net.hwq")
    assert serial.digest(serial.load(tmp_path / "net.hwq")) == serial.digest(p)
    api.vectors(p, tmp_path / "v", frames=5, layers=["*"], formats=("mem", "npy", "c"))
    want = simulate_plain(p, p.samples, keep_all=True)
    for remove in ("", "*.npy"):
        for path in (tmp_path / "v").glob(remove) if remove else ():
            path.unlink()
        found = read_vectors(tmp_path / "v")
        assert all(np.array_equal(found[name], want[name]) for name in want)


X = tensor(1, 1, 4)
SUMS = rescale(X, name="s", bits=17)
REFUSED = {
    "dense": (dense(SUMS.result(X), 3, source="s"), r"y \(dense\): reads s, which has 17 bits, expected at most 16"),
    "rescale": (rescale(SUMS.result(X), source="s"), r"y \(rescale\): reads s, which has 17 bits"),
    "too wide": (threshold(tensor(1, 1, 4, bits=33), [[0]], source="s"), "s: has 33 bits, expected 1 to 32"),
}


@pytest.mark.parametrize(("reader", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_other_readers_are_refused(reader: object, text: str) -> None:
    bits = 33 if "33" in text else 17
    with pytest.raises(BadInput, match=text):
        program([rescale(X, name="s", bits=bits), reader], {"a": X})  # type: ignore[list-item]


def test_wide_inputs_and_results_without_accumulators_are_refused() -> None:
    wide = tensor(1, 1, 4, bits=17)
    with pytest.raises(BadInput, match="a: has 17 bits, expected 1 to 16"):
        program([threshold(wide, [[0]])], {"a": wide})
    with pytest.raises(BadInput, match="y: has 17 bits, expected 1 to 16"):
        program([threshold(X, [[0]], bits=17)], {"a": X})


def test_files_for_other_tools_are_refused() -> None:
    with pytest.raises(BadInput, match="s: has 17 bits, expected at most 16, as qdq files have"):
        exchange(program([SUMS], {"a": X}, ("s",)), FileFormat.QDQ)
