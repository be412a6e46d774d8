"""The Python interface: one function for each command of `hwq`, with the same name."""

from hwq.api.building import build, default_simulator, doctor, generate, on_device, report, verify
from hwq.api.comparing import diff
from hwq.api.exporting import export
from hwq.api.loading import load_program, save_program
from hwq.api.quantising import analyze, explore, quantize, weight_only
from hwq.api.simulating import Engine, inspect, simulate
from hwq.api.streaming import simulate_files, simulate_stream
from hwq.api.synthesising import synth
from hwq.api.vectors import vectors
from hwq.frontend.cut import Cut
from hwq.hw.device import device, devices
from hwq.hw.target import Target
from hwq.report.junit import junit
from hwq.sim import Simulator, exactness
from hwq.verify.native import NativeSimulator

__all__ = [
    "Cut", "Engine", "NativeSimulator", "Simulator", "Target", "analyze", "build", "default_simulator", "device",
    "devices", "diff", "doctor", "exactness", "explore", "export", "generate", "inspect", "junit", "load_program",
    "on_device", "quantize", "report", "save_program", "simulate", "simulate_files", "simulate_stream", "synth",
    "vectors", "verify", "weight_only",
]  # fmt: skip
