"""Exploring: the front of widths, its table and files, and the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib import util
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from mixed_widths import LINEAR, NET, PLAIN, SAMPLES, front, rom, work
from rich.console import Console

from hwq import api
from hwq.cli import main
from hwq.errors import BadInput
from hwq.quant import silent
from hwq.quant.config import Cost, Effort
from hwq.quant.errors import decibel
from hwq.quant.explore import EXACT_DB, Front, Point, _ratio, explore
from hwq.quant.quantize import quantised
from hwq.quant.widths import with_bits
from hwq.report import figure, pareto

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


def test_the_front_rises_with_its_cost() -> None:
    points = front().points
    assert all(a.average <= b.average for a, b in pairwise(points))
    best = [point for point in points if point.best]
    assert all(a.average < b.average and a.db < b.db for a, b in pairwise(best))
    for point in points:
        beaten = any(other.average <= point.average and other.db > point.db for other in points)
        assert (
            point.best
            or beaten
            or any(other.best and (other.average, other.db) == (point.average, point.db) for other in points)
        )
    predicted = [point.predicted_db for point in points if not point.even]
    assert predicted == sorted(predicted)


def test_points_are_programs() -> None:
    points = front().points
    for point in points[2:6]:
        drafted = quantised(NET, SAMPLES, with_bits(PLAIN, point.bits), silent)
        assert point.measured_db == decibel(1.0, drafted.noise) and point.rom_bits == rom(drafted.program)
        assert point.work == work(drafted.program)
    assert [point.bits["out"] for point in points if point.even] == list(range(2, 9))
    assert len({tuple(point.bits.values()) for point in points}) == len(points)


def test_explore_refuses() -> None:
    with pytest.raises(BadInput, match="rom_bits was given"):
        explore(NET, SAMPLES, replace(PLAIN, rom_bits=1000), [4.0], False, silent)
    with pytest.raises(BadInput, match=r"up to 1\.5 bits asked for, but the narrowest weights need 2"):
        explore(NET, SAMPLES, PLAIN, [1.0, 1.5], False, silent)
    with pytest.raises(BadInput, match="no averages"):
        explore(NET, SAMPLES, PLAIN, [], False, silent)


def test_points_without_an_error_have_a_finite_ratio() -> None:
    assert _ratio(0.001) == pytest.approx(30.0) and _ratio(1.0) == 0.0
    assert _ratio(0.0) == EXACT_DB


def numbers(found: Front) -> Iterator[str]:
    for point in found.points:
        yield "".join(str(width) for width in point.bits.values())
        yield f"{point.predicted_db:.1f}"
        yield f"{point.measured_db:.1f}"


@pytest.mark.parametrize("columns", [80, 140])
def test_the_table_shows_all(columns: int) -> None:
    found = front()
    console = Console(width=columns, record=True)
    for part in pareto.table(found):
        console.print(part)
    text = console.export_text()
    assert all(number in text for number in numbers(found))
    assert text.count("*") == 1 + sum(point.best for point in found.points)


def test_wide_weights_have_one_character() -> None:
    point = Point(11.0, {"a": 16, "b": 9, "c": 10}, 99, 99, False, 60.0)
    console = Console(width=80, record=True)
    for part in pareto.table(Front("net", Cost.WORK, (point,))):
        console.print(part)
    text = console.export_text()
    assert "g9a" in text and "a: 10" in text


def test_files_are_the_same_bytes_each_time() -> None:
    found = front()
    value = json.loads(pareto.json_text(found))
    assert value == json.loads(json.dumps(pareto.as_json(found)))
    assert value["points"][0]["bits"] == dict.fromkeys(LINEAR, 2)
    for kind, start in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        assert pareto.plot(found, kind) == pareto.plot(found, kind)
        assert pareto.plot(found, kind).startswith(start)
    assert b"bits by layer, measured" in pareto.plot(found, "svg")
    unmeasured = replace(found, points=tuple(replace(point, measured_db=None) for point in found.points))
    assert b"measured" not in pareto.plot(unmeasured, "svg")


def command(folder: Path, *words: str) -> int:
    model, calib = DIGITS / "model.onnx", folder / "few.npz"
    with np.load(DIGITS / "calib.npz", allow_pickle=False) as data:
        np.savez(calib, **{name: x[:16] for name, x in data.items()})
    return main(["explore", str(model), "--calib", str(calib), "-o", str(folder / "new" / "front"), *words])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = ("--effort", "fast", "--from", "3", "--to", "5", "--step", "2", "--cost", "work")
    assert command(tmp_path, *sweep, "--json") == 0
    value = json.loads(capsys.readouterr().out)
    folder = tmp_path / "new" / "front"
    assert sorted(path.name for path in folder.iterdir()) == ["pareto.json", "pareto.png", "pareto.svg"]
    assert json.loads((folder / "pareto.json").read_text())["points"] == value["points"]
    assert value["cost"] == "work" and len(value["points"]) == 9
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert command(tmp_path, *sweep) == 0
    assert "Next: hwq quantize" in capsys.readouterr().out
    assert first == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_from_python(tmp_path: Path) -> None:
    """The same points as by the command."""
    config = Effort.FAST.config(cost=Cost.WORK)
    with np.load(DIGITS / "calib.npz", allow_pickle=False) as data:
        samples = {name: x[:16] for name, x in data.items()}
    found = api.explore(DIGITS / "model.onnx", samples, [3.0, 5.0], config)
    sweep = ("--effort", "fast", "--from", "3", "--to", "5", "--step", "2", "--cost", "work")
    assert command(tmp_path, *sweep, "--no-plot") == 0
    assert (tmp_path / "new" / "front" / "pareto.json").read_text() == pareto.json_text(found)
    assert all(point.measured_db is None for point in found.points) and found.cost is Cost.WORK


@pytest.mark.parametrize("words", [("--from", "5", "--to", "4"), ("--step", "0.01"), ("--from", "0")])
def test_the_command_refuses_a_sweep(words: tuple[str, ...], tmp_path: Path) -> None:
    assert command(tmp_path, *words) == 2
    assert not (tmp_path / "new").exists()


def test_without_matplotlib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(figure, "find_spec", lambda name: None if name == "matplotlib" else util.find_spec(name))
    assert command(tmp_path) == 3
    assert "pip install matplotlib, or --no-plot" in capsys.readouterr().err
    assert command(tmp_path, "--effort", "fast", "--no-plot", "--to", "3") == 0
    assert [path.name for path in (tmp_path / "new" / "front").iterdir()] == ["pareto.json"]
