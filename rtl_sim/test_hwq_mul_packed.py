"""hwq_mul_packed against Python's products: every operand of small widths, corners and random ones of larger ones."""

import random
from itertools import product
from typing import Any

import cocotb
from engine import act_range
from products import check_products
from streams import params

EVERY = 1 << 14
"""Combinations of operands up to which all are tried."""


def _case(n: int, a: int, b: int, **others: Any) -> dict[str, Any]:
    """`n` products of `a` and `b` bits with the narrowest fields: a factor that is never lowest saves a bit."""
    narrow = others.pop("narrow", False)
    return {"PACK": n, "A_W": a, "B_W": b, "P_W": a + b - narrow, **others}


CASES: list[dict[str, Any]] = [
    _case(2, 3, 3),
    _case(2, 4, 3, narrow=True, unsigned=1),
    _case(2, 3, 4, narrow=True, LOWEST=0),
    _case(3, 2, 3),
    _case(4, 3, 2, narrow=True, LOWEST=0),
    _case(1, 3, 3),
    _case(2, 8, 8),
    _case(2, 9, 8, narrow=True, unsigned=1),
    _case(3, 5, 4, narrow=True, unsigned=1),
    _case(4, 4, 4, narrow=True, LOWEST=0),
    _case(2, 9, 4, narrow=True, unsigned=1, family="ecp5"),
    _case(2, 4, 4, family="ecp5"),
]


def operands(case: dict[str, Any]) -> list[tuple[int, ...]]:
    """Operands (a, b[0], .. b[PACK-1]): all where they are few, else all extremes and random ones."""
    low, high = act_range(case["A_W"], 1)
    a = range(0 if case.get("unsigned") else low, high + 1)
    low, high = act_range(case["B_W"], 1)
    b = range(low if case.get("LOWEST", 1) else low + 1, high + 1)
    if len(a) * len(b) ** case["PACK"] <= EVERY:
        return list(product(a, *[b] * case["PACK"]))
    corners = [sorted({values[0], -1 if values[0] else 0, 0, 1, values[-1]}) for values in (a, b)]
    source = random.Random(2)
    found = list(product(corners[0], *[corners[1]] * case["PACK"]))
    return found + [(source.choice(a), *source.choices(b, k=case["PACK"])) for _ in range(2000)]


@cocotb.test()
async def multiplies(dut: Any) -> None:
    """All operands, one set a cycle."""
    case = params()
    await check_products(dut, operands(case), case, case["PACK"])
