"""Parameters of modules that several engines share."""

from __future__ import annotations

from hwq.arith import Requant
from hwq.hw.netlist import ParamValue

Params = dict[str, ParamValue]


def requant_params(requant: Requant, prefix: str = "") -> Params:
    """Parameters of rule R1, but for the multiplier."""
    bounds = {"ZERO": requant.zero_point, "QMIN": requant.qmin, "QMAX": requant.qmax}
    values: Params = {"SHIFT": requant.shift, "ROUND": int(requant.rounding)}
    values |= {name: value if abs(value) < 1 << 31 else wide(value) for name, value in bounds.items()}
    return {f"{prefix}{name}": value for name, value in values.items()}


def multiplier_params(requant: Requant) -> Params:
    """Whether rule R1 multiplies, by odd parts of how many bits (0: by plain integers), and the width of a word."""
    return {
        "MUL_EN": int(not requant.is_shift),
        "MANT_W": 0 if requant.multiplies else requant.mantissa_bits,
        "M_W": requant.word_bits,
    }


def wide(value: int) -> str:
    """A 64-bit literal, as parameters beyond 31 bits need."""
    return f"{'-' if value < 0 else ''}64'sd{abs(value)}"
