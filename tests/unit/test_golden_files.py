"""Golden files that are damaged, edited or made to harm: refused with one message, or the very same program."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from cases import CASES
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from onnx import ModelProto, TensorProto

from hwq import golden
from hwq.api.loading import load_program
from hwq.errors import BadInput
from hwq.ir import serial

PROGRAM = CASES["conv"]["half_even-channel"]
DIGEST = serial.digest(PROGRAM)
FUZZ = 150
"""Damaged files of each kind."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "golden.onnx"
    path.write_bytes(golden.serialise(golden.write(PROGRAM)))
    return path


def _entry(model: ModelProto, key: str) -> Any:
    return next(entry for entry in model.metadata_props if entry.key == f"hwq.{key}")


def _set(key: str, value: str) -> Callable[[ModelProto], object]:
    return lambda model: setattr(_entry(model, key), "value", value)


def _without(key: str) -> Callable[[ModelProto], object]:
    return lambda model: model.metadata_props.remove(_entry(model, key))


def _text(change: Callable[[dict[str, Any]], object]) -> Callable[[ModelProto], object]:
    """A change of the JSON text."""

    def apply(model: ModelProto) -> None:
        entry = _entry(model, "program")
        text = json.loads(entry.value)
        change(text)
        entry.value = json.dumps(text)

    return apply


def _weight(model: ModelProto) -> TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == "y.weight")


def _node(model: ModelProto) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.op_type == "conv")


def _body(model: ModelProto, name: str) -> onnx.FunctionProto:
    return next(function for function in model.functions if function.name == name)


def _flip_weight(model: ModelProto) -> None:
    data = bytearray(_weight(model).raw_data)
    data[0] ^= 1
    _weight(model).raw_data = bytes(data)


def _external(model: ModelProto) -> None:
    tensor = _weight(model)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def _attribute(name: str, value: int) -> Callable[[ModelProto], object]:
    def apply(model: ModelProto) -> None:
        next(a for a in _node(model).attribute if a.name == name).i = value

    return apply


def _repeated(model: ModelProto) -> None:
    model.graph.initializer.add().CopyFrom(_weight(model))


DAMAGE: dict[str, tuple[Callable[[ModelProto], object], str]] = {
    "version": (_set("version", "99"), "golden model of version '99', expected 2"),
    "no version": (_without("version"), "golden model of version None, expected 2"),
    "digest": (_set("digest", "0" * 64), "does not match its digest"),
    "no digest": (_without("digest"), "metadata lack hwq.digest"),
    "no program": (_without("program"), "metadata lack hwq.program"),
    "no metadata": (lambda m: m.ClearField("metadata_props"), "carries no program, expected a golden model"),
    "no JSON": (_set("program", "{"), "the program inside is damaged"),
    "deep JSON": (_set("program", "[" * 100_000), "the program inside is damaged"),
    "a number": (_set("program", "1"), "the program inside is damaged"),
    "unknown operation": (_text(lambda t: t["ops"][0].update(op="system")), "the program inside is damaged"),
    "unknown value": (_text(lambda t: t["ops"][0]["requant"].update(value="Path")), "the program inside is damaged"),
    "another shift": (_text(lambda t: t["ops"][0]["requant"].update(shift=9)), "does not match its digest"),
    "scale": (_text(lambda t: t["formats"]["y"].update(scale=0.0)), "format|damaged"),
    "not a number": (_text(lambda t: t["formats"]["y"].update(scale=float("nan"))), "format|damaged"),
    "accumulator": (_text(lambda t: t["ops"][0].update(acc_bits=4)), "its accumulator spans"),
    "illegal name": (_text(lambda t: t.update(name="../../x")), "is no legal name"),
    "info": (_text(lambda t: t.update(info=3)), "the program inside is damaged"),
    "huge port": (
        _text(lambda t: t["arrays"]["inputs.0.index"].update(dims=[1 << 40])),
        "expected at most 134217728 elements",
    ),
    "huge shape": (_text(lambda t: t["input_types"]["a"].update(shape=[5, 10**12, 3])), "differ in size"),
    "weight": (_flip_weight, "does not match its digest"),
    "weight shape": (lambda m: _weight(m).dims.insert(0, 2), "its data do not fit its shape and type"),
    "negative shape": (lambda m: _weight(m).dims.extend([-1, -1]), "its data do not fit its shape and type"),
    "weight type": (lambda m: setattr(_weight(m), "data_type", 77), "its data do not fit its shape and type"),
    "strings": (
        lambda m: setattr(_weight(m), "data_type", TensorProto.STRING),
        "its data do not fit its shape and type",
    ),
    "no weight": (lambda m: m.graph.initializer.remove(_weight(m)), "the program inside is damaged"),
    "weight twice": (_repeated, "the number of initialisers"),
    "external data": (_external, "lies in another file, expected all data inside"),
    "another attribute": (_attribute("shift", 3), "node 'y' differs"),
    "another rounding": (_attribute("rounding", 0), "node 'y' differs"),
    "another element type": (_attribute("accumulator", TensorProto.FLOAT), "node 'y' differs"),
    "another function": (lambda m: setattr(_node(m), "op_type", "depthwise"), "node 'y' differs"),
    "another domain": (lambda m: setattr(_node(m), "domain", "other"), "node 'y' differs"),
    "no node": (lambda m: m.graph.node.remove(_node(m)), "node 'y' differs|number of nodes"),
    "another body": (
        lambda m: setattr(_body(m, "requantise").node[0], "op_type", "Identity"),
        "function 'requantise' differs",
    ),
    "no body": (lambda m: m.functions.remove(_body(m, "conv")), "the number of functions"),
    "added body": (lambda m: m.functions.add(name="spy", domain="hwq"), "the number of functions"),
    "added type": (lambda m: m.graph.value_info.add(name="q"), "graph 'net' differs"),
    "another output": (lambda m: setattr(m.graph.output[0], "name", "a"), "graph 'net' differs"),
    "operator set": (lambda m: setattr(m.opset_import[0], "version", 18), "operator set '' differs"),
    "IR version": (lambda m: setattr(m, "ir_version", 9), "IR version 9 differs"),
    "real ends": (_set("float", "true"), "differs from what the program inside says"),
}


@pytest.mark.parametrize(("damage", "text"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damage(file: Path, damage: Callable[[ModelProto], object], text: str) -> None:
    model = onnx.load_from_string(file.read_bytes())
    damage(model)
    file.write_bytes(model.SerializeToString())
    with pytest.raises(BadInput, match=text) as caught:
        load_program(file)
    assert str(caught.value).startswith(f"{file}: ") and len(str(caught.value)) < 600


def test_what_does_not_matter(file: Path) -> None:
    """Who wrote the file, and what it says about itself, are no part of it."""
    model = onnx.load_from_string(file.read_bytes())
    model.producer_name, model.producer_version, model.doc_string = "x", "y", "z"
    model.metadata_props.add(key="author", value="me")
    file.write_bytes(model.SerializeToString())
    assert serial.digest(golden.load(file)) == DIGEST


@pytest.mark.parametrize("content", [b"", b"not ONNX", b"\x00" * 100, b"PK\x03\x04", b'{"hwq": 2}'])
def test_no_onnx_at_all(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "golden.onnx"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"expected a (complete )?golden model|not a readable program"):
        load_program(path)
    assert not golden.is_golden(path)


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.onnx", tmp_path):
        with pytest.raises(BadInput, match="expected a readable ONNX file"):
            golden.load(path)


def test_enormous_file(tmp_path: Path) -> None:
    """A file beyond the limit is refused by its size; it is not read."""
    path = tmp_path / "golden.onnx"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BadInput, match=f"{1 << 40} bytes, expected at most"):
        load_program(path)


def test_a_float_model_is_no_program(tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "examples" / "digits" / "model.onnx"
    assert not golden.is_golden(path)
    with pytest.raises(BadInput, match="an ONNX model that carries no program"):
        load_program(path)


def test_programs_are_told_apart_by_content(file: Path, tmp_path: Path) -> None:
    """Whatever the name, each form is read as what it is."""
    renamed = file.rename(tmp_path / "golden.hwq")
    assert serial.digest(load_program(renamed)) == DIGEST
    serial.save(PROGRAM, tmp_path / "net.bin")
    assert serial.digest(load_program(tmp_path / "net.bin")) == DIGEST


def _same_or_refused(path: Path, data: bytes) -> bool:
    """Whether the damaged file is still read; then it holds the very same program."""
    path.write_bytes(data)
    try:
        program = golden.load(path)
    except BadInput:
        return False
    assert serial.digest(program) == DIGEST
    return True


def test_random_bytes(file: Path) -> None:
    data, rng = file.read_bytes(), random.Random(1)
    read = 0
    for _ in range(FUZZ):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 1, 3, 20))):
            damaged[rng.randrange(len(data))] = rng.randrange(256)
        read += _same_or_refused(file, bytes(damaged))
        cut = rng.randrange(len(data))
        read += _same_or_refused(file, rng.choice((data[:cut], data[cut:], data + data[:cut])))
    assert read < FUZZ


def test_random_edits(file: Path) -> None:
    """Fields of the ONNX file removed, repeated or set to other values."""
    data, rng = file.read_bytes(), random.Random(2)
    read = 0
    for _ in range(FUZZ):
        model = onnx.load_from_string(data)
        _edit(rng, rng.choice(list(_fields(model))))
        read += _same_or_refused(file, model.SerializeToString())
    assert read < FUZZ // 2


def test_random_texts(file: Path) -> None:
    """Values of the JSON text replaced by others."""
    data, rng = file.read_bytes(), random.Random(3)
    strange = (None, True, 0, -1, 2.5, float("inf"), "x", "", [], {}, {"array": "q"}, {"op": "conv"},
               {"value": "Window"}, 10**30, 1 << 62, 12_345)  # fmt: skip
    read = 0
    for _ in range(FUZZ):
        model = onnx.load_from_string(data)
        entry = _entry(model, "program")
        text = json.loads(entry.value)
        places = list(_places(text))
        where, key = rng.choice(places)
        where[key] = rng.choice(strange)
        entry.value = json.dumps(text)
        read += _same_or_refused(file, model.SerializeToString())
    assert read < FUZZ // 2


def _fields(message: Message) -> Any:
    """Every message inside `message`, with each of its fields that is set."""
    for field, value in message.ListFields():
        yield message, field
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for item in [value] if isinstance(value, Message) else value:
                yield from _fields(item)


def _edit(rng: random.Random, place: tuple[Any, Any]) -> None:
    message, field = place
    value = getattr(message, field.name)
    if isinstance(value, int):
        setattr(message, field.name, rng.choice((0, 1, 2, 7)))
    elif isinstance(value, str):
        setattr(message, field.name, rng.choice(("", "y", "a", value[::-1], f"{value}x")))
    elif isinstance(value, bytes):
        setattr(message, field.name, value[: rng.randrange(len(value) + 1)])
    elif isinstance(value, Message) or rng.random() < 0.2:
        message.ClearField(field.name)
    else:
        del value[rng.randrange(len(value))]


def _places(value: Any) -> Any:
    """Every container in a JSON value with each of its keys."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])
