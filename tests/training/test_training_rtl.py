"""Trained networks become hardware that is bit-exact."""

from __future__ import annotations

from pathlib import Path

import pytest
from builds import checked
from torch_nets import Mixed, images, settled

from hwq.hw.target import Target
from hwq.ir import serial
from hwq.quant.config import ScaleKind
from hwq.torch import Method, TrainConfig, convert, prepare

pytestmark = pytest.mark.torch

ONE_BIT = (
    TrainConfig(1, 1).with_rule("stem", weight_bits=8).with_rule("add", act_bits=2).with_rule("pw", act_bits=2)
).with_rule("grouped", act_bits=3)
CONFIGS = {
    "bits4": TrainConfig(4, 4),
    "bits3_lsq": TrainConfig(3, 3, scale=ScaleKind.FIXED, method=Method.LSQ),
    "clusters": TrainConfig(6, 5, clusters=16),
    "one_bit": ONE_BIT,
}


@pytest.mark.icarus
@pytest.mark.parametrize("name", CONFIGS)
def test_hardware(name: str, tmp_path: Path) -> None:
    network = prepare(settled(Mixed().eval()), images(), CONFIGS[name], name)
    serial.save(convert(network), tmp_path / "net.hwq")
    program = serial.load(tmp_path / "net.hwq")
    found = checked(Target(multipliers=48).plan(program), tmp_path / "build", samples=1)
    assert found.passed, found.trouble
