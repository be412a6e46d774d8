"""Slimming: each rule on a network made for it, and the traps in which a channel or a tap must stay."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from nets import add, argmax, avgpool, corners, depthwise, maxpool, pad, program, rescale, tensor

from hwq.arith import IntArray, Requant, Rounding, int_range
from hwq.errors import CheckFailed
from hwq.ir import serial
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import Codebook, Conv, Dense, Depthwise, Linear, PowerSums
from hwq.quant.slim import check_equal, slim
from hwq.quant.slim_kernel import cut_kernel

K1, K3 = Window((1, 1)), Window((3, 3))
SAME = Window((3, 3), pads=(1, 1, 1, 1))
X = tensor(4, 4, 2)
EXACT = Requant((1,), 0, Rounding.HALF_UP, 0, -128, 127)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def some(*shape: int, most: int = 20, seed: int = 1) -> IntArray:
    """Random weights without zeros."""
    size = rng(seed).integers(1, most + 1, shape)
    return size * rng(seed + 1).choice([-1, 1], shape)


def _made(kind: type[Linear], weight: IntArray, source: str, name: str, **more: Any) -> Any:
    fields: dict[str, Any] = {
        "bias": np.zeros(len(weight), np.int64), "weight_bits": 8, "requant": EXACT, "acc_bits": 40,
        "bits": 8, "signed": True,
    }  # fmt: skip
    return kind(name=name, inputs=(source,), weight=weight, **{**fields, **more})


def conv(weight: IntArray, source: str = "a", name: str = "t", window: Window | None = None, **more: Any) -> Conv:
    window = window or Window(weight.shape[1:3])  # type: ignore[arg-type]
    made: Conv = _made(Conv, weight, source, name, window=window, **{"pad_value": 0, **more})
    return made


def dense(weight: IntArray, source: str = "t", name: str = "y", **more: Any) -> Dense:
    made: Dense = _made(Dense, weight, source, name, **more)
    return made


def slimmed(ops: Sequence[Op], inputs: Mapping[str, TensorType] | None = None, **more: Any) -> dict[str, Any]:
    """The operations after slimming, by name, compared on extreme and random inputs."""
    before = program(ops, inputs or {"a": X}, **more)
    after, _ = slim(before)
    check_equal(before, after, corners(before.input_types, 40))
    assert after.output_tensors() == before.output_tensors() and after.input_types == before.input_types
    assert all(after.types[name] == before.types[name] for name in before.output_tensors())
    return {op.name: op for op in after.ops}


def constant(value: int, where: int = 1, channels: int = 3) -> Conv:
    """A 1 x 1 convolution whose channel `where` is always `value`, and whose others are not."""
    weight, bias = some(channels, 1, 1, 2), np.arange(channels)
    weight[where], bias[where] = 0, value
    return conv(weight, bias=bias)


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


def test_unread_channels_go_upstream() -> None:
    """Nothing reads channel 0 of u; so nothing that u alone reads of t is needed."""
    last = some(2, 1, 1, 3)
    last[..., 0] = 0
    middle = some(3, 1, 1, 4)
    middle[1:, ..., [1, 2]] = 0
    ops = slimmed([conv(some(4, 3, 3, 2)), conv(middle, "t", "u"), conv(last, "u", "y")])
    assert (ops["t"].channels, ops["u"].channels, ops["y"].weight.shape) == (2, 2, (2, 1, 1, 2))


def test_every_reader_counts() -> None:
    one, two = some(2, 1, 1, 3), some(2, 1, 1, 3)
    one[..., [0, 1]], two[..., 0] = 0, 0
    ops = slimmed([conv(some(3, 1, 1, 2)), conv(one, "t", "y"), conv(two, "t", "z")], outputs=["y", "z"])
    assert ops["t"].channels == 2


def test_duplicates_are_added() -> None:
    weight = some(3, 3, 3, 2)
    weight[2] = weight[0]
    read = some(2, 3, 3, 3)
    ops = slimmed([conv(weight), conv(read, "t", "y")], {"a": tensor(6, 6, 2)})
    assert ops["t"].channels == 2
    assert ops["y"].weight.tolist() == np.stack([read[..., 0] + read[..., 2], read[..., 1]], -1).tolist()


@pytest.mark.parametrize("differs", ["weight", "bias", "multiplier", "nothing"])
def test_duplicates_are_equal_in_all(differs: str) -> None:
    weight, bias, multiplier = some(3, 1, 1, 2), np.array([4, 5, 4]), [3, 5, 3]
    weight[2] = weight[0]
    if differs == "weight":
        weight[2, 0, 0, 1] += 1
    elif differs == "bias":
        bias[2] += 1
    elif differs == "multiplier":
        multiplier[2] += 1
    requant = replace(EXACT, multiplier=tuple(multiplier), shift=4)
    ops = slimmed([conv(weight, bias=bias, requant=requant), conv(some(2, 3, 3, 3), "t", "y")])
    assert ops["t"].channels == (2 if differs == "nothing" else 3)


def equal_three() -> Conv:
    return conv(np.repeat(some(1, 1, 1, 2), 3, axis=0))


def test_sums_that_do_not_fit_stay_apart() -> None:
    read = np.array([[100, 27, 1], [-100, -29, 2]]).reshape(2, 1, 1, 3)
    ops = slimmed([equal_three(), conv(read, "t", "y")])
    assert ops["y"].weight.reshape(2, 2).tolist() == [[101, 27], [-98, -29]], "-129 needs nine bits, 101 does not"


def test_every_reader_must_hold_the_sums() -> None:
    small, large = some(2, 1, 1, 3), some(2, 1, 1, 3)
    large[0] = 60
    large[0, 0, 0, 2] = 100
    ops = slimmed([equal_three(), conv(small, "t", "y"), conv(large, "t", "z")], outputs=["y", "z"])
    assert ops["t"].channels == 2 and ops["z"].weight[0].ravel().tolist() == [120, 100]


def test_equal_constants_at_a_border_are_added() -> None:
    first = conv(np.concatenate([np.zeros((2, 1, 1, 2), np.int64), some(1, 1, 1, 2)]), bias=np.array([5, 5, 0]))
    ops = slimmed([first, conv(some(2, 3, 3, 3), "t", "y", SAME)])
    assert ops["t"].channels == 2
    first.bias[1] = 6
    assert slimmed([first, conv(some(2, 3, 3, 3), "t", "y", SAME)])["t"].channels == 3, "5 is not 6"


def test_codes_of_sums() -> None:
    """Weights 1 and 1 become 2, which one table has and the other lacks; sums of powers of two likewise."""
    read = np.array([[1, 1, -2], [1, 1, 1]])
    has = Codebook(np.array([[-2, 1, 2, 0], [1, 2, 3, 3]]))
    lacks = Codebook(np.array([[-2, 1, 0, 0], [1, 2, 3, 3]]))
    for coding, left in ((has, [[0], [3]]), (lacks, read.tolist()), (PowerSums(2), [[0], [3]])):
        ops = slimmed([equal_three(), conv(read.reshape(2, 1, 1, 3), "t", "y", coding=coding)])
        assert ops["y"].weight.reshape(2, -1).tolist() == left
        assert ops["y"].coding is coding


def test_tables_follow_their_channels() -> None:
    weight = np.array([[3, 4], [5, 6], [7, 8]]).reshape(3, 1, 1, 2)
    last = some(2, 1, 1, 3)
    last[..., 1] = 0
    for entries in (weight.reshape(3, 2), np.arange(16)):
        ops = slimmed([conv(weight, coding=Codebook(entries)), conv(last, "t", "y")])
        assert ops["t"].coding.entries.tolist() == (entries[[0, 2]] if entries.ndim == 2 else entries).tolist()
        assert ops["t"].weight.ravel().tolist() == [3, 4, 7, 8]


def residual(left: Conv, right: Conv) -> list[Op]:
    three = tensor(4, 4, 3)
    joined = add(three, three, name="s", sources=("t", "u"), factors=(3, 2))
    return [left, replace(right, name="u"), joined, conv(some(2, 1, 1, 3), "s", "y")]


def test_residual_channels_go_together() -> None:
    ops = slimmed(residual(constant(9), constant(4)))
    assert [ops[name].channels for name in "tu"] == [2, 2]
    ops = slimmed(residual(constant(9), conv(some(3, 1, 1, 2, seed=5))))
    assert [ops[name].channels for name in "tu"] == [3, 3]


def test_residual_channel_that_is_read_before_the_sum() -> None:
    """Channel 1 of t is 9; the sum hides nothing of it, but a padded reader of t itself meets the border."""
    net = residual(constant(9), constant(4))
    ops = slimmed([*net, conv(some(2, 3, 3, 3), "t", "z", SAME)], outputs=["y", "z"])
    assert ops["t"].channels == 3


def test_residual_duplicates_need_both() -> None:
    twin, other = some(3, 1, 1, 2), some(3, 1, 1, 2, seed=7)
    twin[2] = twin[0]
    assert slimmed(residual(conv(twin), conv(other)))["t"].channels == 3
    other[2] = other[0]
    assert slimmed(residual(conv(twin), conv(other)))["t"].channels == 2


def test_depthwise_chain() -> None:
    """A dead kernel and an unread channel go through two depthwise layers, out of the layers around them too."""
    four = tensor(4, 4, 4)
    one = depthwise(four, SAME, name="d", source="t")
    two = depthwise(four, SAME, name="e", source="d", scale="channel", relu=True)
    one.weight[1], one.bias[1] = 0, 0
    two.bias[1] = 0
    last = some(2, 1, 1, 4)
    last[..., 3] = 0
    ops = slimmed([conv(some(4, 1, 1, 2)), one, two, conv(last, "e", "y")])
    assert [ops[name].channels for name in "tde"] == [2, 2, 2]
    assert ops["e"].weight.tolist() == two.weight[[0, 2]].tolist() and len(ops["e"].requant.multiplier) == 2


@pytest.mark.parametrize("differs", ["input", "kernel", "nothing"])
def test_depthwise_duplicates(differs: str) -> None:
    twin = some(3, 1, 1, 2)
    if differs != "input":
        twin[2] = twin[0]
    each = depthwise(tensor(4, 4, 3), K3, name="d", source="t")
    each.weight[2], each.bias[2] = each.weight[0], each.bias[0]
    if differs == "kernel":
        each.weight[2, 1, 1] ^= 1
    ops = slimmed([conv(twin), each, conv(some(2, 1, 1, 3), "d", "y")])
    assert ops["d"].channels == (2 if differs == "nothing" else 3)


def test_argmax_counts_every_channel() -> None:
    """Of equal channels the first wins, and a constant may win: what an argmax reads keeps all channels."""
    logits = some(5, 1, 1, 2)
    logits[3], logits[2] = logits[0], 0
    ops = slimmed([conv(logits), argmax(tensor(4, 4, 5), source="t")])
    assert ops["t"].channels == 5


def test_outputs_keep_every_channel() -> None:
    read = some(2, 1, 1, 3)
    read[..., 0] = 0
    ops = slimmed([constant(0), conv(read, "t", "y")], outputs=["t", "y"])
    assert ops["t"].channels == 3
    assert slimmed([constant(0), conv(read, "t", "y")])["t"].channels == 1


def test_inputs_keep_every_channel() -> None:
    ops = slimmed([depthwise(X, K3, name="d"), conv(np.array([[0, 3]]).reshape(1, 1, 1, 2), "d", "y")])
    assert ops["d"].channels == 2


def test_one_channel_stays() -> None:
    ops = slimmed([conv(np.zeros((3, 1, 1, 2), np.int64), bias=np.arange(3)), conv(some(2, 3, 3, 3), "t", "y")])
    assert ops["t"].channels == 1 and ops["y"].channels == 2


def test_multipliers_without_the_dead_channel() -> None:
    """What is left has a common factor of two, and then no multiplier at all."""
    last = some(2, 1, 1, 3)
    last[..., 0] = 0
    for multiplier, shift, left in (
        ((1, 8, 8), 5, ((1,), 2)),
        ((3, 4, 8), 5, ((1, 2), 3)),
        ((5, 6, 7), 5, ((6, 7), 5)),
        ((1, 4, 8), 1, ((2, 4), 0)),
    ):
        requant = replace(EXACT, multiplier=multiplier, shift=shift)
        ops = slimmed([conv(some(3, 1, 1, 2), requant=requant), conv(last, "t", "y")])
        assert (ops["t"].requant.multiplier, ops["t"].requant.shift) == left


KERNELS: dict[str, tuple[str, Window, tuple[int, int], tuple[int, int], tuple[int, int]]] = {
    "centre": ("010", SAME, (1, 3), (1, 1), (0, 0)),
    "first row": ("100", SAME, (2, 3), (1, 1), (1, 0)),
    "last row": ("001", SAME, (2, 3), (1, 1), (0, 1)),
    "two rows": ("011", SAME, (2, 3), (1, 1), (0, 1)),
    "outer rows": ("101", SAME, (2, 3), (2, 1), (1, 1)),
    "not padded": ("010", K3, (3, 3), (1, 1), (0, 0)),
    "stride": ("110", Window((3, 3), (2, 2), pads=(0, 0, 1, 0)), (2, 3), (1, 1), (0, 0)),
    "stride and padding": ("110", Window((3, 3), (2, 2), pads=(1, 1, 1, 1)), (2, 3), (1, 1), (1, 0)),
    "dilated": ("010", Window((3, 3), dilation=(2, 1), pads=(2, 1, 2, 1)), (1, 3), (1, 1), (0, 0)),
    "half dilated": ("010", Window((3, 3), dilation=(2, 1), pads=(1, 1, 2, 1)), (2, 3), (2, 1), (1, 0)),
}
"""Rows with weights, window, and the kernel, dilation and upper and lower padding that are left."""


@pytest.mark.parametrize(("rows", "window", "kernel", "dilation", "pads"), KERNELS.values(), ids=KERNELS.keys())
def test_rows_without_weights(
    rows: str, window: Window, kernel: tuple[int, int], dilation: tuple[int, int], pads: tuple[int, int]
) -> None:
    weight = some(2, 3, 3, 2) * np.array([int(row) for row in rows]).reshape(1, 3, 1, 1)
    cut = slimmed([conv(weight, name="y", window=window, pad_value=3)], {"a": tensor(7, 7, 2)})["y"].window
    assert (cut.kernel, cut.dilation, cut.pads[0::2]) == (kernel, dilation, pads)
    turned = Window(*(pair[::-1] for pair in (window.kernel, window.stride, window.dilation)),
                    pads=(window.pads[1], window.pads[0], window.pads[3], window.pads[2]))  # fmt: skip
    op = conv(weight.transpose(0, 2, 1, 3), name="y", window=turned, pad_value=3)
    cut = slimmed([op], {"a": tensor(7, 7, 2)})["y"].window
    assert (cut.kernel[::-1], cut.dilation[::-1], cut.pads[1::2]) == (kernel, dilation, pads)


def test_kernel_without_weights() -> None:
    """A layer that is constant keeps one tap, inside of the image."""
    dead = conv(np.zeros((2, 3, 3, 2), np.int64), name="y", window=SAME, bias=np.array([4, 5]), pad_value=3)
    assert slimmed([dead])["y"].window == K1


def meets(window: Window, size: int) -> bool:
    """Whether each position along a row of `size` pixels has a tap in the image."""
    row = np.ones((1, 1, size, 1), np.int64)
    return bool(np.any([view for _, _, view in window.slices(row, 0)], axis=0).all())


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kind", [Conv, Depthwise])
def test_every_kernel_of_one_row(stride: int, kind: type[Conv] | type[Depthwise]) -> None:
    """All kernels of up to four taps, dilations, paddings and sets of taps without weights: equal accumulators."""
    shrunk = 0
    for size, taps, dilation, before, after in itertools.product((1, 5, 6), (1, 2, 3, 4), (1, 2), (0, 1, 3), (0, 1, 3)):
        window = Window((1, taps), (1, stride), (1, dilation), (0, before, 0, after))
        if size + before + after < window.span[1]:
            continue
        x = rng(size).integers(-9, 10, (1, 1, size, 2))
        for used in itertools.product((0, 1), repeat=taps):
            weight = some(2, 1, taps) * np.array(used)
            weight = weight if kind is Depthwise else np.stack([weight, 2 * weight], -1)
            op = _made(kind, weight, "a", "y", window=window, pad_value=7)
            cut = cut_kernel(op, tensor(1, size, 2))
            shrunk += cut.window.kernel[1] < taps
            assert min(cut.window.pads) >= 0 and (meets(cut.window, size) or not meets(window, size))
            assert np.array_equal(cut.accumulate(x), op.accumulate(x)), (window, used, cut.window)
    assert shrunk > 100


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
