"""`hwq.verify.diff`: known differences are found where they are, and errors are those of the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import float_nets as fn
import numpy as np
import pytest
from diff_nets import quantised, raised, residual, samples_of, uneven, with_weight
from nets import conv, dense, program, tensor

from hwq import api
from hwq.emit.folder import MARKER
from hwq.errors import BadInput
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ir.types import Format
from hwq.ir.window import Window
from hwq.ops import Linear
from hwq.quant.forms import KEY, Form, read_forms
from hwq.report import diff as shown
from hwq.report.diff_plot import plot
from hwq.sim import simulate_plain
from hwq.verify import diff as engine
from hwq.verify.diff import Diff, LayerDiff, compare
from hwq.verify.diff_stats import MAX_EXTREMES, MAX_POINTS, Extremes, Picked, Place
from hwq.verify.traces import FloatTrace, ProgramTrace


def layer(found: Diff, name: str) -> LayerDiff:
    return next(row for row in found.layers if row.name == name)


def traced(net: Program, name: str = "b") -> ProgramTrace:
    return ProgramTrace(net, name)


def against_float(graph: Any, net: Program, data: dict[str, np.ndarray]) -> Diff:
    return compare(FloatTrace(graph, "a"), traced(net), data)


def test_equal_programs() -> None:
    net = residual()
    found = compare(traced(net, "a"), traced(residual()), samples_of(net))
    assert found.exact and found.passed and found.first is None and found.samples == 6 and found.notes == ()
    assert [row.name for row in found.layers] == list(net.types)
    assert sum(row.statistics.elements for row in found.layers if row.statistics) == 6 * (48 * 5 + 12 + 5)
    assert shown.verdict(found) == ["Equal: 1,542 integers of 7 tensors on 6 samples."]


@pytest.mark.parametrize(
    ("name", "at", "change"), [("c1", (2, 1, 1, 0), 5), ("d1", (1, 0, 2), 3), ("y", (4, 1, 1, 2), 2)]
)
def test_one_changed_weight_is_found(name: str, at: tuple[int, ...], change: int) -> None:
    """The layer, the position, both integers and every count are those of the plain simulator."""
    net = residual()
    other = with_weight(net, name, at, change)
    x = net.samples
    want, got = (simulate_plain(one, dict(x), keep_all=True) for one in (net, other))
    found = compare(traced(net, "a"), traced(other), samples_of(net))
    assert found.first is not None and found.first.name == name and not found.passed
    assert [row.name for row in found.layers if row.origin] == [name]
    for row in found.layers:
        wrong = np.argwhere(want[row.name] != got[row.name])
        s = row.statistics
        assert s is not None and s.different == len(wrong)
        if not len(wrong):
            assert s.first is None and s.worst is None and not s.channels.any()
            continue
        first = tuple(int(i) for i in wrong[0])
        assert s.first == Place(*first, int(want[row.name][first]), int(got[row.name][first]))
        apart = np.abs(want[row.name] - got[row.name])
        assert s.max_abs == apart.max() and s.mean_abs == pytest.approx(apart.mean())
        assert s.samples == len(set(wrong[:, 0])) and np.array_equal(
            s.channels, np.bincount(wrong[:, 3], minlength=len(s.channels))
        )
        assert s.pixels.sum() == len(wrong) == len(s.picked.points)
        assert np.array_equal(
            s.extremes.points[0], [want[row.name].flat[apart.argmax()], got[row.name].flat[apart.argmax()]]
        )
    assert found.notes == ("The two come from different programs.",)
    assert shown.verdict(found)[0].startswith(f"First difference: {name} (")


def test_two_differences_of_their_own() -> None:
    net = residual()
    other = with_weight(with_weight(net, "c2", (0, 1, 1, 1), 4), "d1", (1, 1, 1), 4)
    found = compare(traced(net, "a"), traced(other), samples_of(net))
    assert [row.name for row in found.layers if row.origin] == ["d1", "c2"]
    assert "Differences also begin in c2: what they are made from is equal." in shown.verdict(found)


@pytest.mark.parametrize("size", [1, 20_000])
def test_samples_at_a_time_play_no_part(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    net = residual()
    other = with_weight(net, "c1", (2, 1, 1, 0), 5)
    whole = shown.as_json(compare(traced(net, "a"), traced(other), samples_of(net)))
    monkeypatch.setattr(engine, "CHUNK_BYTES", size)
    assert shown.as_json(compare(traced(net, "a"), traced(other), samples_of(net))) == whole


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


def test_tensors_of_one_side_are_told() -> None:
    x = tensor(1, 1, 4)
    inner, same = dense(x, 4, name="t"), dense(x, 3, source="t")
    short = program([dense(x, 3)], {"a": x})
    long = program([inner, same], {"a": x})
    found = compare(traced(long, "a"), traced(short), {"a": np.zeros((2, 1, 1, 4))})
    assert [(row.name, row.only) for row in found.layers] == [("a", ""), ("t", "a"), ("y", "")]
    assert shown.as_json(found)["layers"][1]["only_in"] == "a"


def test_other_shapes_are_refused_by_name() -> None:
    x = tensor(4, 4, 2)
    one = program([conv(x, 3, Window((3, 3)), name="t"), dense(tensor(2, 2, 3), 2, source="t")], {"a": x})
    other = program([conv(x, 4, Window((3, 3)), name="t"), dense(tensor(2, 2, 4), 2, source="t")], {"a": x})
    with pytest.raises(BadInput, match=r"^t: shape \(2, 2, 3\) in a, \(2, 2, 4\) in b\. Are the two of one network\?$"):
        compare(traced(one, "a"), traced(other), {"a": np.zeros((1, 4, 4, 2))})
    unlike = program([dense(x, 2, name="z")], {"a": x}, ("z",))
    with pytest.raises(BadInput, match="no layer of the same name"):
        compare(traced(one, "a"), traced(unlike), {"a": np.zeros((1, 4, 4, 2))})
    wider = program(
        [conv(tensor(4, 4, 2), 3, Window((3, 3)), name="t", source="b"), dense(tensor(2, 2, 3), 2, source="t")],
        {"b": x},
    )
    with pytest.raises(BadInput, match="expected those of one network"):
        compare(traced(one, "a"), traced(wider), {"a": np.zeros((1, 4, 4, 2))})


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 4, 4, 1)), np.full((2, 4, 4, 3), np.nan), np.zeros((0, 4, 4, 3)), np.array(["x"])]
)
def test_data_that_do_not_suit(bad: np.ndarray) -> None:
    with pytest.raises(BadInput, match="array 'a'"):
        compare(traced(residual(), "a"), traced(residual()), {"a": bad})
    with pytest.raises(BadInput, match="Add DATA"):
        compare(traced(residual(), "a"), traced(residual()))


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


def test_sources_are_known_by_content(tmp_path: Path) -> None:
    net = residual()
    serial.save(net, tmp_path / "net.hwq")
    serial.save(net, tmp_path / "net.bin")
    api.export(net, tmp_path / "golden.onnx", "onnx")
    api.vectors(net, tmp_path / "vectors", frames=4)
    api.generate(net, tmp_path / "build", api.Target(multipliers=20))
    names = ("net.hwq", "net.bin", "golden.onnx", "vectors", "build")
    kinds = []
    for name in names:
        found = api.diff(net, tmp_path / name, samples_of(net) if name != "vectors" else None)
        assert found.exact and found.passed and found.notes == (), name
        kinds.append(found.b.what)
    assert kinds == ["program", "program", "golden model", "vectors", "program of a build"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=f"neither {MARKER} nor manifest.json"):
        api.diff(net, tmp_path / "empty")
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    with pytest.raises(BadInput, match="without a recording"):
        api.diff(net, tmp_path / "x.npz")
    for name in ("missing", "missing.hwq", "missing.onnx", "missing.npz"):
        with pytest.raises(BadInput, match=name):
            api.diff(net, tmp_path / name)


def test_vectors_with_a_changed_integer(tmp_path: Path) -> None:
    """A folder that a testbench of a user's own recorded into: the words of one stream are not what they should be."""
    net = residual()
    api.vectors(net, tmp_path / "v", frames=4, formats=["mem"])
    words = (tmp_path / "v" / "d1.mem").read_text().splitlines()
    place = (2 * 16 + 5) * 3 + 1
    was = int(words[place], 16)
    words[place] = f"{was ^ 1:02x}"
    (tmp_path / "v" / "d1.mem").write_text("\n".join(words) + "\n")
    found = api.diff(net, tmp_path / "v")
    assert [row.name for row in found.layers if row.statistics and row.statistics.different] == ["d1"]
    s = layer(found, "d1").statistics
    assert s is not None and s.first is not None
    assert (s.first.sample, s.first.row, s.first.column, s.first.channel) == (2, 1, 1, 1)
    assert {int(s.first.a or 0) & 255, int(s.first.b or 0) & 255} == {was, was ^ 1}


def test_formats_decide_what_is_compared() -> None:
    net = residual()
    moved = replace(net, formats={**net.formats, "y": Format(0.5)})
    found = compare(traced(net, "a"), traced(moved), samples_of(net))
    assert not found.exact and layer(found, "y").statistics is not None
    assert [row.name for row in found.layers if row.statistics and row.statistics.noise] == ["y"]
