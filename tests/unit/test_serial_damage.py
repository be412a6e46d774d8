"""NET.hwq files that were cut, changed or forged are refused with a message that says what to do."""

from __future__ import annotations

import contextlib
import io
import json
import random
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import CASES
from saved_program import PROGRAM, WEIGHT, saved

from hwq.errors import BadInput
from hwq.ir import serial
from hwq.ir.codec import decode
from hwq.ir.program import Program
from hwq.ir.text import dump
from hwq.sim import simulate_plain

Members = dict[str, bytes]


def _members(file: Path) -> Members:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _write(file: Path, members: Members) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def _changed(change: Callable[[dict[str, Any]], object]) -> Callable[[Members], object]:
    """A change of the JSON text."""

    def apply(members: Members) -> None:
        text = json.loads(members["program.json"])
        change(text)
        members["program.json"] = json.dumps(text).encode()

    return apply


def _array(array: np.ndarray, pickled: bool = False) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, array, allow_pickle=pickled)
    return out.getvalue()


def _samples(members: Members) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(members[SAMPLES])).astype(np.int64)


SAMPLES = "samples.a.npy"
DAMAGE: dict[str, tuple[Callable[[Members], object], str]] = {
    "version": (_changed(lambda t: t.update(hwq=1)), "format version 1, expected 2"),
    "no version": (_changed(lambda t: t.pop("hwq")), "format version None, expected 2"),
    "digest": (_changed(lambda t: t.update(digest="0" * 64)), "does not match its digest"),
    "no digest": (_changed(lambda t: t.pop("digest")), "program.json lacks 'digest'"),
    "no samples": (_changed(lambda t: t.pop("samples")), "program.json lacks 'samples'"),
    "a digest that is none": (_changed(lambda t: t.update(digest=[1])), "does not match its digest"),
    "another weight": (lambda m: m.update({WEIGHT: _array(np.zeros((5, 3, 3, 3), np.int8))}), "digest"),
    "another attribute": (_changed(lambda t: t["ops"][0].update(pad_value=1)), "does not match its digest"),
    "weight shape": (lambda m: m.update({WEIGHT: _array(np.zeros((5, 3), np.int8))}), "weight has shape"),
    "no array": (lambda m: m.pop(WEIGHT), "lacks 'ops.0.weight.npy', which program.json names"),
    "another array": (lambda m: m.update({"y.npy": _array(np.zeros(3, np.int8))}), "holds 'y.npy', which is no part"),
    "a note": (lambda m: m.update({"../note.txt": b"mine"}), "holds '../note.txt', which is no part of it"),
    "no text": (lambda m: m.pop("program.json"), "not a readable program"),
    "pickled array": (lambda m: m.update({WEIGHT: _array(np.array([{}], object), True)}), "not a readable program"),
    "float array": (lambda m: m.update({WEIGHT: _array(np.full((5, 3, 3, 3), np.nan))}), "expected integers"),
    "no array at all": (lambda m: m.update({WEIGHT: b"not numpy"}), "not a readable program"),
    "huge array": (
        lambda m: m.update({WEIGHT: _array(np.zeros(1, np.int8)).replace(b"(1,)", b"(9999999999999,)")[:128]}),
        "0 bytes of data, expected 9999999999999",
    ),
    "a header that is no text": (
        lambda m: m.update({WEIGHT: b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 118}),
        "not a readable program",
    ),
    "no JSON": (lambda m: m.update({"program.json": b"{"}), "not a readable program"),
    "not UTF-8": (lambda m: m.update({"program.json": b"\xff\xfe\x00"}), "not a readable program"),
    "deep JSON": (lambda m: m.update({"program.json": b"[" * 100_000}), "not a readable program"),
    "a long name": (_changed(lambda t: t.update(name="[" * 100_000)), "100000 characters, expected at most 4096"),
    "a list": (lambda m: m.update({"program.json": b"[]"}), "not a readable program"),
    "a number": (lambda m: m.update({"program.json": b"1"}), "not a readable program"),
    "unknown operation": (_changed(lambda t: t["ops"][0].update(op="system")), "not a readable program"),
    "unknown value": (_changed(lambda t: t["ops"][0]["requant"].update(value="Path")), "not a readable program"),
    "unknown field": (_changed(lambda t: t["ops"][0].update(shell="x")), "not a readable program"),
    "missing field": (_changed(lambda t: t["ops"][0].pop("acc_bits")), "not a readable program"),
    "unknown rounding": (_changed(lambda t: t["ops"][0]["requant"].update(rounding="UP")), "not a readable program"),
    "wrong types": (_changed(lambda t: t["ops"][0].update(window=3)), "damaged"),
    "text for a number": (_changed(lambda t: t["ops"][0].update(acc_bits="9")), "damaged"),
    "no operations": (_changed(lambda t: t.update(ops=None)), "damaged"),
    "accumulator": (_changed(lambda t: t["ops"][0].update(acc_bits=4)), "its accumulator spans"),
    "unknown input": (_changed(lambda t: t["ops"][0].update(inputs=["q"])), "reads q, which no earlier operation"),
    "port": (_changed(lambda t: t["outputs"][0].update(tensor="q")), "its tensor q does not exist"),
    "negative shift": (_changed(lambda t: t["ops"][0]["requant"].update(shift=-1)), "."),
    "zero stride": (_changed(lambda t: t["ops"][0]["window"].update(stride=[0, 1])), "."),
    "huge input": (
        _changed(lambda t: t["input_types"]["a"].update(shape=[1, 1 << 30, 3])),
        "elements, expected at most",
    ),
    "negative padding": (_changed(lambda t: t["ops"][0]["window"].update(pads=[-1, 0, 0, 0])), "."),
    "illegal name": (_changed(lambda t: t.update(name="../../x")), "is no legal name"),
    "no inputs": (_changed(lambda t: t["ops"][0].update(inputs=[])), "."),
    "huge type": (_changed(lambda t: t["input_types"]["a"].update(bits=4000)), "."),
    "bits as text": (_changed(lambda t: t["input_types"]["a"].update(bits="8")), "a.bits is '8', expected int"),
    "bits as a float": (_changed(lambda t: t["input_types"]["a"].update(bits=8.0)), "a.bits is 8.0, expected int"),
    "bits as a truth": (_changed(lambda t: t["input_types"]["a"].update(bits=True)), "a.bits is True, expected int"),
    "NaN scale": (_changed(lambda t: t["formats"]["y"].update(scale=float("nan"))), "y.scale is nan, expected float"),
    "no format": (_changed(lambda t: t["formats"].pop("y")), "y: has no format"),
    "type of a port": (_changed(lambda t: t["inputs"][0].update(dtype="U9")), "its type is U9, expected one of numb"),
    "an input twice": (_changed(lambda t: t["inputs"].append(t["inputs"][0])), "2 inputs of the model give it"),
    "surrogate": (_changed(lambda t: t["outputs"][0].update(name="\ud800")), "is no name that files can hold"),
    "NUL": (_changed(lambda t: t["inputs"][0].update(name="a\0")), "is no name that files can hold"),
    "type for another": (_changed(lambda t: t["formats"].update(y=t["input_types"]["a"])), "formats is "),
    "huge shift": (_changed(lambda t: t["ops"][0]["requant"].update(shift=10**10)), "0.requant.shift is 100.*bounds"),
    "huge padding": (_changed(lambda t: t["ops"][0]["window"].update(pads=[10**9] * 4)), "window.pads is .*bounds"),
    "samples of another shape": (lambda m: m.update({SAMPLES: _array(np.zeros((2, 3), np.int8))}), "samples.a: not"),
    "samples out of range": (
        lambda m: m.update({SAMPLES: _array(_samples(m) + 999)}),
        "samples.a: not samples of type",
    ),
    "notes": (_changed(lambda t: t.update(info=[1])), "info is "),
    "options": (_changed(lambda t: t.update(info={"options": 3})), "info.options is 3, expected an object"),
    "figures": (_changed(lambda t: t.update(info={"sqnr_db": {"y": "9"}})), "info.sqnr_db: holds something else"),
    "huge shape": (_changed(lambda t: t["input_types"]["a"].update(shape=[5, 10**12, 3])), "."),
}


@pytest.mark.parametrize(("damage", "text"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_members(tmp_path: Path, damage: Callable[[Members], object], text: str) -> None:
    file = saved(tmp_path)
    members = _members(file)
    damage(members)
    _write(file, members)
    with pytest.raises(BadInput, match=text):
        serial.load(file)


def test_an_input_tensor_that_no_input_gives(tmp_path: Path) -> None:
    file = tmp_path / "net.hwq"
    serial.save(next(iter(CASES["extremum"].values())), file)
    members = _members(file)
    _changed(lambda t: t["inputs"][1].update(tensor="a"))(members)
    _write(file, members)
    with pytest.raises(BadInput, match=r"a: 2 inputs of the model give it(.|\n)*b: 0 inputs"):
        serial.load(file)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_file(tmp_path: Path, share: float) -> None:
    file = saved(tmp_path)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadInput, match="not a readable program"):
        serial.load(file)


def test_every_flipped_byte_is_noticed_or_harmless(tmp_path: Path) -> None:
    """Wherever a byte is wrong, the file is refused or still holds the very same program."""
    file = saved(tmp_path)
    data = file.read_bytes()
    want = serial.digest(PROGRAM)
    for place in range(0, len(data), max(1, len(data) // 300)):
        file.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            assert serial.digest(serial.load(file)) == want
        except BadInput:
            continue


def test_zip_bomb_is_refused_by_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that claims or has more than the limit is not unpacked."""
    file = saved(tmp_path)
    monkeypatch.setattr(serial, "MAX_MEMBER", 1000)
    _write(file, {**_members(file), "bomb.npy": b"\0" * 1_000_000})
    monkeypatch.setattr(serial, "unpack", lambda *_: pytest.fail("a member was unpacked"))
    with pytest.raises(BadInput, match=r"member '.*' unpacks to \d+ bytes, too large"):
        serial.load(file)


@pytest.mark.parametrize("declared", [0, 1, 1000])
def test_a_member_that_is_larger_than_it_says(declared: int, tmp_path: Path) -> None:
    file = saved(tmp_path)
    _write(file, {"program.json": bytes(1 << 27)})
    data = file.read_bytes()
    for at in (data.index(b"PK\1\2") + 24, 22):
        data = data[:at] + declared.to_bytes(4, "little") + data[at + 4 :]
    file.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(BadInput, match="not a readable program"):
        serial.load(file)
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()


def test_members_of_one_name(tmp_path: Path) -> None:
    file = saved(tmp_path)
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(WEIGHT, _array(np.zeros((5, 3, 3, 3), np.int8)))
    with pytest.raises(BadInput, match=r"holds 'ops\.0\.weight\.npy' more than once"):
        serial.load(file)


def test_another_way_to_pack(tmp_path: Path) -> None:
    file = saved(tmp_path)
    members = _members(file)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(BadInput, match="packed in a way that hwq does not use"):
        serial.load(file)


def test_arrays_that_would_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(tmp_path)
    monkeypatch.setattr(serial, "MAX_ELEMENTS", 100)
    with pytest.raises(BadInput, match="its arrays have more than 100 elements"):
        serial.load(file)


def test_messages_name_the_file_and_what_to_do(tmp_path: Path) -> None:
    file = saved(tmp_path)
    for damage, _ in DAMAGE.values():
        serial.save(PROGRAM, file)
        members = _members(file)
        damage(members)
        _write(file, members)
        with pytest.raises(BadInput) as caught:
            serial.load(file)
        first, *rest = str(caught.value).splitlines()
        assert first.startswith(f"{file}: ") and "Quantise the model again" in first
        assert all(line.startswith(("  ", f"{file}: ")) for line in rest)


WILD: tuple[Any, ...] = (
    None, True, 0, 1, -1, 3, 62, 64, 4000, 10**10, 2**63, -(10**30), 1.5, float("nan"), float("inf"), 1e308, "", "x",
    "../x", "\0", [], {}, [1], [[1]], [-1, -1, -1, -1], {"array": "ops.0.weight"}, {"array": 1}, {"value": "Format"},
    {"op": "conv"},
)  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in _places(inner, (*path, key)))]


def test_forged_programs_are_refused_or_can_be_used(tmp_path: Path) -> None:
    """Any value in any place, and a digest that fits it: never another exception."""
    rng, used = random.Random(1), 0
    programs = [next(iter(cases.values())) for cases in CASES.values()]
    for number in range(400):
        path = tmp_path / "net.hwq"
        serial.save(programs[number % len(programs)], path)
        members = _members(path)
        text = json.loads(members["program.json"])
        *way, last = rng.choice([place for place in _places(text) if place and place[0] not in ("hwq", "digest")])
        inner = text
        for key in way:
            inner = inner[key]
        inner[last] = rng.choice(WILD)
        arrays = {
            name[:-4]: np.lib.format.read_array(io.BytesIO(data)) for name, data in members.items() if "npy" in name
        }
        with contextlib.suppress(Exception):
            fields = {
                key: decode(text[key], arrays) for key in ("name", "inputs", "outputs", "ops", "input_types", "formats")
            }
            text["digest"] = serial.digest(Program(**fields))
        members["program.json"] = json.dumps(text).encode()
        _write(path, members)
        try:
            program = serial.load(path)
        except BadInput as error:
            assert str(error).startswith(f"{path}: ")
            continue
        used += 1
        simulate_plain(program, program.samples)
        assert dump(program)
    assert 4 <= used <= 100
