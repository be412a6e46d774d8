"""Recordings: what passed on the streams, digit for digit; and files that are damaged or of something else."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diff_nets import residual
from nets import conv, corners, dense, program, tensor
from numpy.testing import assert_array_equal

from hwq import api
from hwq.errors import BadInput
from hwq.hw.pack import stream_words
from hwq.hw.plan import Plan, make_plan
from hwq.hw.solve import for_multipliers
from hwq.ir import storage
from hwq.ir.program import Program
from hwq.ir.storage import save_arrays
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.report import diff as shown
from hwq.sim import simulate_fast
from hwq.verify import record
from hwq.verify.record import MARKER, load_recording, read_stream, save_recording


def written(folder: Path, words: list[str], width: int, end: str = "\n") -> Path:
    """Hexadecimal words as the testbench writes them."""
    path = folder / "s.txt"
    path.write_text("\n".join(f"{int(word, 16):0{width}b}" for word in words) + end)
    return path


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("bits", "lanes", "width"), [(8, 3, 24), (5, 2, 10), (3, 7, 24), (16, 1, 16), (1, 4, 8), (4, 5, 20)]
)
def test_words_are_read_as_they_were_packed(bits: int, lanes: int, width: int, signed: bool, tmp_path: Path) -> None:
    type_ = TensorType((2, 3, 7), bits, signed)
    low, high = type_.range
    x = np.random.default_rng(1).integers(low, high + 1, (5, 2, 3, 7))
    path = written(tmp_path, stream_words(x, lanes, bits), width)
    for block in (1, record.BLOCK_BYTES):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(record, "BLOCK_BYTES", block)
            found = read_stream(path, type_, lanes, width)
        assert_array_equal(found.values, x)
        assert (found.elements, found.unknown) == (x.size, None) and found.values.dtype.itemsize == (
            2 if bits > 8 else 1
        )


def test_unknown_bits_and_streams_that_end_early(tmp_path: Path) -> None:
    """Pixels of 3 channels in beats of 2: the second beat of each has one lane that does not count."""
    type_ = tensor(1, 2, 3, bits=4, signed=True)
    path = tmp_path / "s.txt"
    path.write_text("00010010\n11110011\n0x000z00\n00000101\n11001000\n0000")
    found = read_stream(path, type_, 2, 8)
    assert_array_equal(found.values.reshape(2, 2, 3), [[[2, 1, 3], [0, 0, 5]], [[-8, -4, 0], [0, 0, 0]]])
    assert found.elements == 6 + 2 and found.unknown is not None
    assert_array_equal(found.unknown.reshape(2, 2, 3), np.isin(np.arange(12), [3, 4]).reshape(2, 2, 3))
    nothing = read_stream(tmp_path / "none.txt", type_, 2, 8)
    assert (nothing.values.shape, nothing.elements, nothing.unknown) == ((0, 1, 2, 3), 0, None)


def simulated(
    folder: Path, change: Callable[[str, list[str]], list[str]] = lambda name, words: words
) -> tuple[Program, Plan, Path]:
    """A recording as if the simulator's integers had passed, some of them changed."""
    net = residual()
    plan = make_plan(net, for_multipliers(net, 40).folds)
    values = simulate_fast(net, dict(net.samples), keep_all=True) | net.samples
    (folder / "record").mkdir()
    for name, tensor_name, lanes, width in record._streams(plan):
        words = stream_words(values[tensor_name], lanes, net.types[tensor_name].bits)
        lines = change(name, [f"{int(word, 16):0{width}b}" for word in words])
        (folder / "record" / f"{name}.txt").write_text("\n".join(lines) + "\n")
    save_recording(folder / "dump.npz", folder / "record", plan, net.samples, "icarus")
    return net, plan, folder / "dump.npz"


def test_a_recording_comes_back(tmp_path: Path) -> None:
    net, _, path = simulated(tmp_path)
    found = load_recording(path)
    assert found.frames == 6 and found.simulator == "icarus" and found.ports == {"m_axis": "y"}
    assert [layer.name for layer in found.layers] == list(net.types)
    assert {layer.name: layer.type for layer in found.layers} == net.types
    assert {layer.name: layer.format for layer in found.layers} == net.formats
    values = simulate_fast(net, dict(net.samples), keep_all=True) | net.samples
    assert list(found.streams) == [*net.types, "m_axis"]
    for name, stream in found.streams.items():
        assert_array_equal(stream.values, values[found.ports.get(name, name)])
    same = api.diff(net, path)
    assert same.passed and same.samples == 6 and same.notes == ()
    assert api.diff(path, path).passed


def test_what_differs_is_unknown_or_is_missing(tmp_path: Path) -> None:
    def change(name: str, lines: list[str]) -> list[str]:
        if name == "d1":
            lines[7] = "x" + lines[7][1:]
        return lines[:-5] if name == "y" else [*lines, lines[0]] if name == "c2" else lines

    net, _, path = simulated(tmp_path, change)
    found = api.diff(net, path)
    by_name = {row.name: row.statistics for row in found.layers}
    assert not found.passed and found.first is not None and found.first.name == "d1"
    wrong, short = by_name["d1"], by_name["y"]
    assert wrong is not None and (wrong.different, wrong.unknown, wrong.max_abs) == (1, 1, 0.0)
    assert wrong.first is not None and wrong.first.a is not None and wrong.first.b is None
    assert short is not None and short.missing == found.missing > 0 and short.different == 0
    assert short.elements + short.missing == 30
    assert any("c2 carried 6." in note for note in found.notes) and any("y carried 5." in note for note in found.notes)
    assert "b unknown" in shown.verdict(found)[0] and "are missing on one side" in shown.verdict(found)[-1]


def test_data_beside_a_recording_must_be_its_own(tmp_path: Path) -> None:
    net, _, path = simulated(tmp_path)
    real = {"a": net.formats["a"].dequantise(net.samples["a"])}
    assert api.diff(net, path, real).passed
    assert api.diff(net, path, {"a": np.concatenate([real["a"], real["a"]])}).samples == 6
    for other in (real["a"][:3], -real["a"]):
        with pytest.raises(BadInput, match="was made with other samples of a"):
            api.diff(net, path, {"a": other})
    with pytest.raises(BadInput, match="bring their own inputs"):
        api.diff(path, path, real)


def test_a_recording_of_another_program(tmp_path: Path) -> None:
    _, _, path = simulated(tmp_path)
    x = tensor(4, 4, 3)
    other = program([conv(x, 3, Window((3, 3)), name="c1"), dense(tensor(2, 2, 3), 5, source="c1")], {"a": x})
    with pytest.raises(BadInput, match=r"c1: shape \(2, 2, 3\) in net, \(4, 4, 3\) in "):
        api.diff(other, path)


def edited(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Path:
    """A copy of a recording with its arrays, or what it says of them, changed."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    about = json.loads(str(arrays.pop(MARKER)))
    change(about, arrays)
    save_arrays(path.with_name("edited.npz"), {MARKER: np.array(json.dumps(about)), **arrays})
    return path.with_name("edited.npz")


@pytest.mark.parametrize(
    "change",
    [
        lambda about, arrays: about.update(version=2),
        lambda about, arrays: about.pop("layers"),
        lambda about, arrays: about.update(layers=[]),
        lambda about, arrays: about["layers"][1].update(bits="x"),
        lambda about, arrays: about["layers"][1].update(bits=3),
        lambda about, arrays: about["layers"][1].update(bits=64),
        lambda about, arrays: about["layers"][1].update(scale=-1.0),
        lambda about, arrays: about["layers"][1].update(shape=[4, 4]),
        lambda about, arrays: about["layers"][1].update(shape=[4, 4, 1 << 60]),
        lambda about, arrays: about["streams"][2].__setitem__(1, 10**9),
        lambda about, arrays: about["streams"][2].__setitem__(1, -1),
        lambda about, arrays: about["streams"].append(["nothing", 1]),
        lambda about, arrays: about.update(ports=[["m_axis", "nothing"]]),
        lambda about, arrays: about["streams"].pop(),
        lambda about, arrays: about["layers"][1].update(kind="port", inputs=[]),
        lambda about, arrays: about.update(program="n" * 5000),
        lambda about, arrays: about.update(forms=3),
        lambda about, arrays: arrays.pop("c1"),
        lambda about, arrays: arrays.pop("a.sent"),
        lambda about, arrays: arrays.update(c1=arrays["c1"].astype(np.float32)),
        lambda about, arrays: arrays.update({"a.sent": arrays["a.sent"][:0]}),
        lambda about, arrays: arrays.update({"c1.unknown": np.zeros(3, bool)}),
    ],
)
def test_damaged_recordings_are_refused(change: Callable[[Any, Any], Any], tmp_path: Path) -> None:
    _, _, path = simulated(tmp_path)
    with pytest.raises(BadInput, match="not a readable recording"):
        load_recording(edited(path, change))


def test_bytes_that_are_no_recording(tmp_path: Path) -> None:
    """Cut short, bits flipped, pickled: refused, or read as what it was, never anything else."""
    _, _, path = simulated(tmp_path)
    whole, rng = path.read_bytes(), np.random.default_rng(5)
    reference = load_recording(path)
    for number in range(150):
        data = bytearray(whole if number % 3 else whole[: rng.integers(len(whole))])
        for _ in range(number % 4 + 1):
            if data:
                data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            found = load_recording(path)
        except BadInput:
            continue
        assert all(np.array_equal(found.streams[name].values, x.values) for name, x in reference.streams.items())
    buffer = io.BytesIO()
    np.savez(buffer, **{MARKER: np.array([object()])})  # type: ignore[arg-type]
    path.write_bytes(buffer.getvalue())
    with pytest.raises(BadInput, match="not a readable recording"):
        load_recording(path)
    header = b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 118
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{MARKER}.npy", header)
    with pytest.raises(BadInput, match="not a readable recording"):
        load_recording(path)
    with pytest.raises(BadInput, match="no such file"):
        load_recording(tmp_path / "missing.npz")


def test_a_large_recording_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, path = simulated(tmp_path)
    monkeypatch.setattr(record, "MAX_BYTES", 1000)
    with pytest.raises(BadInput, match="expected at most 1000"):
        load_recording(path)


def test_nothing_is_unpacked_that_does_not_belong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an array of another shape than the description says, nor a description that fills the memory."""
    _, _, path = simulated(tmp_path)
    large = edited(path, lambda about, arrays: arrays.update(c1=np.zeros((1 << 20, 1, 1, 1), np.int8)))
    unpacked = []
    read = storage.unpack
    monkeypatch.setattr(record, "unpack", lambda archive, name: unpacked.append(name) or read(archive, name))
    with pytest.raises(BadInput, match="an array is int8"):
        load_recording(large)
    assert "a.npy" in unpacked and "c1.npy" not in unpacked
    monkeypatch.setattr(record, "MAX_TEXT", 100)
    with pytest.raises(BadInput, match="description is larger than 100 bytes"):
        load_recording(path)


def test_the_samples_are_those_that_were_asked_for(tmp_path: Path) -> None:
    """What is stored as sent is not what passed, so that a stream that stops does not hide them."""
    net, _, path = simulated(tmp_path, lambda name, lines: lines[:1] if name == "a" else lines)
    found = load_recording(path)
    assert_array_equal(found.sent["a"], corners({"a": net.types["a"]}, 6)["a"])
    assert found.streams["a"].elements < 48
