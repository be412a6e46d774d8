"""Designs on devices: which are the best, what is kept between runs, and what a person sees."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster
from rich.console import Console

from hwq.api import designs as making
from hwq.api.designs import Sweep, explore_designs, local_processes
from hwq.api.loading import load_program
from hwq.api.scoring import read_labels
from hwq.api.simulating import simulate
from hwq.cli import design_options, main
from hwq.errors import BadInput
from hwq.hw.design import Design, judged
from hwq.hw.resources import Resources
from hwq.quant.config import Effort
from hwq.report import designs as report

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
MODEL, CALIB, TEST = DIGITS / "model.onnx", DIGITS / "calib.npz", DIGITS / "test.npz"
FAST = Effort.FAST.config()
ONE = Design(
    "programs/a.hwq", {"a": 8, "b": 4}, 6.0, 30.0, "zynq-7020", 100.0, 16, 1000, 1e5, Resources(10, 20, 3, 1.5), 0.2
)


def _sweep(*bits: int, devices: tuple[str, ...] = ("zynq-7020",), **sizes: tuple[float, ...]) -> Sweep:
    return Sweep(tuple({"*": width} for width in bits), devices, **sizes)  # type: ignore[arg-type]


def test_the_best_are_those_that_no_other_beats() -> None:
    slower, rougher, larger = replace(ONE, fps=5e4), replace(ONE, db=20.0), replace(ONE, area=0.3)
    elsewhere, clocked = replace(slower, device="zu3eg"), replace(slower, clock=50.0)
    small, none = replace(slower, area=0.1), replace(ONE, fps=9e9, area=0.0, why="no")
    found = judged([ONE, slower, rougher, larger, elsewhere, clocked, small, none])
    assert [one.best for one in found] == [True, False, False, False, True, True, True, False]
    assert [one.best for one in judged([ONE, ONE])] == [True, False]


def test_right_answers_count_for_more_than_decibels() -> None:
    better, rougher = replace(ONE, score=0.9), replace(ONE, score=0.9, db=20.0, area=0.1)
    wrong, narrow = replace(ONE, score=0.8, db=50.0), replace(ONE, score=0.9, average=4.0)
    assert [one.best for one in judged([better, rougher, wrong])] == [False, True, False]
    assert [one.best for one in judged([better, replace(better, db=31.0)])] == [False, True]
    assert [one.best for one in judged([better, narrow])] == [False, True]


def test_a_sweep_and_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = _sweep(8, 4, multipliers=(16, 64), clocks=(50.0, 100.0))
    found = explore_designs(MODEL, CALIB, tmp_path, sweep, FAST)
    assert len(found) == 2 * 2 * 2
    for one in found:
        assert (tmp_path / one.program).is_file() and 0 < one.multipliers <= 64 and not one.why
        assert one.fps == pytest.approx(one.clock * 1e6 / one.cycles)
        assert one.area == pytest.approx(
            max(one.taken.dsps / 220, one.taken.luts / 53200, one.taken.rams / 140), rel=0.01
        )
    assert {one.average for one in found} == {8.0, 4.0}
    exact, rough = ([one.db for one in found if one.average == bits] for bits in (8.0, 4.0))
    assert min(exact) > max(rough) + 5

    def never(*_: object) -> None:
        raise AssertionError("nothing is quantised twice")

    monkeypatch.setattr(making, "quantize", never)
    assert explore_designs(MODEL, CALIB, tmp_path, sweep, FAST) == found
    point = next((tmp_path / "designs").iterdir())
    point.write_text("{")
    assert explore_designs(MODEL, CALIB, tmp_path, sweep, FAST) == found, (
        "a damaged point is made again, from its program"
    )
    wider = explore_designs(MODEL, CALIB, tmp_path, replace(sweep, devices=("zynq-7020", "artix7-35t")), FAST)
    assert len(wider) == 16 and [one for one in wider if one.device == "zynq-7020"] == found


def test_scores(tmp_path: Path) -> None:
    sweep = replace(_sweep(8, 2, multipliers=(16,)), labels=TEST)
    exact, rough = explore_designs(MODEL, CALIB, tmp_path, sweep, FAST)
    program = load_program(tmp_path / exact.program)
    with np.load(TEST) as test:
        classes = simulate(program, TEST)["probs.int"].argmax(axis=1)
        assert exact.score == (classes == test["label"]).mean() > 0.98
    assert rough.score is not None and rough.score < exact.score
    plain = explore_designs(MODEL, CALIB, tmp_path, replace(sweep, labels=None), FAST)
    assert [one.score for one in plain] == [None, None]
    text = "".join(str(part) for part in report.rows([exact]))
    assert f"'right': {exact.score:.6f}"[:14] in text


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"image": np.zeros((2, 1, 8, 8), np.float32)}, "found image, expected an array called label"),
        ({"label": np.zeros(2)}, "label is float64 of shape"),
        ({"label": np.zeros((2, 1), np.int64)}, "of shape .2, 1., expected the number of a class"),
        ({"label": np.zeros(3, np.int64), "image": np.zeros((2, 1, 8, 8), np.float32)}, "3 labels for 2 samples"),
    ],
)
def test_bad_labels(arrays: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    file = tmp_path / "labels.npz"
    np.savez(file, **arrays)
    with pytest.raises(BadInput, match=message):
        explore_designs(MODEL, CALIB, tmp_path, replace(_sweep(8, multipliers=(16,)), labels=file), FAST)


@pytest.mark.parametrize(
    "damage", [b"PK\x03\x04", b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 9999, b"PK\x05\x06" + bytes(18)]
)
def test_labels_in_a_damaged_file(damage: bytes, tmp_path: Path) -> None:
    file = tmp_path / "labels.npz"
    file.write_bytes(damage)
    with pytest.raises(BadInput, match=r"--labels \S+labels.npz: "):
        read_labels(file)


def test_what_does_not_fit_says_why(tmp_path: Path) -> None:
    [found] = explore_designs(MODEL, CALIB, tmp_path, _sweep(8, multipliers=(1,)), FAST)
    assert "more than 1 multipliers" in found.why and not found.best
    with pytest.raises(BadInput, match="--device gold: unknown"):
        explore_designs(MODEL, CALIB, tmp_path, _sweep(8, devices=("gold",)), FAST)


@contextmanager
def _dask() -> Iterator[Executor]:
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        yield design_options._dask(cluster.scheduler_address)


@pytest.mark.parametrize("pool", [lambda: local_processes(1), _dask], ids=["processes", "dask"])
def test_workers_find_the_same(pool: object, tmp_path: Path) -> None:
    here = explore_designs(MODEL, CALIB, tmp_path / "here", _sweep(4, multipliers=(16,)), FAST)
    with pool() as executor:  # type: ignore[operator]
        there = explore_designs(MODEL, CALIB, tmp_path / "there", _sweep(4, multipliers=(16,)), FAST, executor)
    assert here == there


def test_what_a_person_sees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explore", str(MODEL), "--calib", str(CALIB), "-o", str(tmp_path), "--effort", "fast", "--from", "8"]
    words += ["--least-bits", "8", "--device", "zynq-7020", "--multipliers", "16,64", "--jobs", "1"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "2 of 2 designs" in text and "zynq-7020" in text and "designs.csv" in text
    with (tmp_path / "designs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == report.COLUMNS and [row["best"] for row in rows] == ["1", "1"]
    value = json.loads((tmp_path / "designs.json").read_text())
    assert [str(one["fps"]) for one in value["designs"]] == [row["fps"] for row in rows]
    assert (tmp_path / "designs.png").read_bytes().startswith(b"\x89PNG")
    assert "zynq-7020" in (tmp_path / "designs.svg").read_text()


def test_table_names_what_is_missing() -> None:
    console = Console(file=io.StringIO(), width=80)
    for part in report.table("net", judged([ONE, replace(ONE, clock=50.0, fps=5e4), replace(ONE, why="too small")])):
        console.print(part)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "MHz" in text and "2 of 3 designs" in text and "zynq-7020, 6.00 bits: too small" in text
    assert "…" not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--multipliers", "16"], "--multipliers was given without --device"),
        (["--dask", "x:1"], "--dask was given without --device"),
        (["--device", "zynq-7020", "--multipliers", "16,no"], "--multipliers 16,no: expected positive numbers"),
        (["--device", "zynq-7020", "--clock", "-5"], "--clock -5: expected positive numbers"),
        (["--device", "zynq"], "--device zynq: unknown"),
        (["--device", "zynq-7020", "--dask", "nowhere"], "--dask nowhere: "),
        (["--labels", "no.npz"], "--labels was given without --device"),
        (["--device", "zynq-7020", "--labels", "no.npz"], "--labels no.npz: No such file"),
    ],
)
def test_refusals(words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = [
        "explore",
        str(MODEL),
        "--calib",
        str(CALIB),
        "-o",
        str(tmp_path / "out"),
        "--effort",
        "fast",
        "--from",
        "8",
    ]
    assert main([*start, "--least-bits", "8", *words]) == 2
    error = capsys.readouterr().err
    assert message in error and "internal" not in error
