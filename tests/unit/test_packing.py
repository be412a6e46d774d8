"""Packing: how many products a multiplier block holds, that they can be told apart, and what plans count."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from builds import plan_with
from nets import conv, dense, depthwise, matmul, program, tensor

from hwq.errors import BadInput
from hwq.hw.device import device
from hwq.hw.folding_file import folding_text
from hwq.hw.netlist import Instance
from hwq.hw.packing import multiplied, packed, packed_widths, reaches_lowest, shares
from hwq.ir.window import Window
from hwq.ops import Codebook, Linear, PowerSums

K1 = Window((1, 1))
FAMILIES = {name: device(name).family for name in ("ice40up5k", "ecp5-85f", "gw2a-18", "artix7-35t", "zu3eg", "asic")}


def layer(bits: int, wbits: int, signed: bool, lowest: bool) -> Linear:
    """A convolution whose weights reach the lowest value of their width, or stop above it."""
    op = conv(tensor(2, 2, 3, bits=bits, signed=signed), 4, K1, wbits=wbits)
    return op if lowest else replace(op, weight=np.maximum(op.weight, 1 - (1 << (wbits - 1))))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("lowest", [False, True])
@pytest.mark.parametrize(("bits", "wbits", "count"), [(2, 3, 2), (3, 2, 3), (2, 2, 4), (4, 3, 2)])
def test_products_can_be_told_apart(bits: int, wbits: int, count: int, signed: bool, lowest: bool) -> None:
    """All weights and activations of small widths: the factors fit, and so does each product into its field."""
    op, x = layer(bits, wbits, signed, lowest), tensor(2, 2, 3, bits=bits, signed=signed)
    assert reaches_lowest(op) == lowest
    wide, narrow = packed_widths(op, x, count)
    field = packed_widths(op, x, 2)[0] - packed_widths(op, x, 1)[0]
    low, high = x.range
    weights = range(-(1 << (wbits - 1)) + (not lowest), 1 << (wbits - 1))
    assert -(1 << (narrow - 1)) <= low and high < 1 << (narrow - 1)
    for chosen in product((weights[0], 0, weights[-1]), repeat=count):
        assert -(1 << (wide - 1)) <= sum(w << (field * i) for i, w in enumerate(chosen)) < 1 << (wide - 1)
    products = [w * a for w in weights for a in range(low, high + 1)]
    assert -(1 << (field - 1)) <= min(products) and max(products) < 1 << (field - 1)
    if wbits > 2:
        assert max(-min(products) - 1, max(products)) >= 1 << (field - 2), "a narrower field would do"


@pytest.mark.parametrize(
    ("bits", "signed", "wbits", "lowest", "counts"),
    [
        (8, False, 8, True, (1, 1, 1, 2, 2, 1)),
        (8, True, 8, False, (1, 1, 1, 2, 2, 1)),
        (8, False, 4, False, (2, 2, 2, 2, 2, 1)),
        (8, False, 4, True, (1, 2, 2, 2, 2, 1)),
        (4, False, 4, True, (2, 2, 2, 3, 3, 1)),
        (4, True, 4, False, (2, 3, 3, 4, 4, 1)),
        (4, False, 2, True, (3, 3, 3, 4, 5, 1)),
        (16, True, 8, True, (1, 1, 1, 1, 1, 1)),
    ],
)
def test_blocks_hold_so_many(bits: int, signed: bool, wbits: int, lowest: bool, counts: tuple[int, ...]) -> None:
    op, x = layer(bits, wbits, signed, lowest), tensor(2, 2, 3, bits=bits, signed=signed)
    assert tuple(packed(op, x, family) for family in FAMILIES.values()) == counts


def test_a_factor_may_be_as_wide_as_its_side_of_a_block() -> None:
    """Three weights of 4 bits, 8 apart, and one more bit as each may be the lowest; an activation of 4 bits and a 0."""
    op, x = layer(4, 4, False, True), tensor(2, 2, 3, bits=4, signed=False)
    family = FAMILIES["artix7-35t"]
    assert packed_widths(op, x, 3) == (21, 5)
    counts = {dsp: packed(op, x, replace(family, dsp=dsp)) for dsp in ((21, 5), (20, 5), (21, 4), (5, 21))}
    assert counts == {(21, 5): 3, (20, 5): 2, (21, 4): 1, (5, 21): 3}


def test_what_shares_nothing_is_not_packed() -> None:
    x, family = tensor(3, 3, 4), FAMILIES["artix7-35t"]
    assert not shares(depthwise(x, K1), x) and not shares(matmul(tensor(1, 3, 4), tensor(1, 5, 4)), x)
    assert packed(depthwise(x, K1), x, family) == 1
    assert not shares(conv(x, 4, K1, coding=PowerSums(2)), x)
    bits = tensor(3, 3, 4, bits=1, signed=False)
    assert not shares(conv(bits, 4, K1, wbits=2, coding=Codebook(np.array([-1, 1]))), bits)
    assert shares(dense(x, 4, coding=Codebook(np.array([-128, 0, 5, 9]))), x)


def test_the_lowest_entry_of_a_table_counts() -> None:
    op = dense(tensor(1, 1, 4), 4, coding=Codebook(np.array([-128, 0, 5, 9])))
    assert reaches_lowest(replace(op, weight=np.maximum(op.weight, 0)))


@pytest.mark.parametrize(("pe", "pack", "blocks"), [(4, 1, 12), (4, 2, 6), (5, 2, 9), (5, 3, 6)])
def test_a_plan_counts_blocks_apart_from_multipliers(pe: int, pack: int, blocks: int) -> None:
    x = tensor(3, 3, 3)
    net = program([conv(x, 6, K1)], {"a": x})
    plan = plan_with(net, {"y": {"pe": pe, "simd": 3, "rq": pe, "window": "serial", "pack": pack}})
    assert (plan.multipliers, plan.multiplier_blocks) == (3 * pe, blocks)
    array = next(part for part in plan.net.parts if isinstance(part, Instance) and part.module == "hwq_mvau")
    assert (array.params.get("PACK", 1), array.params.get("LOWEST")) == (pack, 1 if pack > 1 else None)


@pytest.mark.parametrize(("pack", "text"), [(0, "expected 1 to 2"), (3, "expected 1 to 2"), ("2", "expected 1 to 2")])
def test_a_folding_file_is_checked(pack: object, text: str) -> None:
    x = tensor(3, 3, 3)
    net = program([conv(x, 6, K1)], {"a": x})
    with pytest.raises(BadInput, match=text):
        plan_with(net, {"y": {"pe": 2, "simd": 3, "rq": 2, "window": "serial", "pack": pack}})


def test_a_depthwise_layer_is_not_packed() -> None:
    x = tensor(3, 3, 4)
    net = program([depthwise(x, K1)], {"a": x})
    with pytest.raises(BadInput, match="no factor in common"):
        plan_with(net, {"y": {"pe": 2, "rq": 2, "window": "serial", "pack": 2}})


def test_products_from_luts_take_no_block() -> None:
    x = tensor(3, 3, 3)
    net = program([conv(x, 6, K1)], {"a": x})
    entry = {"pe": 4, "simd": 3, "rq": 4, "window": "serial", "multiplier": "logic"}
    plan = plan_with(net, {"y": entry})
    assert (plan.multipliers, plan.multiplier_blocks, folding_text(plan.folds)["y"]) == (12, 0, entry)
    array = next(part for part in plan.net.parts if isinstance(part, Instance) and part.module == "hwq_mvau")
    assert (array.params["LOGIC"], "PACK" in array.params) == (1, False)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"multiplier": "luts"}, "multiplier is 'luts', expected auto or logic or adders here"),
        ({"multiplier": 3}, "multiplier is 3, expected auto or logic or adders here"),
        ({"multiplier": "logic", "pack": 2}, "multiplier is logic and pack 2, expected pack 1"),
    ],
)
def test_a_multiplier_of_a_folding_file_is_checked(more: dict[str, object], text: str) -> None:
    x = tensor(3, 3, 3)
    net = program([conv(x, 6, K1)], {"a": x})
    with pytest.raises(BadInput, match=text):
        plan_with(net, {"y": {"pe": 2, "simd": 3, "rq": 2, "window": "serial"} | more})


def test_what_has_no_multipliers_has_none_of_luts() -> None:
    x, bits = tensor(3, 3, 4), tensor(3, 3, 4, bits=1, signed=False)
    ops = (conv(x, 4, K1, coding=PowerSums(2)), conv(bits, 4, K1, wbits=2, coding=Codebook(np.array([-1, 1]))))
    for op, source in zip(ops, (x, bits), strict=True):
        assert not multiplied(op, source)
        with pytest.raises(BadInput, match="multiplier is 'logic', expected auto or adders here"):
            plan_with(
                program([op], {"a": source}),
                {"y": {"pe": 2, "simd": 2, "rq": 2, "window": "serial", "multiplier": "logic"}},
            )
    assert multiplied(depthwise(x, K1), x) and not multiplied(matmul(tensor(1, 3, 4), tensor(1, 5, 4)), x)
