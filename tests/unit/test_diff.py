"""`hwq.verify.diff` of programs: known differences are found where they are, and what cannot be compared is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from diff_nets import residual, samples_of, with_weight
from diff_rows import layer, traced
from nets import conv, dense, program, tensor

from hwq import api
from hwq.emit.folder import MARKER
from hwq.errors import BadInput
from hwq.ir import serial
from hwq.ir.types import Format
from hwq.ir.window import Window
from hwq.report import diff as shown
from hwq.sim import simulate_plain
from hwq.verify import diff as engine
from hwq.verify.diff import compare
from hwq.verify.diff_stats import Place


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


def test_sources_are_known_by_content(tmp_path: Path) -> None:
    net = residual()
    serial.save(net, tmp_path / "net.hwq")
    serial.save(net, tmp_path / "net.bin")
    api.export(net, tmp_path / "golden.onnx", "onnx")
    (tmp_path / "golden.hwq").write_bytes((tmp_path / "golden.onnx").read_bytes())
    api.vectors(net, tmp_path / "vectors", frames=4)
    api.generate(net, tmp_path / "build", api.Target(multipliers=20))
    names = ("net.hwq", "net.bin", "golden.onnx", "golden.hwq", "vectors", "build")
    kinds = []
    for name in names:
        found = api.diff(net, tmp_path / name, samples_of(net) if name != "vectors" else None)
        assert found.exact and found.passed and found.notes == (), name
        kinds.append(found.b.what)
    assert kinds == ["program", "program", "golden model", "golden model", "vectors", "program of a build"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=f"neither {MARKER} nor manifest.json"):
        api.diff(net, tmp_path / "empty")
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    with pytest.raises(BadInput, match="holds no readable recording"):
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
