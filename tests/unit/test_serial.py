"""NET.hwq: the same program in, the same program out, the same bytes."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cases import CASES
from saved_program import PROGRAM, WEIGHT, saved

from hwq.errors import BadInput
from hwq.ir import serial
from hwq.ir.codec import VALUES, decode, encode
from hwq.ir.op import REGISTRY
from hwq.ir.program import Program
from hwq.ir.text import dump
from hwq.ops import Codebook, PowerSums
from hwq.sim import simulate_plain


@pytest.mark.parametrize("kind", CASES)
def test_round_trip(kind: str, tmp_path: Path) -> None:
    for number, program in enumerate(CASES[kind].values()):
        program = replace(program, info={"options": {"bits": [1, 2.5, None, True]}})
        path = tmp_path / f"{number}.hwq"
        serial.save(program, path)
        again = serial.load(path)
        assert serial.digest(again) == serial.digest(program)
        assert dump(again) == dump(program)
        assert again.samples.keys() == program.samples.keys()
        assert again.info == {"options": {"bits": (1, 2.5, None, True)}}
        want = simulate_plain(program, program.samples)
        got = simulate_plain(again, again.samples)
        assert all(np.array_equal(got[name], want[name]) for name in want)


def test_same_bytes(tmp_path: Path) -> None:
    file = saved(tmp_path)
    serial.save(PROGRAM, tmp_path / "again.hwq")
    serial.save(serial.load(file), tmp_path / "loaded.hwq")
    assert (tmp_path / "again.hwq").read_bytes() == file.read_bytes() == (tmp_path / "loaded.hwq").read_bytes()


def test_digest_is_of_what_defines_the_integers() -> None:
    digest = serial.digest(PROGRAM)
    assert serial.digest(replace(PROGRAM, samples={}, info={"a": 1})) == digest
    op = PROGRAM.ops[0]
    weight = op.weight.copy()  # type: ignore[attr-defined]
    weight[0, 0, 0, 0] += 1
    for other in (
        replace(PROGRAM, name="other"),
        replace(PROGRAM, ops=(replace(op, weight=weight),)),  # type: ignore[call-arg]
        replace(PROGRAM, ops=(replace(op, pad_value=1),)),  # type: ignore[call-arg]
    ):
        assert serial.digest(other) != digest


def test_codings_are_told_apart() -> None:
    """The same weights stored in another way are another program; the text says which."""
    program = CASES["dense"]["powers1"]
    (op,) = program.ops
    codebook = Codebook(np.unique(op.weight))  # type: ignore[attr-defined]
    codings = {
        None: "", PowerSums(1): "powersums(terms=1)", PowerSums(2): "powersums(terms=2)",
        codebook: f"codebook(entries=s8[{codebook.entries.size}]#",
    }  # fmt: skip
    programs = {text: replace(program, ops=(replace(op, coding=c),)) for c, text in codings.items()}  # type: ignore[call-arg]
    assert len({serial.digest(p) for p in programs.values()}) == len(codings)
    for text, p in programs.items():
        assert f"coding={text}" in dump(p) if text else "coding" not in dump(p)


@pytest.mark.parametrize("path", ["missing.hwq", "."])
def test_no_file(path: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected a file written by `hwq quantize`"):
        serial.load(tmp_path / path)


def test_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(tmp_path)
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(BadInput, match="No space left"):
        serial.save(replace(PROGRAM, name="other"), file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_only_listed_classes_are_made() -> None:
    """Whatever class a text names, nothing but operations and plain values of this list is ever instantiated."""
    assert VALUES.keys() == {"Requant", "Window", "TensorType", "Format", "Port", "Codebook", "PowerSums", "Lookup"}
    for name in ("Path", "Popen", "Program", "dict", "hwq.ir.types.Format", "__class__", ""):
        for tag in ("value", "op"):
            with pytest.raises(KeyError):
                decode({tag: name}, {})
    for kind, cls in REGISTRY.items():
        assert cls.kind == kind and cls.__module__.startswith("hwq.ops.")


def test_plain_values_survive() -> None:
    plain = {"a": [1, 2.5, None, True, "x"], "b": {"c": {}}}
    assert decode(json.loads(json.dumps(encode(plain, {}, "p"))), {}) == {
        "a": (1, 2.5, None, True, "x"),
        "b": {"c": {}},
    }


def test_samples_and_program_of_another_machine(tmp_path: Path) -> None:
    """Arrays are stored narrow and read as int64, whatever they were."""
    file = saved(tmp_path)
    program: Program = serial.load(file)
    assert {x.dtype for x in program.samples.values()} == {np.dtype(np.int64)}
    with zipfile.ZipFile(file) as archive:
        stored = np.lib.format.read_array(io.BytesIO(archive.read(WEIGHT)))
    assert stored.dtype == np.int8
