"""Slimming: channels that nothing reads or that are equal, and the traps in which a channel must stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from nets import add, argmax, depthwise, tensor
from slim_nets import EXACT, K3, SAME, X, constant, conv, slimmed, some

from hwq.ir.op import Op
from hwq.ops import Codebook, Conv, PowerSums


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
