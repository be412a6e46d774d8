"""The simulator: the loop over a program that defines what the hardware must compute, and its fast form."""

from hwq.sim.fast import Simulator, exactness, simulate_fast
from hwq.sim.plain import simulate_plain

__all__ = ["Simulator", "exactness", "simulate_fast", "simulate_plain"]
