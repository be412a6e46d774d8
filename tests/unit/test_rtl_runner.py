"""`rtl_sim/runner.py`: whatever goes wrong in a simulation fails the case."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

RTL_SIM = Path(__file__).resolve().parents[2] / "rtl_sim"

MODULE = """
module hwq_probe #(parameter int W = 8, parameter FILE = "") (input logic clk, input logic [W-1:0] d);
  logic [W-1:0] rom [0:1];
  generate if (FILE != "") begin : g_file
    initial $readmemh(FILE, rom);
  end endgenerate
endmodule
"""

TEST = """
import json, os
import cocotb
from cocotb.triggers import Timer

CASES = [{"W": 4, "mode": "pass"}]

def prepare(params, folder):
    (folder / "there.mem").write_text("1 2\\n")

MODE = json.loads(os.environ.get("HWQ_PARAMS", '{"mode": ""}'))["mode"]
assert MODE != "import"

if MODE != "none":
    @cocotb.test(skip=MODE == "skip")
    async def probe(dut):
        assert len(dut.d) == 4
        assert MODE != "fail"
        while MODE == "hang":
            await Timer(1, "ns")
        if MODE == "exit":
            os._exit(0)
        await Timer(1, "ns")
"""


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The runner, with a library of one module and its test."""
    monkeypatch.syspath_prepend(str(RTL_SIM))
    import runner

    (tmp_path / "hwq_probe.sv").write_text(MODULE)
    (tmp_path / "test_hwq_probe.py").write_text(TEST)
    monkeypatch.setattr(runner, "HERE", tmp_path)
    monkeypatch.setattr(runner, "RTL", (tmp_path,))
    monkeypatch.setattr(runner, "WORK", tmp_path / "work")
    monkeypatch.setattr(runner, "TIMEOUT", 5)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "test_hwq_probe", raising=False)
    monkeypatch.setenv("HWQ_CACHE", str(tmp_path / "cache"))
    return runner


@pytest.mark.icarus
@pytest.mark.parametrize("file", [None, "there.mem"])
def test_good_case_passes(runner: ModuleType, file: str | None) -> None:
    params = {"W": 4, "mode": "pass"} | ({"FILE": file} if file else {})
    before = dict(os.environ)
    assert runner.modules() == ["test_hwq_probe"]
    assert runner.run_case("test_hwq_probe", params, "icarus", "good") == 1
    assert dict(os.environ) == before


@pytest.mark.icarus
@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"mode": "fail"}, "not passed: probe"),
        ({"mode": "skip"}, "not passed: probe"),
        ({"mode": "hang"}, "return code: 124"),
        ({"mode": "exit"}, "no results.xml"),
        ({"mode": "none"}, "no results.xml"),
        ({"mode": "import"}, "no results.xml"),
        ({"mode": "pass", "FILE": "gone.mem"}, "a memory file is missing"),
        ({"mode": "pass", "NO_SUCH": 1}, "does not build.*NO_SUCH"),
    ],
    ids=["fail", "skip", "hang", "exit", "none", "import", "memory", "parameter"],
)
def test_bad_case_fails(runner: ModuleType, params: dict[str, object], says: str) -> None:
    with pytest.raises(runner.SimulationFailed, match=says):
        runner.run_case("test_hwq_probe", {"W": 4, **params}, "icarus", "bad")


def test_results_without_a_test(runner: ModuleType, tmp_path: Path) -> None:
    results = tmp_path / "results.xml"
    results.write_text("<testsuites><testsuite name='all' /></testsuites>")
    with pytest.raises(runner.SimulationFailed, match="bad: ran no test"):
        runner._passed(results, tmp_path / "log", "bad")
