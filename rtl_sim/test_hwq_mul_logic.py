"""hwq_mul_logic against Python's products: every operand of small widths, corners and random ones of larger ones."""

import random
from itertools import product
from typing import Any

import cocotb
from engine import act_range
from products import check_products
from streams import params

EVERY = 1 << 13
"""Pairs of operands up to which all are tried."""


def _case(count: int, a: int, b: int) -> dict[str, Any]:
    return {"COUNT": count, "A_W": a, "B_W": b}


CASES: list[dict[str, Any]] = [
    _case(3, 9, 8),
    _case(1, 1, 5),
    _case(2, 2, 6),
    _case(3, 6, 1),
    _case(2, 9, 2),
    _case(1, 5, 3),
    _case(2, 5, 4),
    _case(3, 4, 5),
    _case(1, 6, 6),
    _case(2, 6, 7),
    _case(2, 4, 9),
    _case(1, 3, 10),
    _case(2, 8, 13),
    _case(2, 17, 16),
]


def operands(case: dict[str, Any]) -> list[tuple[int, ...]]:
    """Operands (a, b[0], .. b[COUNT-1]): all pairs where they are few, else all extremes and random ones."""
    low, high = act_range(case["A_W"], 1)
    least, most = act_range(case["B_W"], 1)
    source = random.Random(2)
    if (high - low + 1) * (most - least + 1) <= EVERY:
        pairs = list(product(range(low, high + 1), range(least, most + 1)))
    else:
        corners = product((low, low + 1, -1, 0, 1, high), (least, least + 1, -1, 0, 1, most))
        others = [(source.randint(low, high), source.randint(least, most)) for _ in range(2000)]
        pairs = [*corners, *others]
    return [(a, b, *(source.randint(least, most) for _ in range(case["COUNT"] - 1))) for a, b in pairs]


@cocotb.test()
async def multiplies(dut: Any) -> None:
    """All operands, one set a cycle."""
    case = params()
    await check_products(dut, operands(case), case, case["COUNT"])
