"""How the result of a synthesis is printed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from hwq.hw.device import device
from hwq.report.synthesis import as_json, report
from hwq.synth.fit import available
from hwq.synth.result import CriticalPath, Figures, Synthesis

ECP5 = device("ecp5-25f")
PATH = CriticalPath(8.0, "u_conv.a_q", "u_pool.b_q", "conv", "pool", 5.0, 3.0, {"conv": 2.0, "pool": 6.0})
DONE = Synthesis(
    ECP5.name, ECP5.title, "ecp5", 100.0, "b/syn/ecp5-25f", available(ECP5), Figures(2500.3, 900, 3, 1.5),
    Figures(2429, 1000, 4, 2), Figures(2672, 1018, 4, 2, fmax=125.0), PATH, "bitstream.bit", {}, ("yosys.ys",),
    ("make coffee",), (), {"Synthesis": 3.0},
)  # fmt: skip


def printed(result: Synthesis, width: int = 80) -> list[str]:
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        for part in report(result):
            console.print(part, soft_wrap=isinstance(part, str))
    return capture.get().splitlines()


def test_every_column() -> None:
    lines = printed(DONE)
    assert all(len(line) <= 80 for line in lines)
    assert lines[2].endswith(" place and route") and "estimate" in lines[2]
    cells = {line[:10].strip(): line[10:].split() for line in lines}
    assert cells["LUTs"] == ["24,288", "2,500", "(10.3", "%)", "2,429", "(10.0", "%)", "2,672", "(11.0", "%)"]
    assert cells["block RAMs"][:4] == ["56", "1.5", "(2.7", "%)"]
    assert cells["Fmax, MHz"] == ["125.0"]
    assert not any(line.startswith(("cell area", "slack")) for line in lines)
    text = "\n".join(lines)
    assert "critical path  8.00 ns, 5.00 logic and 3.00 routing" in text
    assert "  from         conv: u_conv.a_q\n  to           pool: u_pool.b_q\n" in text
    assert "  by layer     pool 6.00, conv 2.00" in text
    assert "clock          125.0 MHz reached, 100 asked for" in text
    assert "bitstream      b/syn/ecp5-25f/bitstream.bit" in text and "to run by hand make coffee" in text


def test_columns_that_were_not_made_are_left_out() -> None:
    lines = printed(replace(DONE, estimate=None, place_and_route=None, critical_path=None, bitstream=None, by_hand=()))
    assert "estimate" not in lines[2] and "place" not in lines[2] and "synthesis" in lines[2]
    assert not any(line.startswith(("Fmax", "clock", "critical", "bitstream", "to run")) for line in lines)


def test_only_scripts() -> None:
    bare = replace(DONE, synthesis=None, place_and_route=None, critical_path=None, bitstream=None)
    assert printed(bare)[2].split() == ["available", "estimate"]
    assert printed(replace(bare, estimate=None, by_hand=())) == [
        "Lattice ECP5 LFE5U-25F, clock of 100 MHz",
        "scripts        b/syn/ecp5-25f: yosys.ys",
    ]


def test_cells_of_a_library() -> None:
    asic = replace(
        DONE, available=None, estimate=None, place_and_route=None, clock=500.0,
        synthesis=Figures(cells=6831, area=269162.5, fmax=260.12, slack=-1.8446), others={"$_DFF_P_": 2},
    )  # fmt: skip
    lines = printed(asic)
    assert [line.split()[-1] for line in lines[4:8]] == ["6,831", "269,162", "260.1", "-1.845"]
    assert "clock          260.1 MHz reached, 500 NOT MET" in lines
    assert "in no row      2 $_DFF_P_" in lines


@pytest.mark.parametrize(("fmax", "met"), [(None, None), (99.9, False), (100.0, True)])
def test_json(fmax: float | None, met: bool | None) -> None:
    value = as_json(replace(DONE, place_and_route=Figures(1, 2, 3, 4, fmax=fmax)))
    assert value["clock_met"] is met
    assert value["estimate"]["rams"] == 1.5 and value["critical_path"]["layers"] == {"conv": 2.0, "pool": 6.0}
