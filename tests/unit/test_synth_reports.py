"""Reports of Yosys, nextpnr and OpenSTA, saved from runs on the network of tests/synth_nets.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from synth_nets import small_plan

from hwq.errors import CheckFailed
from hwq.synth.owner import OUTSIDE, inside, layer
from hwq.synth.reports import errors, overfull, routed, synthesised, timed
from hwq.synth.result import Figures

SAVED = Path(__file__).with_name("synth_reports")


def test_cells_are_those_of_the_network_without_pins() -> None:
    figures, others = synthesised(SAVED / "ecp5-25f.cells.json", "net", "ecp5")
    assert figures == Figures(483 + 2 * 110 + 6 * 16, 635, 2, 0) and others == {}


def test_cells_of_a_library() -> None:
    figures, others = synthesised(SAVED / "asic.cells.json", "net", "asic")
    assert figures == Figures(cells=6831, area=269162.0) and others == {}


@pytest.mark.parametrize(
    ("device", "family", "figures"),
    [
        ("ice40up5k", "ice40", Figures(1395, None, 1, 3, fmax=55.571)),
        ("ecp5-25f", "ecp5", Figures(926, 653, 2, 0, fmax=138.639)),
    ],
)
def test_place_and_route(device: str, family: str, figures: Figures) -> None:
    found, path = routed(SAVED / f"{device}.timing.json", family, small_plan())
    assert found.fmax is not None and path is not None and path.routing is not None and path.logic is not None
    assert Figures(found.luts, found.registers, found.dsps, found.rams, fmax=round(found.fmax, 3)) == figures
    assert path.delay == pytest.approx(1000 / found.fmax, rel=0.01) == path.logic + path.routing
    assert path.start_layer == path.end_layer == ("y" if family == "ice40" else "conv")
    assert path.start.endswith(".u_mul.a_q") and path.start.startswith(f"u_{path.start_layer}.")
    assert sum(path.layers.values()) == pytest.approx(path.delay)
    assert set(path.layers) == {path.start_layer}


def test_a_device_without_multipliers(tmp_path: Path) -> None:
    report = json.loads((SAVED / "ice40up5k.timing.json").read_text())
    del report["utilization"]["ICESTORM_DSP"]
    (tmp_path / "t.json").write_text(json.dumps(report))
    figures, _ = routed(tmp_path / "t.json", "ice40", small_plan())
    assert (figures.luts, figures.dsps, figures.registers) == (1395, 0, None)


def test_timing_of_cells() -> None:
    log, netlist = ((SAVED / f"asic.{name}").read_text() for name in ("timing.log", "netlist.v"))
    slack, fmax, path = timed(log, netlist, 100.0, small_plan())
    assert (slack, round(fmax, 1)) == (6.155, 260.1)
    assert (path.start, path.end) == ("u_pool__window.read_q[2]", "u_pool__window.word_q[2]")
    assert (path.start_layer, path.end_layer) == ("pool", "pool")


def test_opensta_goes_on_after_errors() -> None:
    log, netlist = ((SAVED / f"asic.{name}").read_text() for name in ("timing.log", "netlist.v"))
    with pytest.raises(CheckFailed, match=r"OpenSTA: Error: netlist\.v line 3, syntax error, expected a slack"):
        timed(f"Error: netlist.v line 3, syntax error\n{log}", netlist, 100.0, small_plan())
    with pytest.raises(CheckFailed, match="it found no path"):
        timed("No paths found.\n", netlist, 100.0, small_plan())


def test_what_is_overfull() -> None:
    log = (SAVED / "ice40.overfull.log").read_text()
    assert overfull(log) == {"ICESTORM_RAM": (31, 30), "ICESTORM_DSP": (16, 8)}
    (message,) = errors(log)
    assert message.startswith("Unable to place cell 'u_network.u_block1_bn2") and message.endswith("'ICESTORM_DSP'")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"utilization": {}}', '{"utilization": {"TRELLIS_COMB": 3}}'])
def test_damaged_reports(text: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(text)
    with pytest.raises(CheckFailed, match=r"report\.json|Yosys"):
        routed(report, "ecp5", small_plan())
    with pytest.raises(CheckFailed, match=r"report\.json|Yosys"):
        synthesised(report, "net", "ecp5")


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("u_network.u_conv.u_macs.acc_TRELLIS_FF_Q_3", "conv"),
        ("u_pool__window.read_q[2]", "pool"),
        ("\\u_y__window.mem[0] ", "y"),
        ("u_network.u_s_axis.beat_q", "s_axis"),
        ("u_network.conv_tvalid_LUT4_Z", "conv"),
        ("u_network.conv__window_tdata[3]", "conv"),
        ("u_network.m_axis_tlast_LUT4_Z", "m_axis"),
        ("in_q_TRELLIS_FF_Q", OUTSIDE),
        ("convoy", OUTSIDE),
        ("$nextpnr_ICESTORM_LC_3", OUTSIDE),
    ],
)
def test_owners(name: str, owner: str) -> None:
    assert layer(name, small_plan()) == owner


def test_names_inside_the_network() -> None:
    assert inside("u_network.u_y.q_SB_DFFESR_Q_D_SB_LUT4_O_LC") == "u_y.q"
    assert inside("\\u_y.q[0] ") == "u_y.q[0]"
