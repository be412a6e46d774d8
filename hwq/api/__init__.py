"""The Python interface: one function for each command of `hwq`, with the same name."""

from hwq.api.building import build, default_simulator, doctor, generate, report, verify
from hwq.api.quantising import analyze, explore, quantize, weight_only
from hwq.api.simulating import inspect, simulate
from hwq.hw.target import Target

__all__ = [
    "Target", "analyze", "build", "default_simulator", "doctor", "explore", "generate", "inspect", "quantize", "report",
    "simulate", "verify", "weight_only",
]  # fmt: skip
