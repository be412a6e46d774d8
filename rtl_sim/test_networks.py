"""Whole networks under cocotb: each generated build starts and watches its own testbench, as `make cocotb` does there.

Quick: the digits demo on Icarus.  With HWQ_DEEP=1 with scales of every kind and on Verilator too, and the shared models
where they are present.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwq import api
from hwq.quant import Effort, ScaleKind
from hwq.verify import tools

ROOT = Path(__file__).resolve().parent.parent
DIGITS = ROOT / "examples" / "digits"
SHARED = ROOT.parent / "shared" / "models"
DEEP = os.environ.get("HWQ_DEEP") == "1"
MARKS = {"icarus": pytest.mark.icarus, "verilator": pytest.mark.verilator}
SMALL = ("digits_mlp_flat", "jet_mlp_flat", "digits_cnn")


def _networks() -> Iterator[Any]:
    for scale in ScaleKind if DEEP else (ScaleKind.POW2,):
        for simulator in MARKS if DEEP else ("icarus",):
            case = (DIGITS / "model.onnx", DIGITS / "calib.npz", "image", scale, simulator)
            yield pytest.param(*case, id=f"digits-{scale.value}-{simulator}", marks=MARKS[simulator])
    for name in SMALL if DEEP else ():
        files = (SHARED / "small" / f"{name}.onnx", SHARED / "small" / f"{name}_data.npz", "x_calib")
        yield pytest.param(*files, ScaleKind.POW2, "verilator", id=name, marks=pytest.mark.verilator)


@pytest.mark.parametrize(("model", "data", "array", "scale", "simulator"), list(_networks()))
def test_network(model: Path, data: Path, array: str, scale: ScaleKind, simulator: str, tmp_path: Path) -> None:
    """Two frames with stalls on both sides leave the network as the simulator has them."""
    if not model.is_file():
        pytest.skip(f"{model} is not here: the shared models are not part of the repository")
    program = api.quantize(model, {"x": np.load(data)[array]}, Effort.FAST.config(scale=scale))
    api.generate(program, tmp_path / "build")
    script = tmp_path / "build" / "tb" / f"test_{program.name}.py"
    command = [sys.executable, str(script), simulator, "+frames=2", "+stall_in=30", "+stall_out=30"]
    finished = tools.run(command, cwd=tmp_path / "build", timeout=900)
    assert finished.returncode == 0, finished.output[-3000:]
    assert "HWQ_RESULT PASS frames=2 errors=0" in finished.output
    assert "HWQ_MISMATCH" not in finished.output


@pytest.mark.icarus
def test_a_wrong_weight_is_found(tmp_path: Path) -> None:
    """One bit of one weight flipped in a memory file makes the same test fail."""
    program = api.quantize(DIGITS / "model.onnx", DIGITS / "calib.npz", Effort.FAST.config())
    api.generate(program, tmp_path / "build")
    rom = tmp_path / "build" / "rom" / "block1_relu1_weight.mem"
    words = rom.read_text("ascii").split()
    words[5] = f"{int(words[5], 16) ^ (1 << 6):0{len(words[5])}x}"
    rom.write_text("\n".join(words) + "\n", "ascii")
    (found,) = api.verify(tmp_path / "build", "icarus", samples=1, trace=True)
    assert found.mismatches > 0
    assert re.match(r"block1_relu1: sample 0, row \d+, column \d+, channel \d+: got \d+, want \d+$", found.trouble[0])
