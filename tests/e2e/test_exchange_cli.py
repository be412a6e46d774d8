"""`hwq export --format qdq` and `--format qonnx`: the demo network, what is printed, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from e2e_run import done, refused
from float_files import integers, outputs

from hwq.emit.exchange import FileFormat, exchange
from hwq.ir import serial
from hwq.sim import simulate_plain

FORMATS = pytest.mark.parametrize("file_format", list(FileFormat))


@FORMATS
def test_digits_are_bit_exact(digits_net: Path, file_format: FileFormat) -> None:
    """The demo network with default options: every tensor, with all optimisations but int8 kernels, and with none."""
    program = serial.load(digits_net)
    samples = {name: x[:40] for name, x in program.samples.items()}
    file = exchange(program, file_format)
    assert file.inexact == {}
    want = simulate_plain(program, samples, keep_all=True)
    for optimised in (True, False):
        got = integers(program, file, samples, optimised)
        assert all(np.array_equal(got[name], want[name]) for name in want)
    results = outputs(program, file, samples)
    for port in program.outputs:
        assert np.array_equal(results[port.tensor], port.from_tensor(want[port.tensor]))


@FORMATS
def test_the_command_writes_and_says_so(digits_net: Path, tmp_path: Path, file_format: FileFormat) -> None:
    path = tmp_path / "net.onnx"
    text = done("export", digits_net, "--format", file_format.value, "-o", path).out
    assert text.splitlines()[1] == "bit-exact in float32"
    assert path.read_bytes() == exchange(serial.load(digits_net), file_format).data
    value = done("export", digits_net, "--format", file_format.value, "-o", path, "--no-shift-bias", "--json").json
    assert value["format"] == file_format.value and value["bytes"] == path.stat().st_size
    assert set(value["inexact"].values()) == {"ties go to even"}
    kept = {note.key: note.value for note in onnx.load(path).metadata_props}
    assert kept["hwq.bit_exact_in_float32"] == "no" and kept["hwq.program"] == value["digest"]


@FORMATS
def test_refusals(digits_net: Path, tmp_path: Path, file_format: FileFormat) -> None:
    words = ("export", digits_net, "--format", file_format.value, "-o", tmp_path / "net.onnx")
    assert "always takes and gives real values" in refused(2, *words, "--float")
    assert not list(tmp_path.iterdir())
