"""Slimming: constant channels, the traps of borders, and whole networks."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from nets import add, avgpool, corners, depthwise, maxpool, pad, program, rescale, tensor
from slim_nets import EXACT, K1, SAME, X, constant, conv, dense, slimmed, some

from hwq.arith import int_range
from hwq.errors import CheckFailed
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.ops import Conv, Linear
from hwq.quant.slim import check_equal, slim


def test_constant_goes_into_the_bias() -> None:
    weight, bias = some(4, 1, 1, 3), np.array([1, 2, 3, 4])
    ops = slimmed([constant(9), conv(weight, "t", "y", bias=bias)])
    assert ops["t"].channels == 2
    assert ops["y"].weight.tolist() == weight[..., [0, 2]].tolist()
    assert ops["y"].bias.tolist() == (bias + 9 * weight[:, 0, 0, 1]).tolist()


def test_constant_goes_into_the_bias_of_a_dense_layer() -> None:
    weight = some(2, 4, 4, 3)
    ops = slimmed([constant(-3), dense(weight)])
    assert ops["t"].channels == 2
    assert ops["y"].bias.tolist() == (-3 * weight[..., 1].sum((1, 2))).tolist()


def test_clamp_makes_constants() -> None:
    """A channel with weights whose accumulator never leaves the clamp: ReLU of what is never positive."""
    weight = some(3, 1, 1, 2)
    bias = np.array([0, -128 * 40, 0])
    relu = replace(EXACT, qmin=0)
    ops = slimmed([conv(weight, bias=bias, requant=relu), conv(some(2, 3, 3, 3), "t", "y", SAME)])
    assert ops["t"].channels == 2
    highest = (np.abs(weight[1]) * np.where(weight[1] > 0, 127, 128)).sum()
    barely = np.array([0, 1 - highest, 0])
    ops = slimmed([conv(weight, bias=barely, requant=relu), conv(some(2, 3, 3, 3), "t", "y", SAME)])
    assert ops["t"].channels == 3, "one input makes it 1"


def test_intervals_are_those_of_each_channel() -> None:
    """A channel that reads constants alone is constant, though its tensor's interval is wide."""
    first = conv(np.array([[0, 0], [3, 5], [0, 0]]).reshape(3, 1, 1, 2), bias=np.array([4, 0, 6]))
    second = conv(np.array([[2, 0, 1], [1, 1, 1]]).reshape(2, 1, 1, 3), "t", "u")
    ops = slimmed([first, second, conv(some(3, 1, 1, 2), "u", "y")])
    assert (ops["t"].channels, ops["u"].channels) == (1, 1)


@pytest.mark.parametrize(("value", "border", "left"), [(5, 0, 3), (5, 5, 2), (0, 0, 2), (0, -1, 3)])
def test_border_trap(value: int, border: int, left: int) -> None:
    """A constant that meets another value in the padding is no constant for the layer that pads."""
    ops = slimmed([constant(value), conv(some(2, 3, 3, 3), "t", "y", SAME, pad_value=border)])
    assert ops["t"].channels == left


def test_border_makes_a_constant_vary() -> None:
    """A layer that reads constants alone is no constant where it meets another value in the padding."""
    read = np.zeros((3, 3, 3, 3), np.int64)
    read[0, ..., 1], read[1:] = 1, some(2, 3, 3, 3)
    for border, left in ((0, 3), (5, 2)):
        first = conv(read, "t", "u", SAME, pad_value=border)
        assert slimmed([constant(5), first, conv(some(2, 1, 1, 3), "u", "y")])["u"].channels == left


def test_border_that_no_weight_of_the_channel_meets() -> None:
    weight = some(2, 3, 3, 3)
    weight[..., 1] = 0
    weight[:, 1, 1, 1] = [7, -8]
    ops = slimmed([constant(5), conv(weight, "t", "y", SAME)])
    assert ops["t"].channels == 2 and ops["y"].bias.tolist() == [35, -40]


def test_border_that_every_position_meets_alike() -> None:
    """One pixel in the middle of its window: what the border adds is known too."""
    weight = some(2, 3, 3, 3)
    net = [conv(constant(5).weight, bias=constant(5).bias), conv(weight, "t", "y", SAME, pad_value=-7)]
    ops = slimmed(net, {"a": tensor(1, 1, 2)})
    share = 5 * weight[:, 1, 1, 1] - 7 * (weight[..., 1].sum((1, 2)) - weight[:, 1, 1, 1])
    assert ops["t"].channels == 2 and (ops["y"].bias - share).tolist() == [0, 0]


@pytest.mark.parametrize(("value", "left"), [(5, 3), (6, 2)])
def test_border_of_a_pad(value: int, left: int) -> None:
    ops = slimmed([constant(value), pad((1, 0, 0, 1), 6, source="t", name="u"), conv(some(2, 2, 2, 3), "u", "y")])
    assert ops["t"].channels == left


@pytest.mark.parametrize(("border", "left"), [(0, 3), (9, 2)])
def test_border_of_an_average(border: int, left: int) -> None:
    mean = avgpool(tensor(4, 4, 3), SAME, source="t", name="u", pad=border)
    assert slimmed([constant(9), mean, conv(some(2, 1, 1, 3), "u", "y")])["t"].channels == left


def test_constant_through_channel_operations() -> None:
    three = tensor(4, 4, 3)
    pool = maxpool(three, Window((2, 2), (2, 2), pads=(0, 0, 1, 1)), source="t", name="u")
    moved = rescale(tensor(2, 2, 3), source="u", name="v", bias=3)
    ops = slimmed([constant(9), pool, moved, dense(some(2, 2, 2, 3), "v")])
    assert ops["t"].channels == 2


def mobile() -> Program:
    """Conv, depthwise and pointwise layers with a residual sum, a pool and a classifier; half of each is dead."""
    x, eight, sixteen = tensor(6, 6, 3, bits=8), tensor(6, 6, 8), tensor(6, 6, 16)
    relu = replace(EXACT, shift=6, qmin=0)
    stem, up, down = (
        conv(some(*shape), source, name, window, requant=requant)
        for shape, source, name, window, requant in (
            ((8, 3, 3, 3), "a", "t", SAME, relu),
            ((16, 1, 1, 8), "t", "up", K1, relu),
            ((8, 1, 1, 16), "dw", "down", K1, replace(EXACT, shift=6)),
        )
    )
    each = depthwise(sixteen, SAME, name="dw", source="up", relu=True)
    dead = slice(1, None, 2)
    each.bias[:], up.bias[::2] = 0, 640  # without this ReLU kills a channel more
    for op in (stem, up, down, each):
        op.weight[dead] = 0
    joined = add(eight, eight, name="s", sources=("t", "down"))
    pool = avgpool(eight, Window((6, 6)), name="gap", source="s")
    return program([stem, up, each, down, joined, pool, dense(some(4, 1, 1, 8), "gap")], {"a": x})


def test_half_of_a_network_is_dead() -> None:
    before = mobile()
    after, saved = slim(before)
    check_equal(before, after, corners(before.input_types, 40))
    shapes = {op.name: op.weight.shape for op in after.ops if isinstance(op, Linear)}
    assert shapes == {
        "t": (4, 3, 3, 3), "up": (8, 1, 1, 4), "dw": (8, 3, 3), "down": (4, 1, 1, 8), "y": (4, 1, 1, 4),
    }  # fmt: skip
    assert [after.types[name].channels for name in ("s", "gap")] == [4, 4]
    old, new = saved.total()
    assert (old.channels, new.channels) == (8 + 16 + 16 + 8 + 4, 4 + 8 + 8 + 4 + 4)
    assert old.macs == 36 * (8 * 27 + 16 * 8 + 16 * 9 + 8 * 16) + 32
    assert new.macs == 36 * (4 * 27 + 8 * 4 + 8 * 9 + 4 * 8) + 16


def test_saved_by_hand() -> None:
    requant = replace(EXACT, multiplier=(4, 1, 1), shift=5)
    before = program([replace(constant(9), requant=requant), conv(some(2, 1, 1, 3), "t", "y")], {"a": X})
    after, saved = slim(before)
    bits = {op.name: op.acc_bits for op in after.ops if isinstance(op, Linear)}
    assert saved.describe()["layers"]["t"] == {
        "before": {"channels": 3, "macs": 16 * 6, "rom_bits": 6 * 8 + 3 * (40 + 2)},
        "after": {"channels": 2, "macs": 16 * 4, "rom_bits": 4 * 8 + 2 * (bits["t"] + 2)},
    }
    assert json.loads(json.dumps(saved.describe()))["total"]["after"]["macs"] == 16 * 4 + 16 * 4


def test_accumulators_are_as_wide_as_needed() -> None:
    after, _ = slim(mobile())
    for op in after.ops:
        width, interval = getattr(op, "acc_bits", None), op.accumulator(*after.input_intervals(op))
        if width is not None and interval is not None:
            low, high = int_range(width, True)
            tight = int_range(max(2, width - 1), True)
            assert low <= interval[0] and interval[1] <= high
            assert width == 2 or interval[0] < tight[0] or interval[1] > tight[1]


def test_nothing_to_do() -> None:
    net = program([conv(some(3, 3, 3, 2)), conv(some(2, 1, 1, 3), "t", "y")], {"a": X})
    once, _ = slim(net)
    assert [op.weight.tolist() for op in once.ops if isinstance(op, Linear)] == [
        op.weight.tolist() for op in net.ops if isinstance(op, Linear)
    ]
    twice, saved = slim(once)
    assert serial.digest(twice) == serial.digest(once) and saved.before == saved.after


def test_the_program_itself_is_not_changed() -> None:
    net = mobile()
    digest = serial.digest(net)
    slim(net)
    assert serial.digest(net) == digest


def test_a_difference_is_found() -> None:
    net = program([conv(some(3, 3, 3, 2), name="y")], {"a": X})
    op = net.ops[0]
    assert isinstance(op, Conv)
    x = corners(net.input_types, 8)
    check_equal(net, net, x)
    bias = op.bias + np.array([0, 1, 0])
    with pytest.raises(CheckFailed, match=r"y: slimming changed \d+ of 96 integers, the first at \(\d, \d, \d, 1\)"):
        check_equal(net, program([replace(op, bias=bias)], net.input_types), x)
    fewer = replace(op, weight=op.weight[:2], bias=op.bias[:2])
    with pytest.raises(CheckFailed, match="changed its shape"):
        check_equal(net, program([fewer], net.input_types), x)
