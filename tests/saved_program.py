"""A program as NET.hwq, for tests of that file."""

from __future__ import annotations

from pathlib import Path

from cases import CASES

from hwq.ir import serial

PROGRAM = CASES["conv"]["half_even-channel"]
WEIGHT = "ops.0.weight.npy"
"""The member that holds its weights."""


def saved(folder: Path) -> Path:
    path = folder / "net.hwq"
    serial.save(PROGRAM, path)
    return path
