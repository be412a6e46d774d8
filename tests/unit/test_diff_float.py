"""`hwq.verify.diff` against float models: errors are those of the report, of each layer, in the units of the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import float_nets as fn
import numpy as np
import pytest
from diff_nets import quantised, raised, residual, samples_of, uneven, with_weight
from diff_rows import layer, traced

from hwq.errors import BadInput
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ops import Linear
from hwq.quant.forms import KEY, Form, read_forms
from hwq.report import diff as shown
from hwq.report.diff_plot import plot
from hwq.sim import simulate_plain
from hwq.verify.diff import Diff, compare
from hwq.verify.diff_stats import MAX_EXTREMES, MAX_POINTS, Extremes, Picked
from hwq.verify.traces import FloatTrace


def against_float(graph: Any, net: Program, data: dict[str, np.ndarray]) -> Diff:
    return compare(FloatTrace(graph, "a"), traced(net), data)


@pytest.mark.parametrize(
    ("graph", "options", "kind"),
    [
        (fn.blocks(), {"equalise": True, "slim": False}, "factors"),
        (raised(), {"equalise": True, "absorb": True, "act_bits": 4, "output_bits": 16}, "offsets"),
        (uneven(), {"equalise": True}, "channels"),
        (fn.every_layer(), {"equalise": False}, ""),
    ],
    ids=["equalised", "absorbed", "slimmed", "plain"],
)
def test_errors_are_those_of_the_report(graph: Any, options: dict[str, Any], kind: str, tmp_path: Path) -> None:
    """On calibration data; of a tensor that lost channels the report has all of them, and only the others compare."""
    net, data = quantised(graph, **options)
    serial.save(net, tmp_path / "net.hwq")
    net = serial.load(tmp_path / "net.hwq")
    forms = read_forms(net.info[KEY])
    assert forms is not None and (not kind or any(getattr(f, kind) != getattr(Form(), kind) for f in forms.values()))
    assert kind or not forms
    found = against_float(graph, net, data)
    assert not found.exact and found.passed and found.notes == ()
    for name, db in net.info["sqnr_db"].items():
        s = layer(found, name).statistics
        assert s is not None
        if forms.get(name, Form()).channels is None:
            assert s.sqnr_db == (None if db is None else pytest.approx(db, abs=1e-3)), name
    cut = {name: form.channels for name, form in forms.items() if form.channels is not None}
    for name, channels in cut.items():
        assert net.types[name].channels == len(channels) < graph.shapes[name][0]
        s = layer(found, name).statistics
        assert s is not None and s.elements == len(data["x"]) * np.prod(net.types[name].shape)
        assert s.sqnr_db is None or s.sqnr_db > 15.0


def test_channels_that_are_left_have_the_integers_that_they_had() -> None:
    """A slimmed program equals the one that was not, on the channels that it has."""
    graph = uneven()
    slim, data = quantised(graph, equalise=True)
    whole, _ = quantised(graph, equalise=True, slim=False)
    assert slim.types["a"].channels < whole.types["a"].channels
    for pair in ((slim, whole), (whole, slim)):
        found = compare(traced(pair[0], "a"), traced(pair[1]), data)
        assert found.exact and found.passed
        s = layer(found, "a").statistics
        assert s is not None and s.elements == 60 * 36 * slim.types["a"].channels


def test_a_layer_that_is_off_has_the_largest_own_error() -> None:
    """What it hands on is seen in all that follow, but made in it alone."""
    graph = fn.blocks()
    net, data = quantised(graph, equalise=True)
    before = against_float(graph, net, data)
    ops = [
        replace(op, weight=op.weight // 2) if isinstance(op, Linear) and op.name == "project1" else op for op in net.ops
    ]
    found = against_float(graph, replace(net, ops=tuple(ops)), data)
    worst = shown.worst_layer(found)
    assert worst is not None and worst.name == "project1" and worst.own_db is not None and worst.own_db < 10
    for name in ("expand2", "depth2", "project2", "out"):
        was, now = layer(before, name), layer(found, name)
        assert was.statistics and now.statistics and was.statistics.sqnr_db and now.statistics.sqnr_db
        assert now.statistics.sqnr_db < was.statistics.sqnr_db - 6
        assert was.own_db is not None and now.own_db is not None and now.own_db > 20
    assert layer(found, "pool").own_db is None
    assert shown.verdict(found)[-1].startswith("The largest error of its own")


def test_a_float_model_is_always_side_a() -> None:
    net, data = quantised(fn.blocks())
    float_trace = FloatTrace(fn.blocks(), "model")
    found = compare(traced(net), float_trace, data)
    assert found.a.what == "float model" and found.b.what == "program"
    both = compare(float_trace, FloatTrace(fn.blocks(), "again"), data)
    assert not both.exact and all(row.statistics and row.statistics.max_abs == 0.0 for row in both.layers)


def test_steps_and_agreement() -> None:
    graph = fn.blocks()
    net, data = quantised(graph)
    found = against_float(graph, net, data)
    reference = fn.run(graph, {"in": data["x"]})["out"]
    x = {"in": net.formats["in"].quantise(data["x"].transpose(0, 2, 3, 1).astype(np.float64), net.types["in"])}
    got = net.formats["out"].dequantise(simulate_plain(net, x)["out"])
    s = layer(found, "out").statistics
    assert s is not None and s.step == net.formats["out"].scale
    error = np.abs(got - reference)
    assert (s.over_half, s.over_one) == ((error > s.step / 2).sum(), (error > s.step).sum())
    assert s.max_abs == pytest.approx(error.max()) and s.histogram.sum() == error.size
    assert s.agreement == (got.argmax(-1) == reference.argmax(-1)).mean()
    assert s.worst is not None and abs(s.worst.b - s.worst.a) == pytest.approx(error.max())  # type: ignore[operator]


def test_programs_of_other_scales_compare_real_values() -> None:
    """Each channel in the units of the model, whatever it was scaled by."""
    graph = fn.blocks()
    one, data = quantised(graph, equalise=True)
    other, _ = quantised(graph, equalise=False, act_bits=10)
    found = compare(traced(one, "a"), traced(other), data)
    assert not found.exact and any("real values are compared" in note for note in found.notes)
    for row in found.layers:
        assert row.statistics is not None and row.statistics.sqnr_db is not None and row.statistics.sqnr_db > 20, (
            row.name
        )


def test_a_program_of_an_older_version_is_compared_with_a_note() -> None:
    net, data = quantised(fn.blocks(), equalise=True, slim=False)
    info = {key: value for key, value in net.info.items() if key != KEY}
    found = against_float(fn.blocks(), replace(net, info=info), data)
    assert len(found.notes) == 1 and "does not say whether channels were scaled" in found.notes[0]
    assert all(row.own_db is None for row in found.layers)
    s = layer(found, "out").statistics
    assert s is not None and s.sqnr_db == pytest.approx(net.info["sqnr_db"]["out"], abs=1e-3)
    slim, _ = quantised(fn.blocks(), equalise=True)
    with pytest.raises(BadInput, match=r"^expand1: 8 channels in a, 7 in b, and no word of which were removed\. "):
        against_float(fn.blocks(), replace(slim, info={}), data)


@pytest.mark.parametrize(
    "forms",
    [
        7, "x", [7], [{}], [{"tensors": ["c"], "factors": [1, 2]}], [{"tensors": ["c"], "factors": ["nan"]}],
        [{"tensors": ["c"], "channels": [0, -1, 2, 3]}],
        [{"tensors": ["c"], "offsets": [1e999] * 4}], [{"tensors": 3}], [{"tensors": ["c"], "channels": ["a"]}],
    ],
)  # fmt: skip
def test_damaged_forms_are_refused(forms: object) -> None:
    net, _ = quantised(fn.every_layer(), equalise=False)
    with pytest.raises(BadInput, match="what it says of its channels is damaged"):
        traced(replace(net, info={KEY: forms}))
    with pytest.raises(BadInput, match="channels"):
        against_float(fn.every_layer(), replace(net, info={KEY: [{"tensors": ["c"], "channels": [0, 1, 2, 9]}]}), {})


def test_what_is_kept_for_plots_is_bounded() -> None:
    picked, extremes = Picked(), Extremes()
    rng = np.random.default_rng(1)
    apart = []
    for size in (1, 3, 5000, 0, 70_000, 11):
        a, b = rng.normal(size=(2, size))
        picked.update(a, b)
        extremes.update(a, b, np.abs(b - a))
        apart += np.abs(b - a).tolist()
    assert MAX_POINTS / 2 < len(picked.points) <= MAX_POINTS
    kept = np.abs(extremes.points[:, 1] - extremes.points[:, 0])
    assert np.array_equal(kept, np.sort(apart)[::-1][:MAX_EXTREMES])


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_plots(kind: str) -> None:
    net, data = quantised(fn.blocks(), equalise=True)
    broken = with_weight(residual(), "d1", (1, 1, 1), 4)
    start = {"svg": b"<?xml", "png": b"\x89PNG"}[kind]
    results = [
        against_float(fn.blocks(), net, data),
        compare(FloatTrace(fn.blocks(), "a"), FloatTrace(fn.blocks(), "b"), data),
        compare(traced(residual(), "a"), traced(broken), samples_of(broken)),
        compare(traced(residual(), "a"), traced(residual()), samples_of(broken)),
    ]
    drawn = [plot(found, kind) for found in results]
    assert all(one.startswith(start) for one in drawn) and plot(results[2], kind) == drawn[2]
    if kind == "svg":
        assert b"project1" in drawn[0] and b"difference begins here" in drawn[2]
