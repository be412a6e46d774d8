"""Mixed precision: what widths cost and do, budgets, floors, and the front with its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib import util
from itertools import pairwise
from pathlib import Path
from typing import Any

import float_nets as fn
import numpy as np
import pytest
from rich.console import Console

from hwq import api
from hwq.cli import main
from hwq.errors import BadInput
from hwq.frontend import graph as fg
from hwq.hw.fold import linear_ops, mac_count
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ir.text import dump
from hwq.ops import Codebook, PowerSums
from hwq.quant import quantize, silent
from hwq.quant.config import Cost, Effort, LayerRule, QuantConfig, WeightKind
from hwq.quant.errors import decibel
from hwq.quant.explore import EXACT_DB, Front, Point, _ratio, explore
from hwq.quant.quantize import quantised, survey
from hwq.quant.widths import PROBES, Table, _groups, measure_table, with_bits
from hwq.report import figure, pareto

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
PLAIN = QuantConfig(slim=False)
NET = fn.blocks()
SAMPLES = fn.data(count=16)
LINEAR = ["stem", "expand1", "depth1", "project1", "expand2", "depth2", "project2", "out"]


def made(**options: Any) -> Program:
    return quantize(NET, SAMPLES, replace(PLAIN, **options))


def rom(program: Program) -> int:
    return sum(op.rom_bits for op in linear_ops(program))


def weights(program: Program) -> int:
    return sum(op.weight.size for op in linear_ops(program))


def work(program: Program) -> int:
    return sum(
        program.types[op.name].pixels * op.macs_per_pixel * program.types[op.inputs[0]].bits * op.weight_bits
        for op in linear_ops(program)
    )


def measured(config: QuantConfig) -> float:
    return decibel(1.0, quantised(NET, SAMPLES, config, silent).noise) or 0.0


def even_db(front: Front) -> dict[int, float]:
    """Measured dB of one width for all, by width."""
    return {point.bits["out"]: point.db for point in front.points if point.even}


@pytest.fixture(scope="module")
def table() -> Table:
    config = replace(PLAIN, average_bits=8.0)
    return measure_table(*survey(NET, SAMPLES, config, silent), config, silent)


@pytest.fixture(scope="module")
def front() -> Front:
    return explore(NET, SAMPLES, PLAIN, [2.0, 3.0, 4.5, 6.0, 8.0], True, silent)


def test_the_table_counts_what_programs_have(table: Table) -> None:
    assert [layer.layer for layer in table.layers] == LINEAR
    for width, bits in table.even():
        assert set(bits.values()) == {width}
        program = made(weight_bits=width)
        assert table.cost(Cost.ROM, bits) == rom(program) == width * table.units(Cost.ROM)
        assert table.cost(Cost.WORK, bits) == work(program) == width * table.units(Cost.WORK)
    assert table.units(Cost.WORK) == 8 * mac_count(made())


def test_predictions_of_small_noise_are_within_6_db(table: Table, front: Front) -> None:
    small = [point for point in front.points if point.db > 12.0]
    assert len(small) > 6
    assert all(abs(point.predicted_db - point.db) < 6.0 for point in small)
    for layer in table.layers[::3]:
        bits = {**table.widest(), layer.layer: 3}
        assert abs(_ratio(table.noise(bits)) - measured(with_bits(PLAIN, bits))) < 4.0


@pytest.mark.parametrize("option", ["average_bits", "rom_bits", "work"])
def test_budgets_are_kept_and_used(option: str) -> None:
    units = weights(made())
    wide = work(made())
    budget = {"average_bits": 4.3, "rom_bits": int(4.3 * units), "work": int(4.3 * wide / 8)}[option]
    program = made(**{option: budget})
    used = {"average_bits": rom(program) / units, "rom_bits": rom(program), "work": work(program)}[option]
    assert 0.93 * budget < used <= budget
    widths = [op.weight_bits for op in linear_ops(program)]
    assert len(set(widths)) > 1 and min(widths) >= 2 and max(widths) <= 8


@pytest.mark.parametrize("width", [3, 5])
def test_mixed_is_never_worse_than_one_width(width: int, front: Front) -> None:
    assert measured(replace(PLAIN, average_bits=float(width))) >= even_db(front)[width]


def test_average_over_work() -> None:
    program = made(average_bits=4.0, cost=Cost.WORK)
    assert work(program) <= work(made(weight_bits=4)) < work(made(average_bits=5.0, cost=Cost.WORK))


@pytest.mark.parametrize("floor", [15.0, 30.0])
def test_a_floor_is_met_for_no_more_than_one_width_costs(floor: float, front: Front) -> None:
    found = quantised(NET, SAMPLES, replace(PLAIN, min_sqnr=floor), silent)
    assert 0.0 < found.noise <= 10.0 ** (-floor / 10.0)
    meets = min(width for width, db in even_db(front).items() if db >= floor)
    assert rom(found.program) <= meets * weights(found.program)


def test_a_floor_of_nothing_takes_the_narrowest() -> None:
    assert {op.weight_bits for op in linear_ops(made(min_sqnr=-100.0))} == {2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_sqnr": 90.0}, r"--min-sqnr: 90 dB, but the widest weights reach \d+\.\d dB"),
        ({"average_bits": 1.9}, "--average-bits: 1.9, but the narrowest weights need 2"),
        ({"rom_bits": 100}, r"--rom-bits: 100, but the narrowest weights need \d+"),
        ({"work": 0}, r"--work: 0, but the narrowest weights need \d+"),
        ({"average_bits": 4.0, "min_sqnr": 30.0}, "--average-bits and --min-sqnr: 2 were given"),
        ({"least_bits": 5, "most_bits": 4}, "--least-bits: 5, expected 1 to 4"),
    ],
)
def test_refusals(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        made(**options)


def test_rules_stay_in_force() -> None:
    rules = (LayerRule("stem", (("weight_bits", 11),)), LayerRule("depth*", (("solver", PLAIN.solver),)))
    program = made(average_bits=4.0, rules=rules)
    widths = {op.name: op.weight_bits for op in linear_ops(program)}
    assert widths.pop("stem") == 11 and max(widths.values()) <= 8
    assert rom(program) <= 4.0 * weights(program)
    with pytest.raises(BadInput, match="need"):
        made(average_bits=2.0, rules=rules)


@pytest.mark.parametrize(
    ("kind", "coding", "average"), [(WeightKind.CODEBOOK, Codebook, 4.0), (WeightKind.POWERS, PowerSums, 7.0)]
)
def test_codings_count_what_they_store(kind: WeightKind, coding: type, average: float) -> None:
    program = made(weights=kind, average_bits=average, least_bits=1)
    assert all(isinstance(op.coding, coding) for op in linear_ops(program))
    assert 0.8 * average < rom(program) / weights(program) <= average
    assert len({op.stored_bits for op in linear_ops(program)}) > 1


def test_one_bit_is_possible() -> None:
    program = made(average_bits=2.5, least_bits=1, most_bits=4)
    assert rom(program) <= 2.5 * weights(program)
    assert {op.stored_bits for op in linear_ops(program)} <= {1, 2, 3, 4}


def test_a_network_without_weights() -> None:
    net = fn.graph((2, 4, 4), [fg.MaxPool(name="out", inputs=("in",), kernel=(2, 2))], {"out": (2, 3, 3)})
    samples = fn.data((2, 4, 4))
    same = quantize(net, samples, QuantConfig())
    assert dump(quantize(net, samples, QuantConfig(average_bits=3.0))) == dump(same)
    assert len(list(pareto.table(explore(net, samples, QuantConfig(), [4.0], False, silent)))) == 4


def test_groups_are_consecutive_and_few(table: Table) -> None:
    layers = [replace(table.layers[0], layer=str(k)) for k in range(3 * PROBES + 1)]
    layers[4] = replace(layers[4], noise={8: 0.1})
    groups = _groups(layers)
    assert len(groups) == PROBES
    assert [layer.layer for group in groups for layer in group] == [str(k) for k in range(len(layers)) if k != 4]


def test_the_same_bytes_each_time() -> None:
    assert serial.digest(made(average_bits=3.7)) == serial.digest(made(average_bits=3.7))


def test_the_front_rises_with_its_cost(front: Front) -> None:
    assert all(a.average <= b.average for a, b in pairwise(front.points))
    best = [point for point in front.points if point.best]
    assert all(a.average < b.average and a.db < b.db for a, b in pairwise(best))
    for point in front.points:
        beaten = any(other.average <= point.average and other.db > point.db for other in front.points)
        assert (
            point.best
            or beaten
            or any(other.best and (other.average, other.db) == (point.average, point.db) for other in front.points)
        )
    predicted = [point.predicted_db for point in front.points if not point.even]
    assert predicted == sorted(predicted)


def test_points_are_programs(front: Front) -> None:
    for point in front.points[2:6]:
        drafted = quantised(NET, SAMPLES, with_bits(PLAIN, point.bits), silent)
        assert point.measured_db == decibel(1.0, drafted.noise) and point.rom_bits == rom(drafted.program)
        assert point.work == work(drafted.program)
    assert [point.bits["out"] for point in front.points if point.even] == list(range(2, 9))
    assert len({tuple(point.bits.values()) for point in front.points}) == len(front.points)


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


def numbers(front: Front) -> Iterator[str]:
    for point in front.points:
        yield "".join(str(width) for width in point.bits.values())
        yield f"{point.predicted_db:.1f}"
        yield f"{point.measured_db:.1f}"


@pytest.mark.parametrize("columns", [80, 140])
def test_the_table_shows_all(front: Front, columns: int) -> None:
    console = Console(width=columns, record=True)
    for part in pareto.table(front):
        console.print(part)
    text = console.export_text()
    assert all(number in text for number in numbers(front))
    assert text.count("*") == 1 + sum(point.best for point in front.points)


def test_wide_weights_have_one_character() -> None:
    point = Point(11.0, {"a": 16, "b": 9, "c": 10}, 99, 99, False, 60.0)
    console = Console(width=80, record=True)
    for part in pareto.table(Front("net", Cost.WORK, (point,))):
        console.print(part)
    text = console.export_text()
    assert "g9a" in text and "a: 10" in text


def test_files_are_the_same_bytes_each_time(front: Front) -> None:
    value = json.loads(pareto.json_text(front))
    assert value == json.loads(json.dumps(pareto.as_json(front)))
    assert value["points"][0]["bits"] == dict.fromkeys(LINEAR, 2)
    for kind, start in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        assert pareto.plot(front, kind) == pareto.plot(front, kind)
        assert pareto.plot(front, kind).startswith(start)
    assert b"bits by layer, measured" in pareto.plot(front, "svg")
    unmeasured = replace(front, points=tuple(replace(point, measured_db=None) for point in front.points))
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
