"""The formulas of the cycles a frame and of the latency hold in simulation, to within 2 % and 5 %."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from builds import DEEP, Entry, checked, entries, plan_with
from cases_gather import long_gathers
from nets import (
    avgpool,
    concat,
    conv,
    dense,
    depthwise,
    extremum,
    groupconv,
    matmul,
    maxpool,
    mul,
    normalise,
    pad,
    program,
    softmax,
    tensor,
    topk,
)
from recurrent_nets import gru, lstm, rnn

from hwq.ir.program import Program
from hwq.ir.window import Window

TOLERANCE, LATENCY_TOLERANCE = 0.02, 0.05
FRAMES = 6
LEAST, MOST = 300, 2500
"""Frames that are long enough to be judged and short enough to be simulated."""

WINDOWS = {
    "k1": Window((1, 1)),
    "k1-stride2": Window((1, 1), (2, 2)),
    "k2-stride2": Window((2, 2), (2, 2)),
    "k3-same": Window((3, 3), pads=(1, 1, 1, 1)),
    "k3-valid": Window((3, 3)),
    "k3-stride2": Window((3, 3), (2, 2), pads=(1, 1, 1, 1)),
    "k3-stride2-valid": Window((3, 3), (2, 2)),
    "k3-stride2-below": Window((3, 3), (2, 2), pads=(0, 0, 1, 1)),
    "k3-stride3": Window((3, 3), (3, 3)),
    "k5-same": Window((5, 5), pads=(2, 2, 2, 2)),
    "k5-valid": Window((5, 5)),
    "dilated": Window((3, 3), (1, 1), (2, 2), (2, 2, 2, 2)),
    "dilated-valid": Window((3, 3), (1, 1), (2, 2)),
}


def _programs() -> dict[str, Program]:
    square, flat = tensor(12, 12, 4), tensor(8, 16, 4)
    found = {}
    for label, window in WINDOWS.items():
        found[f"conv-{label}"] = program([conv(square, 4, window)], {"a": square})
        found[f"conv-wide-{label}"] = program([conv(flat, 6, window)], {"a": flat})
        found[f"depthwise-{label}"] = program([depthwise(square, window)], {"a": square})
    for label in ("k1", "k3-same", "k3-stride2"):
        found[f"groupconv-{label}"] = program([groupconv(square, 6, 2, WINDOWS[label])], {"a": square})
    found["dense"] = program([dense(tensor(4, 4, 8), 6)], {"a": tensor(4, 4, 8)})
    found["maxpool"] = program([maxpool(square, Window((2, 2), (2, 2)))], {"a": square})
    found["avgpool"] = program([avgpool(square, Window((3, 3), pads=(1, 1, 1, 1)))], {"a": square})
    found["global"] = program([avgpool(square, Window((12, 12)))], {"a": square})
    for axis, label in enumerate(("rows", "columns", "channels")):
        found[f"concat-{label}"] = program([concat(axis, "a", "b", "a")], {"a": square, "b": square})
    for kind, rows in ((lstm, 4), (gru, 3), (rnn, 1)):
        steps = tensor(1, 20, 16 * rows, bits=16)
        found[kind.__name__] = program([kind(steps)], {"a": steps})
    found["pad"] = program([pad((1, 1, 1, 1))], {"a": square})
    found["mul"] = program([mul(square, square, sources=("a", "a"))], {"a": square})
    found["extremum"] = program([extremum()], {"a": square, "b": square})
    found["topk"] = program([topk(square, 4)], {"a": square})
    rows, more, few = tensor(2, 12, 8), tensor(2, 30, 8), tensor(2, 3, 8)
    found["matmul"] = program([matmul(rows, more)], {"a": rows, "b": more})
    found["matmul-load"] = program([matmul(few, more)], {"a": few, "b": more})
    many = tensor(5, 6, 30)
    found["softmax"] = program([softmax(many)], {"a": many})
    found["normalise"] = program([normalise(many)], {"a": many})
    return found | {f"gather-{label}": program([op], {"a": x}) for label, x, op in long_gathers()}


def _long(p: Program, number: int) -> Iterator[Entry]:
    """Foldings whose frames are long enough; programs begin by turns with another kind of window."""
    every = entries(p, p.ops[0])
    kinds = list(dict.fromkeys(entry.get("window") for entry in every))
    every.sort(key=lambda entry: (kinds.index(entry.get("window")) - number) % len(kinds))
    return (entry for entry in every if LEAST <= plan_with(p, {"y": entry}).interval <= MOST)


def _params() -> list[Any]:
    """A quick run takes one folding of each program."""
    found = []
    for number, (label, p) in enumerate(_programs().items()):
        for entry in islice(_long(p, number), None if DEEP else 1):
            name = "-".join(str(value) for value in entry.values())
            found.append(pytest.param(p, entry, id=f"{label}-{name}"))
    return found


@pytest.mark.icarus
@pytest.mark.parametrize(("program", "entry"), _params())
def test_formula(program: Program, entry: Entry, tmp_path: Path) -> None:
    result = checked(plan_with(program, {"y": entry}), tmp_path / "build", samples=FRAMES)
    assert result.passed, result.trouble
    assert result.cycles_per_frame == pytest.approx(result.cycles_formula, rel=TOLERANCE)
    assert result.latency == pytest.approx(result.latency_formula, rel=LATENCY_TOLERANCE, abs=3)
