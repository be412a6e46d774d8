"""How far the integers of each layer are from the float network."""

from __future__ import annotations

import math

import numpy as np

from hwq.ir.program import Program
from hwq.quant.calibration import Calibration
from hwq.sim import Simulator


class SignalToNoise:
    """Streaming signal-to-quantisation-noise ratio of each tensor, in dB."""

    def __init__(self) -> None:
        self.signal: dict[str, float] = {}
        self.noise: dict[str, float] = {}

    def update(self, name: str, real: np.ndarray, got: np.ndarray) -> None:
        """Take in float values and what the integers stand for."""
        self.signal[name] = self.signal.get(name, 0.0) + float((real.astype(np.float64) ** 2).sum())
        self.noise[name] = self.noise.get(name, 0.0) + float(((real - got) ** 2).sum())

    def decibels(self) -> dict[str, float | None]:
        """10 log10(signal / noise) for each tensor, None where there was no noise or no signal."""
        return {name: decibel(self.signal[name], self.noise[name]) for name in self.signal}


def decibel(signal: float, noise: float) -> float | None:
    """10 log10(signal / noise), None where one of them is zero."""
    return 10.0 * math.log10(signal / noise) if signal and noise else None


def layer_errors(program: Program, data: Calibration) -> dict[str, float | None]:
    """SQNR in dB of every tensor that an operation makes, on calibration data."""
    ratio = SignalToNoise()
    inputs = list(program.input_types)
    simulator = Simulator(program, keep_all=True)
    for reals in data.batches(data.tensors):
        integers = {name: program.formats[name].quantise(reals[name], program.types[name]) for name in inputs}
        values = simulator(integers)
        for name in data.tensors:
            if name not in inputs:
                ratio.update(name, reals[name], program.formats[name].dequantise(values[name]))
    return ratio.decibels()
