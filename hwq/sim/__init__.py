"""The simulator: the loop over a program that defines what the hardware must compute, and its fast form."""

from hwq.sim.fast import simulate_fast
from hwq.sim.plain import simulate_plain

__all__ = ["simulate_fast", "simulate_plain"]
