"""What stands in QDQ and QONNX files: integers, scales, ports, notes; and what no such file can hold."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from exchange_cases import BOTH, PROGRAMS, worst
from float_files import feeds, outputs, quant_as_standard, session
from nets import conv, corners, maxpool, program, rescale, tensor

from hwq.emit.exchange import FileFormat, exchange
from hwq.emit.exchange.scales import file_formats
from hwq.errors import BadInput
from hwq.ir.program import Port, Program
from hwq.ir.types import Format
from hwq.ir.window import Window
from hwq.sim import simulate_plain


@pytest.mark.parametrize("p", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_qdq_is_valid_onnx(p: Program) -> None:
    onnx.checker.check_model(exchange(p, FileFormat.QDQ).model, full_check=True)


@BOTH
def test_integers_are_those_of_the_program(file_format: FileFormat) -> None:
    """The file shows the program's own weights and the scale of each channel."""
    x = tensor(4, 4, 3)
    op = conv(x, 5, Window((3, 3)), scale="pow2", rounding=2)
    p = program([op], {"a": x})
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in exchange(p, file_format).model.graph.initializer}
    scale = constants["y__weight_scale"].ravel()
    assert np.array_equal(scale, np.array(op.requant.multiplier) * 2.0**-op.requant.shift)
    kept = constants.get("y__weight_integers")
    if kept is None:
        kept = constants["y__weight_reals"] / scale[:, None, None, None]
    assert np.array_equal(kept, op.weight.transpose(0, 3, 1, 2))


@BOTH
def test_layouts_and_names_of_ports(file_format: FileFormat) -> None:
    """Any order of elements; names that look like ours, or like nothing."""
    x = tensor(2, 3, 4)
    p = program([rescale(x, scale="shift", bits=6)], {"a": x}, samples=corners({"a": x}, 6))
    rng = np.random.default_rng(5)
    orders = {
        "planes": np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1),
        "flat": np.arange(24),
        "any": rng.permutation(24).reshape(4, 6),
    }
    for order in orders.values():
        for name in ("a__quantized", "y__real", "é\n\x1b[31m/..", "hwq__a__x", "y"):
            inputs = (Port(name, "a", "float32", order),)
            results = (Port(name + "2", "y", "float64", order.T), Port("other", "y", "float64", order))
            q = replace(p, inputs=inputs, outputs=results).verify()
            file = exchange(q, file_format)
            assert [i.name for i in file.model.graph.input] == [name]
            assert [o.name for o in file.model.graph.output] == [name + "2", "other"]
            want = simulate_plain(q, q.samples)["y"]
            names = [port.name for port in q.outputs]
            got = session(quant_as_standard(file.model), True).run(names, feeds(q, q.samples))
            for port, real in zip(q.outputs, got, strict=True):
                assert np.array_equal(np.rint(real / q.formats["y"].scale), port.from_tensor(want))


@BOTH
def test_an_input_that_is_an_output_too(file_format: FileFormat) -> None:
    x = tensor(1, 1, 4)
    p = program([rescale(x)], {"a": x}, ("y",), samples=corners({"a": x}))
    port = p.inputs[0]
    q = replace(p, inputs=(replace(port, name="in"),), outputs=(*p.outputs, replace(port, name="copy")))
    got = outputs(q, exchange(q, file_format), q.samples)
    assert np.array_equal(got["a"], port.from_tensor(q.samples["a"]))


@BOTH
def test_refusals(file_format: FileFormat) -> None:
    p = PROGRAMS["rescale-half_up"]
    twice = replace(p, outputs=(replace(p.outputs[0], name="a"),))
    with pytest.raises(BadInput, match="'a': two inputs or outputs have this name"):
        exchange(twice, file_format)
    for name in ("", "\ud800"):
        with pytest.raises(BadInput, match="is no name that ONNX can hold"):
            exchange(replace(p, outputs=(replace(p.outputs[0], name=name),)), file_format)
    for scale in (1e-300, 1e300):
        with pytest.raises(BadInput, match=r"a: its scale is 1e[-+]300, expected"):
            exchange(replace(p, formats={**p.formats, "a": Format(scale)}), file_format)


def test_one_signed_bit_is_refused_by_qonnx_alone() -> None:
    x = tensor(1, 1, 2, bits=1)
    p = program([rescale(x, scale="shift")], {"a": x}, samples=corners({"a": x}))
    with pytest.raises(BadInput, match="a: has 1 signed bit"):
        exchange(p, FileFormat.QONNX)
    assert worst(p, FileFormat.QDQ) == (0, True)


def test_scales_in_the_file() -> None:
    x = tensor(4, 4, 2)
    ops = [maxpool(x, Window((2, 2)), name="m"), conv(tensor(3, 3, 2), 2, Window((3, 3)), source="m")]
    p = program(ops, {"a": x})
    formats = {"a": Format(0.3, 7), "m": Format(0.3, 7), "y": Format(0.01)}
    assert file_formats(replace(p, formats=formats)) == {
        "a": Format(0.25, 7), "m": Format(0.25, 7), "y": Format(2.0**-7),
    }  # fmt: skip
    ops.append(rescale(tensor(1, 1, 2), name="z", source="y"))
    kept = file_formats(replace(program(ops, {"a": x}, ("z",)), formats={**formats, "z": Format(0.5)}))
    assert kept["a"].scale == np.float32(0.3) and kept["y"].scale == np.float32(0.01)


@BOTH
def test_notes_in_the_file_and_equal_bytes(file_format: FileFormat) -> None:
    p = PROGRAMS["conv-same-half_up"]
    file = exchange(p, file_format)
    assert file.data == exchange(p, file_format).data
    notes = {note.key: note.value for note in file.model.metadata_props}
    assert notes["hwq.format"] == file_format.value
    assert notes["hwq.bit_exact_in_float32"] == "no"
    assert json.loads(notes["hwq.inexact"]) == file.inexact == {"y": "sums of up to 32 bits, float32 is exact up to 24"}
    assert json.loads(notes["hwq.integers"])["y"] == {"scale": 2.0**-4, "zero_point": 0}
