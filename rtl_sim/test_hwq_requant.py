"""hwq_requant against exact fractions: every value of a small accumulator, ties and extremes of wide ones."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from engine import Params, act_range, factor, requantised
from streams import pack, params, reset, start_clock, unpack

_S8: dict[str, int | str] = {"OUT_W": 8, "QMIN": -128, "QMAX": 127, "ZERO": 0}
_U8: dict[str, int | str] = {"OUT_W": 8, "QMIN": 0, "QMAX": 255, "ZERO": 3}
_RELU: dict[str, int | str] = {"OUT_W": 8, "QMIN": -7, "QMAX": 100, "ZERO": -7}
_U16: dict[str, int | str] = {"OUT_W": 16, "QMIN": 0, "QMAX": 65535, "ZERO": 65535}
_FAR: dict[str, int | str] = {"OUT_W": 8, "QMIN": 0, "QMAX": 255, "ZERO": -200}
_S16: dict[str, int | str] = {"OUT_W": 16, "QMIN": -32768, "QMAX": 32767, "ZERO": -32768}
_S32: dict[str, int | str] = {"OUT_W": 32, "QMIN": -(1 << 31), "QMAX": (1 << 31) - 1, "ZERO": -(1 << 31)}
_U32: dict[str, int | str] = {"OUT_W": 32, "QMIN": 0, "QMAX": (1 << 32) - 1, "ZERO": 1 << 31}
_U32_FAR: dict[str, int | str] = {"OUT_W": 32, "QMIN": 7, "QMAX": (1 << 32) - 2, "ZERO": -(1 << 32)}


def _case(
    acc_w: int, m_w: int, shift: int, rounding: int, out: dict[str, int | str], lanes: int = 4
) -> dict[str, int | str]:
    """One case; M_W = 0 stands for no multiplier."""
    return {
        "LANES": lanes,
        "ACC_W": acc_w,
        "MUL_EN": int(m_w > 0),
        "M_W": max(m_w, 1),
        "SHIFT": shift,
        "ROUND": rounding,
        **out,
    }


CASES: list[dict[str, int | str]] = [
    _case(24, 16, 22, 1, _S8),
    _case(48, 16, 46, 2, _S8, lanes=2),
    *[_case(10, 0, 3, rounding, _S8) for rounding in range(4)],
    *[_case(9, 4, 5, rounding, _RELU) for rounding in range(4)],
    *[_case(20, 0, 0, rounding, _U8) for rounding in (1, 2)],
    *[_case(8, 0, 46, rounding, _S8, lanes=1) for rounding in (1, 2, 3)],
    *[_case(8, 0, 7, rounding, _U8) for rounding in (1, 2, 3)],
    _case(8, 0, 7, 1, _FAR),
    _case(15, 0, 7, 1, _FAR),
    *[_case(48, 0, 30, rounding, _S16) for rounding in (0, 3)],
    *[_case(18, 16, 18, rounding, _U16) for rounding in (0, 2)],
    *[_case(19, 16, 0, rounding, _S16, lanes=1) for rounding in (1, 3)],
    *[_case(35, 8, 30, rounding, _RELU) for rounding in (1, 3)],
    *[_case(36, 16, 40, rounding, _U8) for rounding in (1, 3)],
    *[_case(9, 2, 4, rounding, _RELU) | {"MANT_W": 1} for rounding in range(4)],
    _case(24, 4, 20, 1, _S8) | {"MANT_W": 1},
    *[_case(9, 3, 5, rounding, _RELU) | {"MANT_W": 2} for rounding in range(4)],
    *[_case(10, bits, 4, 2, _S8) | {"MANT_W": bits} for bits in range(1, 5)],
    _case(20, 6, 22, 3, _S16) | {"MANT_W": 3},
    *[_case(24, 0, 0, 1, _S32), _case(40, 0, 9, 3, _S32), _case(34, 16, 15, 2, _U32), _case(20, 16, 0, 1, _U32_FAR)],
    *[_case(24, 24, 40, rounding, _S8) for rounding in (1, 2)],
    _case(52, 24, 46, 3, _S16, lanes=1),
    *[_case(52, 7, 46, rounding, _S16, lanes=2) | {"MANT_W": 4} for rounding in (1, 2)],
]


def stimuli(case: Params) -> list[tuple[int, int]]:
    """Accumulators and multipliers: all accumulators if they are few, else ties, extremes and random ones."""
    source = random.Random(1)
    low, high = act_range(case["ACC_W"], 1)
    top = (1 << case["M_W"]) - 1 if case["MUL_EN"] else 1
    bottom = 0 if case["MUL_EN"] else 1
    if case["ACC_W"] <= 10:
        muls = sorted({bottom, 1, top, top // 2}) if case["MUL_EN"] else [1]
        return [(acc, mul) for mul in muls for acc in range(low, high + 1)]
    pairs = [(acc, mul) for acc in (low, low + 1, -1, 0, 1, high - 1, high) for mul in (bottom, 1, top)]
    span = case["QMAX"] - case["QMIN"] + 6
    for _ in range(400):
        power = source.randrange(case["M_W"]) if case["MUL_EN"] else 0
        mul = 1 << power if source.random() < 0.5 else source.randint(bottom, top)
        twice = 2 * (source.randint(case["QMIN"] - 3, case["QMIN"] + span) - case["ZERO"]) + 1
        tie = (twice << case["SHIFT"]) // max(2 * factor(mul, case), 1)
        pairs.append((min(max(tie + source.randint(-1, 1), low), high), mul))
        pairs.append((source.randint(low, high), mul))
    return pairs


@cocotb.test()
async def requantises(dut: Any) -> None:
    """Every pair gives its value after the latency of the mode, also with gaps between the beats."""
    case = params()
    lanes = case["LANES"]
    pairs = stimuli(case)
    pairs += [(0, 1)] * (-len(pairs) % lanes)
    groups = [pairs[first : first + lanes] for first in range(0, len(pairs), lanes)]
    latency = 5 if case["MUL_EN"] else 3
    gaps = random.Random(2)
    dut.valid_i.value = 0
    start_clock(dut)
    await reset(dut)
    waiting = list(groups)
    sent: list[bool] = []
    got: list[list[int]] = []
    while len(got) < len(groups):
        valid = bool(waiting) and gaps.random() < 0.8
        dut.valid_i.value = int(valid)
        if valid:
            group = waiting.pop(0)
            dut.acc.value = pack([acc for acc, _ in group], case["ACC_W"])
            dut.mul.value = pack([mul for _, mul in group], case["M_W"])
        sent.append(valid)
        await RisingEdge(dut.clk)
        due = len(sent) > latency and sent[-1 - latency]
        assert int(dut.valid_o.value) == due
        if due:
            got.append(unpack(int(dut.y.value), case["OUT_W"], lanes, signed=case["QMIN"] < 0))
    for group, values in zip(groups, got, strict=True):
        want = [requantised(acc, factor(mul, case), case) for acc, mul in group]
        assert values == want, f"(acc, mul) {group}: got {values}, want {want}"
