"""hwq_matmul against plain integers: folds, partial folds and beats, heads, zero points, all widths and roundings."""

import random
from typing import Any

import cocotb
from engine import act_range, check_engine, factor, live_masks, requantised
from streams import STALLS, pack, params

HEADS = 6
_S8: dict[str, int] = {"OUT_W": 8, "ZERO": 0, "QMIN": -128, "QMAX": 127}
_U8: dict[str, int] = {"OUT_W": 8, "ZERO": 5, "QMIN": 5, "QMAX": 255}
_U4: dict[str, int] = {"OUT_W": 4, "ZERO": 0, "QMIN": 0, "QMAX": 15}
_S16: dict[str, int] = {"OUT_W": 16, "ZERO": -100, "QMIN": -32768, "QMAX": 32767}


def _case(
    shape: tuple[int, int, int],
    pe: int,
    simd: int,
    rq: int,
    a: str = "s8",
    b: str = "s8",
    zeros: tuple[int, int] = (0, 0),
    rounding: int = 1,
    m_w: int = 8,
    out: dict[str, int] = _S8,
    **others: int,
) -> dict[str, int]:
    """One case of shape (T, N, K): ACC_W just holds the worst sum, SHIFT spreads the outputs over OUT_W."""
    t, n, k = shape
    least, most = _ends(k, *(act_range(int(x[1:]), x[0] == "s") for x in (a, b)), zeros)
    acc_w = max(2, most.bit_length() + 1, (~least).bit_length() + 1 if least < 0 else 2)
    return {
        "T": t, "N": n, "K": k, "PE": pe, "SIMD": simd, "RQ": rq,
        "A_W": int(a[1:]), "A_SIGNED": int(a[0] == "s"), "ZERO_A": zeros[0],
        "B_W": int(b[1:]), "B_SIGNED": int(b[0] == "s"), "ZERO_B": zeros[1],
        "ACC_W": acc_w, "MUL_EN": int(m_w > 0), "M_W": max(m_w, 1), "MUL": (3 << m_w) // 4 or 1,
        "SHIFT": max(acc_w - 4 + m_w - out["OUT_W"], 0), "ROUND": rounding, **out, **others,
    }  # fmt: skip


def _ends(k: int, a: tuple[int, int], b: tuple[int, int], zeros: tuple[int, int]) -> tuple[int, int]:
    """The least and the greatest sum of k products."""
    products = [(x - zeros[0]) * (y - zeros[1]) for x in a for y in b]
    return k * min(products), k * max(products)


CASES: list[dict[str, int]] = [
    _case((3, 7, 10), 3, 4, 1, "u8", "s8", (17, -5)),
    _case((5, 4, 6), 2, 2, 2, rounding=2),
    # whole folds and beats, one PE, one lane, all at once
    _case((4, 4, 4), 4, 4, 4),
    _case((4, 5, 3), 1, 1, 1, rounding=3),
    _case((2, 3, 5), 3, 5, 3, m_w=0),
    _case((3, 8, 6), 4, 2, 2, m_w=2, MANT_W=1, MUL=1),
    _case((3, 5, 6), 4, 2, 2, m_w=5, MANT_W=3, MUL=6),
    # one of everything, alone and together
    _case((1, 1, 1), 1, 1, 1),
    _case((1, 6, 3), 4, 2, 2),
    _case((7, 1, 5), 1, 2, 1),
    _case((5, 5, 1), 2, 1, 2, rounding=0),
    # loading is slower than multiplying, as fast, and the output is slowest
    _case((2, 9, 4), 9, 2, 9),
    _case((6, 6, 4), 1, 2, 1),
    _case((4, 6, 6), 6, 3, 3),
    _case((11, 13, 7), 5, 3, 5),
    # widths and zero points at the ends of their types
    _case((3, 4, 5), 3, 2, 3, "u16", "u16", (65535, 0), out=_S16, m_w=16),
    _case((2, 3, 4), 2, 3, 1, "s16", "s16", (-32768, 32767), out=_S16, m_w=16, rounding=3),
    _case((3, 3, 4), 2, 3, 2, "u1", "s2", out=_U4, m_w=0),
    _case((4, 3, 9), 2, 4, 2, "u1", "u1", (1, 0), out=_U4, m_w=0, SHIFT=0),
    _case((3, 4, 5), 3, 2, 3, "u8", "u8", (0, 255), out=_U8, rounding=2),
    _case((3, 4, 5), 3, 2, 3, "s8", "s8", (127, -128), out=_U8),
    _case((2, 2, 3), 2, 2, 1, ACC_W=52, m_w=16, SHIFT=14),
]


def values(source: random.Random, bits: int, signed: int, count: int) -> list[int]:
    """`count` values of a type, its least and greatest more often than the others."""
    low, high = act_range(bits, signed)
    return [source.choice([low, high, source.randint(low, high)]) for _ in range(count)]


def words(source: random.Random, row: list[int], lanes: int, bits: int) -> list[int]:
    """The beats of a row; lanes beyond it hold anything."""
    filled = row + [source.getrandbits(bits) for _ in range(-len(row) % lanes)]
    return [pack(filled[first : first + lanes], bits) for first in range(0, len(filled), lanes)]


def head(case: dict[str, Any], source: random.Random) -> tuple[list[int], list[int], list[int]]:
    """Random beats of one head of a and of b, and the output beats they have to give."""
    rows: dict[str, list[list[int]]] = {}
    beats: dict[str, list[int]] = {}
    for name, count in (("A", case["T"]), ("B", case["N"])):
        bits, signed = case[f"{name}_W"], case[f"{name}_SIGNED"]
        rows[name] = [values(source, bits, signed, case["K"]) for _ in range(count)]
        beats[name] = [word for row in rows[name] for word in words(source, row, case["SIMD"], bits)]
    results = []
    for left in rows["A"]:
        sums = [
            sum((x - case["ZERO_A"]) * (y - case["ZERO_B"]) for x, y in zip(left, right, strict=True))
            for right in rows["B"]
        ]
        pixel = [requantised(total, factor(case["MUL"], case), case) for total in sums]
        results += [pack(pixel[n : n + case["RQ"]], case["OUT_W"]) for n in range(0, len(pixel), case["RQ"])]
    return beats["A"], beats["B"], results


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def multiplies(dut: Any, pattern: str) -> None:
    """Heads back to back; with nothing stalled, latency and rate are what the header says."""
    case: dict[str, Any] = params()
    source = random.Random(3)
    heads = [head(case, source) for _ in range(HEADS)]
    a, b, expected = ([word for beats in parts for word in beats] for parts in zip(*heads, strict=True))
    masks = live_masks(case["N"], case["RQ"], case["OUT_W"])
    cycles = await check_engine(dut, pattern, {"a_axis": a, "b_axis": b}, expected, masks, 0)
    if pattern == "free":
        steps, folds = -(-case["K"] // case["SIMD"]), -(-case["N"] // case["PE"])
        latency = 6 + (case["SIMD"] - 1).bit_length() + (1 if case["PE"] == case["RQ"] else 2)
        latency += 5 if case["MUL_EN"] else 3
        assert cycles[0] == max(case["N"] * steps, 6) + steps + latency + 1
        beats = case["T"] * len(masks)
        slowest = max(case["T"] * folds * steps, case["N"] * steps, beats)
        assert cycles[-1] - cycles[2 * beats - 1] == (HEADS - 2) * slowest
