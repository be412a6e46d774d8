"""Ports: how real inputs are rounded, and outputs whose elements have real values of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from nets import program, rescale, tensor

from hwq import api, golden
from hwq.arith import Rounding
from hwq.cli.commands import describe_ports
from hwq.emit.cmodel import c_model
from hwq.emit.exchange import FileFormat, exchange
from hwq.errors import BadInput
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ir.text import dump
from hwq.ir.types import Format

X = tensor(1, 2, 3)
ORDER = np.array([[4, 0], [1, 5], [2, 3]])
SCALE = np.array([[0.1, 3.0], [-0.25, 1e-9], [7.0, 1 / 3]])
OFFSET = np.array([[0.0, -1e6], [0.3, 1e-9], [-2.5, 1.0]])
TIES = (np.arange(-6, 6).reshape(2, 1, 2, 3) + 0.5) / 4


def _net(**output: Any) -> Program:
    """y is a copy of a, whose steps are 1/4; the output port has the fields `output`."""
    p = program([rescale(X)], {"a": X})
    port = replace(p.outputs[0], name="out", dtype="float64", index=ORDER, **output)
    return replace(p, outputs=(port,), formats={"a": Format(0.25, 1), "y": Format(0.5, -3)}).verify()


def _with(fields: dict[str, Any]) -> Program:
    """The same, not verified; the fields may be any of the output port."""
    p = _net()
    return replace(p, outputs=(replace(p.outputs[0], **fields),))


def _rounded(p: Program, mode: Rounding) -> Program:
    return replace(p, inputs=(replace(p.inputs[0], rounding=mode),)).verify()


VALUED = {
    "none": {},
    "scale": {"scale": SCALE},
    "offset": {"offset": OFFSET},
    "both": {"scale": SCALE, "offset": OFFSET},
    "float32": {"scale": SCALE, "offset": OFFSET, "dtype": "float32"},
}


@pytest.mark.parametrize("mode", Rounding)
@pytest.mark.parametrize("fields", VALUED.values(), ids=VALUED.keys())
def test_real_golden_model_equals_simulator(fields: dict[str, Any], mode: Rounding) -> None:
    p = _rounded(_with(fields), mode)
    x = TIES.astype(np.float32)
    session = ort.InferenceSession(golden.write(p, real=True).SerializeToString())
    (got,) = session.run(None, {"a": x})
    for engine in ("plain", "fast"):
        found = api.simulate(p, {"a": x}, engine=engine)
        assert found["out"].dtype == got.dtype and np.array_equal(found["out"], got)
    steps = x * 4
    whole = {
        Rounding.FLOOR: np.floor(steps), Rounding.HALF_UP: np.floor(steps + 0.5), Rounding.HALF_EVEN: np.rint(steps),
        Rounding.HALF_AWAY: np.copysign(np.floor(abs(steps) + 0.5), steps),
    }  # fmt: skip
    assert np.array_equal(found["a.int"], whole[mode] + 1)
    real = (found["out.int"] + 3.0) * fields.get("scale", 0.5) + fields.get("offset", 0.0)
    assert np.array_equal(got, real.astype(got.dtype))


@pytest.mark.parametrize("fields", VALUED.values(), ids=VALUED.keys())
def test_round_trips(fields: dict[str, Any], tmp_path: Path) -> None:
    p = _rounded(_with(fields), Rounding.HALF_EVEN)
    serial.save(p, tmp_path / "net.hwq")
    (tmp_path / "golden.onnx").write_bytes(golden.serialise(golden.write(p, real=True)))
    for again in (serial.load(tmp_path / "net.hwq"), golden.load(tmp_path / "golden.onnx")):
        assert serial.digest(again) == serial.digest(p) and dump(again) == dump(p)
        assert again.inputs[0].rounding is Rounding.HALF_EVEN
        found, want = again.outputs[0].by_element, p.outputs[0].by_element
        assert {what: x.tobytes() for what, x in found.items()} == {what: x.tobytes() for what, x in want.items()}


def test_digest_covers_the_fields_and_is_the_old_one_without() -> None:
    p = _net()
    others = [_rounded(p, Rounding.FLOOR), _net(scale=SCALE), _net(offset=OFFSET), _net(scale=SCALE * 2)]
    assert len({serial.digest(one) for one in (p, *others)}) == 5
    text = json.loads(golden.metadata.describe(p, real=False)["hwq.program"])
    assert set(text["outputs"][0]) == {"value", "name", "tensor", "dtype", "index", "host_ops"}


def test_text_and_plain_values_show_them() -> None:
    p = _rounded(_net(scale=SCALE, offset=OFFSET), Rounding.HALF_EVEN)
    lines = dump(p).splitlines()
    assert lines[1].endswith("{2^-2 z=1} rounded half_even") and " valued(scale=f64[3,2]#" in lines[-1]
    assert describe_ports(p, p.inputs)[0]["rounding"] == "half_even"
    assert describe_ports(p, p.outputs)[0]["scale_by_element"] == SCALE.tolist()
    assert not {"rounding", "scale_by_element"} & set(describe_ports(_net(), _net().outputs)[0])


def test_c_header_has_numbers_in_the_order_of_its_array() -> None:
    text = c_model(_rounded(_net(scale=SCALE), Rounding.FLOOR), "net").files["hwq_net.h"]
    values = text.split("HWQ_NET_Y_SCALES {")[1].split("}")[0].replace("\\", " ").split(",")
    assert np.array_equal([float(value) for value in values], SCALE.ravel()[np.argsort(ORDER.ravel())])
    assert "rounds to integers by floor" in text and "stands for (q - ZERO_POINT) * SCALES[e]" in text


def test_vectors_have_them(tmp_path: Path) -> None:
    p = _rounded(_net(scale=SCALE, offset=OFFSET), Rounding.HALF_EVEN)
    entering, leaving = api.vectors(p, tmp_path / "v", {"a": TIES.astype(np.float32)})["ports"]
    assert entering["rounding"] == "half_even"
    stream, index, scale, offset, real = (
        np.load(tmp_path / "v" / name)
        for name in ("y.npy", *(leaving[what]["name"] for what in ("index", "scale", "offset", "float")))
    )
    integers = stream.reshape(len(stream), -1)[:, index].astype(np.int64)
    assert np.array_equal((integers + 3) * scale + offset, real)
    assert 'np.load("y.scale.npy") + np.load("y.offset.npy")' in (tmp_path / "v" / "README.md").read_text()
    assert api.diff(p, tmp_path / "v", {"a": TIES.astype(np.float32)}).passed


def test_files_for_other_tools_are_refused() -> None:
    with pytest.raises(BadInput, match="out: has scale and offset by element, which qdq files lack"):
        exchange(_net(scale=SCALE, offset=OFFSET), FileFormat.QDQ)


DAMAGED = {
    "shape": ({"scale": SCALE.ravel()}, r"its scale has the shape \(6,\), expected \(3, 2\)"),
    "nan": ({"offset": np.where(OFFSET == 1, np.nan, OFFSET)}, "its offset holds nan, expected finite numbers"),
    "infinite": ({"scale": SCALE * np.inf}, "its scale holds inf, expected finite numbers other than zero"),
    "zero": ({"scale": SCALE * [0, 1]}, "its scale holds 0.0, expected finite numbers other than zero"),
    "rounding": ({"rounding": Rounding.FLOOR}, "rounds floor, expected a rounding at inputs only"),
    "integers": ({"offset": np.zeros((3, 2), np.int64)}, r"outputs\.0\.offset is array|its offset holds int64"),
}


@pytest.mark.parametrize(("fields", "text"), DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_fields_are_refused(fields: dict[str, Any], text: str, tmp_path: Path) -> None:
    p = _with(fields)
    with pytest.raises(BadInput, match=text):
        p.verify()
    serial.save(p, tmp_path / "net.hwq")
    with pytest.raises(BadInput, match=text):
        serial.load(tmp_path / "net.hwq")
    with pytest.raises(BadInput):
        golden.program_of(golden.write(p))


def test_an_input_has_no_scale_by_element() -> None:
    p = program([rescale(X)], {"a": X})
    with pytest.raises(BadInput, match="a: has offset by element, expected those at outputs only"):
        replace(p, inputs=(replace(p.inputs[0], offset=np.zeros((1, 2, 3))),)).verify()
