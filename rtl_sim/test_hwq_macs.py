"""hwq_macs against plain integers: sums of each fold, in order, and when they leave."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from engine import act_range, powers
from streams import STALLS, pack, params, read, reset, start_clock, unpack

ROUNDS = 6
"""Times that all CHANNELS sums are made."""


def _case(pe: int, simd: int, sf: int, channels: int, rq: int, **others: int) -> dict[str, Any]:
    """One case; `sf` beats a fold and ACC_W that holds every sum and a start as large."""
    case = {"ACT_W": 8, "ACT_SIGNED": 1, "WGT_W": 8, **others}
    acc_w = case["ACT_W"] + case["WGT_W"] + (simd * sf).bit_length() + 1
    folds = -(-channels // pe)
    return {"PE": pe, "SIMD": simd, "sf": sf, "NF": folds, "CHANNELS": channels, "RQ": rq, "ACC_W": acc_w, **case}


CASES: list[dict[str, Any]] = [
    _case(4, 3, 4, 10, 1),
    _case(4, 2, 2, 7, 2, ACT_SIGNED=0, DEPTHWISE=1),
    _case(1, 1, 1, 1, 1),
    _case(3, 5, 1, 7, 3),
    _case(6, 1, 3, 6, 2, ACT_W=1, ACT_SIGNED=0, WGT_W=2),
    _case(2, 7, 2, 5, 1, ACT_W=17, WGT_W=17),
    _case(3, 2, 3, 8, 1, TERMS=2, CODE_W=8),
    _case(3, 7, 3, 8, 1, ACT_W=1, ACT_SIGNED=0, WGT_W=1, BINARY=1),
    _case(2, 1, 3, 5, 1, ACT_W=1, ACT_SIGNED=0, WGT_W=1, BINARY=1),
    _case(4, 2, 2, 4, 4, ACT_W=1, ACT_SIGNED=0, WGT_W=1, BINARY=1, DEPTHWISE=1),
    _case(4, 3, 4, 10, 1) | {"family": "ecp5"},
    _case(4, 3, 4, 10, 1) | {"family": "ice40"},
    _case(4, 3, 4, 10, 1, PACK=2),
    _case(5, 2, 2, 8, 5, ACT_SIGNED=0, PACK=2, LOWEST=0),
    _case(7, 3, 3, 9, 7, ACT_W=4, WGT_W=4, PACK=4, LOWEST=0),
    _case(3, 2, 3, 3, 1, ACT_W=4, ACT_SIGNED=0, WGT_W=4, PACK=3) | {"family": "ecp5"},
    _case(4, 3, 4, 10, 1, LOGIC=1),
    _case(4, 2, 2, 7, 2, ACT_SIGNED=0, WGT_W=5, DEPTHWISE=1, LOGIC=1),
]


def extremes_and_others(source: random.Random, bits: int, signed: int, count: int) -> list[int]:
    """`count` values of a type, its least and greatest more often than the others."""
    low, high = act_range(bits, signed)
    return [source.choice([low, high, source.randint(low, high)]) for _ in range(count)]


def weight(code: int, case: dict[str, int]) -> int:
    """What a code stands for."""
    terms = case.get("TERMS", 0)
    return sum(powers(code, terms, case["CODE_W"] // terms)) if terms else code


def product(x: int, code: int, case: dict[str, int]) -> int:
    """What a lane adds to its sum; of bits minus their XOR."""
    return -(x ^ (code & 1)) if case.get("BINARY") else x * weight(code, case)


def beat(source: random.Random, case: dict[str, int]) -> tuple[list[int], list[int]]:
    """Random activations and codes of one beat."""
    lanes = case["SIMD"] * (case["PE"] if case.get("DEPTHWISE") else 1)
    acts = extremes_and_others(source, case["ACT_W"], case["ACT_SIGNED"], lanes)
    count = case["PE"] * case["SIMD"]
    if not case.get("TERMS"):
        weights = extremes_and_others(source, case["WGT_W"], 1, count)
        return acts, weights if case.get("LOWEST", 1) else [max(w, 1 - (1 << (case["WGT_W"] - 1))) for w in weights]
    codes: list[int] = []
    while len(codes) < count:
        code = source.getrandbits(case["CODE_W"])
        if abs(weight(code, case)) < 1 << (case["WGT_W"] - 1):
            codes.append(code)
    return acts, codes


@cocotb.test()
@cocotb.parametrize(pattern=["free", "starved", "random"])
async def sums(dut: Any, pattern: str) -> None:
    """Folds with and without gaps between their beats; starts come from a memory of two cycles."""
    case = params()
    source = random.Random(5)
    pe, simd, rq, sf_n = case["PE"], case["SIMD"], case["RQ"], case["sf"]
    code_w = case.get("CODE_W", case["WGT_W"])
    most = (1 << (case["ACC_W"] - 2)) - 1
    starts = [[source.choice([-most, most, source.randint(-most, most)]) for _ in range(pe)] for _ in range(case["NF"])]
    expected: list[int | None] = []
    beats: list[tuple[int, int, list[int], list[int]]] = []
    for _ in range(ROUNDS):
        done: list[int] = []
        for nf in range(case["NF"]):
            total = list(starts[nf])
            for sf in range(sf_n):
                acts, codes = beat(source, case)
                beats.append((int(sf == 0), int(sf == sf_n - 1), acts, codes))
                for p in range(pe):
                    seen = acts[p::pe] if case.get("DEPTHWISE") else acts
                    total[p] += sum(product(x, w, case) for x, w in zip(seen, codes[p * simd :], strict=False))
            done += total
        expected += done[: case["CHANNELS"]] + [None] * (-case["CHANNELS"] % rq)

    dut.valid.value = 0
    start_clock(dut)
    await reset(dut)
    levels = (simd - 1).bit_length()
    latency = (max(4, 2 + levels) if case.get("BINARY") else 4 + levels) + (1 if pe > rq else 0)
    lasts: list[int] = []
    came: list[int] = []
    early: list[int] = []
    got: list[int | None] = []
    folds = [0, 0]
    for cycle in range(100 * len(beats)):
        if len(came) * rq == len(expected):
            break
        offered = bool(beats) and source.random() >= STALLS[pattern][0]
        dut.valid.value = int(offered)
        if offered:
            first, last, acts, codes = beats.pop(0)
            dut.first.value, dut.last.value = first, last
            dut.acts.value, dut.weights.value = pack(acts, case["ACT_W"]), pack(codes, code_w)
            if last:
                lasts.append(cycle)
        dut.start.value = pack(starts[folds[0]], case["ACC_W"])
        await RisingEdge(dut.clk)
        folds = [folds[1], read(dut.fold)]
        early.append(read(dut.early))
        if read(dut.valid_o):
            came.append(cycle)
            got += unpack(read(dut.acc_o), case["ACC_W"], rq, signed=True)
    assert [None if want is None else value for value, want in zip(got, expected, strict=True)] == expected
    assert came == [cycle + 2 for cycle, flag in enumerate(early) if flag]
    assert {last + latency for last in lasts} <= set(came) and came[0] == lasts[0] + latency
