"""Folding files: what a build records can be read again, and nothing that cannot be built is accepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from nets import concat, conv, depthwise, maxpool, program, tensor

from hwq.errors import BadInput
from hwq.hw.folding_file import folding_text, parse_folding, read_folding
from hwq.ir.program import Program
from hwq.ir.window import Window

GOOD: dict[str, Any] = {
    "c": {"pe": 4, "simd": 2, "rq": 2, "window": "serial"},
    "d": {"pe": 3, "simd": 3, "rq": 3, "window": "parallel"},
    "y": {"lanes": 5},
}


def _net() -> Program:
    x, t = tensor(5, 5, 3), tensor(5, 5, 5)
    same = Window((3, 3), pads=(1, 1, 1, 1))
    return program(
        [
            conv(x, 5, same, name="c"),
            depthwise(t, same, name="d", source="c"),
            maxpool(t, Window((2, 2), (2, 2)), source="d"),
        ],
        {"a": x},
    )


def _with(name: str, **changes: Any) -> dict[str, Any]:
    return {**GOOD, name: {**GOOD[name], **changes}}


def test_round_trip(tmp_path: Path) -> None:
    p = _net()
    folds = parse_folding(GOOD, p, "x")
    assert folding_text(folds) == GOOD
    for text in (GOOD, {"folding": GOOD, "top": "net"}):
        (tmp_path / "f.json").write_text(json.dumps(text))
        assert read_folding(tmp_path / "f.json", p) == folds


def test_adder_graphs_round_trip() -> None:
    """All of a layer at once, and no multipliers."""
    whole: dict[str, Any] = {"y": {"lanes": 5}}
    for name, channels in (("c", 3), ("d", 5)):
        whole[name] = {"pe": 5, "simd": channels, "rq": 5, "window": "parallel", "multiplier": "adders"}
    whole["d"]["stage"] = 2
    folds = parse_folding(whole, _net(), "x")
    assert folding_text(folds) == whole
    assert [(fold.multipliers, fold.stage) for fold in folds.values()] == [(0, 4), (0, 2), (0, 4)]


REFUSED: dict[str, tuple[Any, str]] = {
    "graph in parts": (
        _with("c", multiplier="adders"),
        "expected all of the layer at once: {'pe': 5, 'simd': 3, 'rq': 5",
    ),
    "graph with a store": (
        _with("c", pe=5, simd=3, rq=5, window="parallel", multiplier="adders", rom="block"),
        "expected all of the layer",
    ),
    "graph without adders": (
        _with("c", pe=5, simd=3, rq=5, window="parallel", multiplier="adders", stage=0),
        "stage is 0, expected 1 to",
    ),
    "stages of no graph": (_with("c", stage=2), "has a stage, expected none"),
    "no such multiplier": (
        _with("c", multiplier="booth"),
        "multiplier is 'booth', expected auto or logic or adders here",
    ),
    "a list": ([], "expected an object"),
    "nothing": ({}, r"c \(conv\): has None, expected an object"),
    "unknown": ({**GOOD, "q": {}}, "'q' is no operation of net"),
    "too many": (_with("c", pe=6), "pe is 6, expected 1 to 5"),
    "zero": (_with("c", simd=0), "simd is 0, expected 1 to 3"),
    "negative": (_with("y", lanes=-1), "lanes is -1, expected 1 to 5"),
    "fraction": (_with("c", pe=1.5), "pe is 1.5"),
    "truth": (_with("c", pe=True), "pe is True"),
    "text": (_with("c", pe="2"), "pe is '2'"),
    "no divisor": (_with("c", rq=3), "rq is 3, expected a divisor of pe = 4"),
    "too slow": (_with("d", rq=1), "rq is 1, expected a divisor of pe = 3 that is at least pe / 1"),
    "window": (_with("c", window="both"), "window is 'both', expected serial or parallel"),
    "both partial": (_with("c", window="parallel", rq=4), "expected all 3 inputs or all 5 outputs"),
    "no window": ({**GOOD, "c": {"pe": 1, "simd": 1, "rq": 1}}, "window is None"),
    "huge": (_with("c", pe=10**30), "expected 1 to 5"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals(text: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(json.dumps(text))
    with pytest.raises(BadInput, match=message):
        read_folding(tmp_path / "f.json", _net())


def test_parallel_window_that_does_not_fit() -> None:
    x = tensor(1, 1, 2)
    p = program([conv(x, 2, Window((3, 3), pads=(3, 3, 3, 3)))], {"a": x})
    with pytest.raises(BadInput, match=r"window is 'parallel', expected serial or flat here"):
        parse_folding({"y": {"pe": 2, "simd": 2, "rq": 2, "window": "parallel"}}, p, "x")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_unreadable_files(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "f.json").write_bytes(content)
    with pytest.raises(BadInput, match="not a readable JSON file"):
        read_folding(tmp_path / "f.json", _net())
    with pytest.raises(BadInput, match="not a readable JSON file"):
        read_folding(tmp_path / "missing.json", _net())


def test_lanes_of_joined_channels_divide_all_of_them() -> None:
    """A beat is of one input; rows may be cut anywhere."""
    x = tensor(2, 2, 4)
    joined, below = (program([concat(axis, "a", "b")], {"a": x, "b": x}) for axis in (2, 0))
    for lanes in (1, 2, 4):
        assert parse_folding({"y": {"lanes": lanes}}, joined, "x")["y"].lanes_in == lanes
    with pytest.raises(BadInput, match="lanes is 3, expected one of 1, 2, 4"):
        parse_folding({"y": {"lanes": 3}}, joined, "x")
    assert parse_folding({"y": {"lanes": 3}}, below, "x")["y"].lanes_in == 3
