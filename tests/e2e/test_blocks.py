"""Blocks of real networks, the whole way: as exact as 8 bits allow, and equal in hardware with stalls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from block_nets import NETS, samples

import hwq.api as hwq
from hwq.quant.config import Effort

LEAST = 25.0
"""Decibels of signal over noise at the outputs, on samples that calibration has not seen."""


@pytest.mark.verilator
@pytest.mark.parametrize("name", NETS)
def test_block(name: str, tmp_path: Path) -> None:
    model = NETS[name]()
    path = tmp_path / f"{name}.onnx"
    onnx.save(model, path)
    program = hwq.quantize(path, {"x": samples(model, 64)}, Effort.FAST.config())
    assert min(program.info["sqnr_db"][port.tensor] for port in program.outputs) >= LEAST
    plan = hwq.generate(program, tmp_path / "build", hwq.Target(multipliers=4 * len(program.ops)))
    test = tmp_path / "test.npz"
    np.savez(test, x=samples(model, 6, seed=6))
    for stall in (0.0, 0.35):
        (result,) = hwq.verify(tmp_path / "build", "verilator", samples=6, stall=stall, trace=True, data=test)
        assert result.passed, result.trouble
        if not stall:
            assert result.cycles_per_frame == pytest.approx(plan.interval, rel=0.03, abs=8)
