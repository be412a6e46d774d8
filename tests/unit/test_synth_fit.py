"""Designs that do not fit, and liberty files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwq.errors import BadInput, ToolMissing
from hwq.hw.cost import is_known
from hwq.hw.device import device
from hwq.synth import liberty
from hwq.synth.fit import lacking
from hwq.synth.result import Figures

CELLS = """library (demo) { /* { */
  cell (INV) { area : 1.5; pin (Y) { function : "A'}"; } }
  cell (DFF) { area : 4; ff (IQ, IQN) { clocked_on : "CLK"; } }
}
"""


def test_what_fits_is_not_refused() -> None:
    assert lacking(Figures(5280, 5280, 8, 30), device("ice40up5k")) == ()
    assert lacking(Figures(cells=10**9, area=1e9), device("asic")) == ()


@pytest.mark.parametrize(
    ("name", "needed", "message"),
    [
        ("ecp5-25f", Figures(2352, 4481, 57, 0), "57 multiplier blocks needed, 28 available. --device ecp5-45f holds"),
        ("artix7-35t", Figures(9, 9, 9, 50.5), "50.5 block RAMs needed, 50 available. --device artix7-100t holds it."),
        (
            "ice40up5k", Figures(30000, 30000, 8, 0),
            ("30,000 LUTs needed, 5,280 available, 30,000 registers needed, 5,280 available. No device of "
            "this family holds it; by these numbers --device ecp5-45f may."),
        ),
        ("alveo-u250", Figures(10**7, 1, 1, 1), "10,000,000 LUTs needed, 1,728,000 available. No larger"),
    ],
)  # fmt: skip
def test_what_does_not_fit_says_which_device_would_do(name: str, needed: Figures, message: str) -> None:
    (line,) = lacking(needed, device(name))
    assert line.startswith(f"{name}: {message}")
    known = is_known(device(name).family)
    assert (f"hwq generate --device {name}" if known else "fewer --multipliers") in line


def test_liberty(tmp_path: Path) -> None:
    path = tmp_path / "cells.lib"
    path.write_text(CELLS)
    assert liberty.read(liberty.find(str(path))) == CELLS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no library"),
        ("library (a) { }", "holds no cell"),
        (CELLS.replace("ff (IQ, IQN)", "latch (IQ, IQN)"), "holds no flip-flop"),
        (CELLS[:-3], "opens 5 groups and closes 4"),
    ],
)
def test_damaged_liberty(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "cells.lib"
    path.write_text(text)
    with pytest.raises(BadInput, match=rf"--liberty .*cells\.lib: {message}, expected the whole liberty file"):
        liberty.read(path)


def test_liberty_that_is_no_text_or_missing(tmp_path: Path) -> None:
    (tmp_path / "cells.lib").write_bytes(b"\xff\xfe\x00")
    for name in ("cells.lib", "none.lib"):
        with pytest.raises(BadInput, match=rf"{name}: cannot be read"):
            liberty.read(tmp_path / name)


def test_the_smallest_buffer() -> None:
    cell = """cell ({name}) {{ area : {area}; pin(A) {{ direction : input; }}
      pin(Y) {{ direction : output; function : "{function}"; timing() {{ related_pin : "A"; }} }} }}
    """
    cells = [("INV", 1, "A'"), ("BUFX4", 4, "A"), ("BUFX2", 3, "(A)"), ("CLKBUF1", 2, "A")]
    text = "library (l) {" + "".join(cell.format(name=name, area=a, function=f) for name, a, f in cells) + CELLS + "}"
    assert liberty.buffer(text) == liberty.Buffer("BUFX2", "A", "Y", 3.0)
    assert liberty.buffer(CELLS) is None


def test_a_library_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "share"))
    with pytest.raises(ToolMissing, match=r"osu035 .*apt-get install qflow-tech-osu035.*--liberty FILE"):
        liberty.find("osu035")
    kit = tmp_path / "share" / "qflow" / "tech" / "osu035"
    kit.mkdir(parents=True)
    (kit / "osu035_stdcells.lib").write_text(CELLS)
    assert liberty.find("osu035") == kit / "osu035_stdcells.lib"
