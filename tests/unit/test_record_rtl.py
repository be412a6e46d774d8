"""Recordings of real builds: good ones are as the simulator says, and faults put into them are found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builds import own_cache
from diff_nets import residual
from nets import add, const, corners, program, tensor

from hwq import api
from hwq.emit.generate import generate
from hwq.errors import BadInput, CheckFailed
from hwq.hw.plan import make_plan
from hwq.hw.solve import for_cycles, for_multipliers
from hwq.ir.program import Program
from hwq.verify import check


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Path]:
    net = residual()
    folder = tmp_path_factory.mktemp("record") / "build"
    generate(make_plan(net, for_multipliers(net, 20).folds), folder, 3)
    return net, folder


@pytest.mark.parametrize(
    "simulator",
    [pytest.param("icarus", marks=pytest.mark.icarus), pytest.param("verilator", marks=pytest.mark.verilator)],
)
@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_a_good_build_is_recorded_as_the_simulator_says(
    build: tuple[Program, Path], simulator: str, stall: float, tmp_path: Path
) -> None:
    net, folder = build
    dump = tmp_path / "dump.npz"
    assert check.verify(check.open_build(folder), simulator, 6, stall, record=dump).passed
    found = api.diff(net, dump)
    assert found.passed and found.samples == 6 and found.notes == () and found.b.what == f"RTL on {simulator}"
    assert sum(row.statistics.elements for row in found.layers if row.statistics) == 1_542 + 30
    assert api.diff(folder, dump).passed


def faulty(folder: Path, target: Path, memory: str, change: Callable[[list[str]], None]) -> Path:
    """A copy of a build with another memory file."""
    for path in folder.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    words = (target / "rom" / memory).read_text().split()
    change(words)
    (target / "rom" / memory).write_text("\n".join(words) + "\n")
    return target


@pytest.mark.icarus
@pytest.mark.parametrize(("layer", "bit"), [("c1", 4), ("d1", 5), ("c2", 6), ("y", 3)])
def test_a_flipped_bit_in_a_rom_is_found(build: tuple[Program, Path], layer: str, bit: int, tmp_path: Path) -> None:
    """The layer, and the very position at which the RTL departs, by its own words."""
    net, folder = build

    def flip(words: list[str]) -> None:
        words[1] = f"{int(words[1], 16) ^ 1 << bit:0{len(words[1])}x}"

    bad = faulty(folder, tmp_path / "bad", f"{layer}_weight.mem", flip)
    with own_cache(tmp_path / "cache"):
        run = check.verify(check.open_build(bad), "icarus", 4, record=tmp_path / "dump.npz")
    found = api.diff(net, tmp_path / "dump.npz")
    assert not run.passed and not found.passed and found.missing == 0
    assert [row.name for row in found.layers if row.origin] == [layer]
    assert found.first is not None and found.first.name == layer and found.first.statistics is not None
    place = found.first.statistics.first
    assert place is not None
    where = f"sample {place.sample}, row {place.row}, column {place.column}, channel {place.channel}"
    assert f"{layer}: {where}: got {place.b}, want {place.a}" in run.trouble
    assert len(found.first.statistics.channels.nonzero()[0]) == 1


@pytest.mark.icarus
def test_a_simulation_that_ends_early_is_kept(build: tuple[Program, Path], tmp_path: Path) -> None:
    """Unknown weights: the RTL's own check ends the simulation at the first X, and what came before is there."""
    net, folder = build

    def spoil(words: list[str]) -> None:
        words[0] = "x" * len(words[0])

    bad = faulty(folder, tmp_path / "bad", "d1_weight.mem", spoil)
    with own_cache(tmp_path / "cache"), pytest.raises(CheckFailed):
        check.verify(check.open_build(bad), "icarus", 2, record=tmp_path / "dump.npz")
    found = api.diff(net, tmp_path / "dump.npz")
    by_name = {row.name: row.statistics for row in found.layers}
    assert not found.passed and found.missing > 0 and any("of 2 frames" in note for note in found.notes)
    assert by_name["c1"] is not None and by_name["c1"].elements > 0 and by_name["c1"].different == 0
    assert by_name["y"] is not None and by_name["y"].elements == 0


def test_recording_is_refused_before_any_work(build: tuple[Program, Path], tmp_path: Path) -> None:
    _, folder = build
    with pytest.raises(BadInput, match="is not a folder"):
        api.verify(folder, "icarus", record=tmp_path / "none" / "dump.npz")
    with pytest.raises(BadInput, match="expected one simulator"):
        api.verify(folder, "all", record=tmp_path / "dump.npz")


@pytest.mark.icarus
def test_constants_are_not_recorded(tmp_path: Path) -> None:
    """They run ahead of all frames; everything else is there."""
    x = tensor(3, 4, 2)
    k = const(np.arange(24).reshape(3, 4, 2), name="k")
    net = program([k, add(x, x, sources=("a", "k"))], {"a": x}, samples=corners({"a": x}))
    generate(make_plan(net, for_cycles(net, 24)), tmp_path / "build")
    with own_cache(tmp_path / "cache"):
        run = check.verify(check.open_build(tmp_path / "build"), "icarus", 4, record=tmp_path / "dump.npz")
    found = api.diff(net, tmp_path / "dump.npz")
    assert run.passed and found.passed and found.missing == 0
    assert {row.name for row in found.layers if row.statistics is not None} >= {"a", "y"}
