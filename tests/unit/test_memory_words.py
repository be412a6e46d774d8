"""What memories hold beside weights, read back by plain arithmetic: fields, beats, tables, and layers of bits."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from nets import conv, dense, depthwise, table, tensor
from test_pack import lanes

from hwq.arith import IntArray, signed_bits
from hwq.hw.fold import Feed, Fold
from hwq.hw.pack import (
    bias_words,
    code_bits,
    constant_beat,
    entry_bits,
    entry_words,
    field_words,
    is_binary,
    lowest_weight,
    padded,
    starts,
    tables,
    weight_words,
)
from hwq.ir.window import Window
from hwq.ops import Codebook, Conv, Linear, PowerSums, Table

K1 = Window((1, 1))
BITS = tensor(3, 3, 3, bits=1, signed=False)


def binary(entries: tuple[int, ...] = (-1, 1), **changes: object) -> Conv:
    op = conv(BITS, 5, Window((3, 2)), wbits=2, coding=Codebook(np.array(entries)))
    return replace(op, **changes)  # type: ignore[arg-type]


def test_fields() -> None:
    """The first in the lowest bits; a negative value by its lowest bits."""
    a, b, c = np.array([5, 0, 7]), np.array([-1, 15, -16]), np.array([1, 4095, -2048])
    words = field_words((a, 3), (b, 5), (c, 12))
    assert words == [f"{(x % 8) + (y % 32) * 8 + (z % 4096) * 256:05x}" for x, y, z in zip(a, b, c, strict=True)]


@pytest.mark.parametrize(
    ("value", "bits", "count", "text"),
    [
        (5, 4, 3, "12'h555"), (-1, 4, 2, "8'hff"), (-3, 5, 2, "10'h3bd"), (0, 1, 1, "1'h0"), (1, 1, 9, "9'h1ff"),
        (-128, 8, 1, "8'h80"), (127, 8, 4, "32'h7f7f7f7f"),
    ],
)  # fmt: skip
def test_constant_beats(value: int, bits: int, count: int, text: str) -> None:
    assert constant_beat(value, bits, count) == text


def test_padding_of_arrays() -> None:
    x = np.arange(1, 7).reshape(2, 3)
    assert padded(x, 1, 4).tolist() == [[1, 2, 3, 0], [4, 5, 6, 0]]
    assert padded(x, 0, 5).tolist() == [*x.tolist(), *[[0, 0, 0]] * 3]
    assert padded(x, 0, 2) is not None and padded(x, 1, 3).tolist() == x.tolist()


def test_layers_of_bits() -> None:
    """Weights -1 and 1, in any order and any number of times, and inputs of one unsigned bit."""
    assert is_binary(binary(), BITS)
    assert is_binary(binary((1, -1, 1)), BITS)
    for op, x in (
        (binary((-1, 0, 1)), BITS),
        (binary((-1, -1)), BITS),
        (binary((0, 1)), BITS),
        (binary(coding=None), BITS),
        (binary(coding=PowerSums(1)), BITS),
        (binary(), tensor(3, 3, 3, bits=2, signed=False)),
        (binary(), tensor(3, 3, 3, bits=1)),
    ):
        assert not is_binary(op, x)


def test_sums_of_bits_start_in_their_accumulator() -> None:
    """The bias and one for each weight that is 1."""
    op = binary()
    want = [int(op.bias[m]) + sum(w > 0 for w in op.weight[m].ravel().tolist()) for m in range(5)]
    assert starts(op, True).tolist() == want and starts(op, False).tolist() == op.bias.tolist()
    for bias in (want, [-w for w in want]):
        moved = replace(op, bias=np.array(bias))
        begin = starts(moved, True)
        bits = signed_bits((int(begin.min()), int(begin.max())))
        assert is_binary(replace(moved, acc_bits=bits), BITS) and is_binary(replace(moved, acc_bits=bits + 1), BITS)
        assert not is_binary(replace(moved, acc_bits=bits - 1), BITS)


def test_words_of_bits() -> None:
    """A stored bit is 1 for the weight 1; idle lanes read 0 and need no entry; sums begin at their start."""
    op, fold = binary((1, -1, 1)), Fold(2, 1, 2, 2)
    values = tables(op, fold, False, True)
    assert values is not None and values.tolist() == [-1, 1] and code_bits(op, values) == 1
    words = weight_words(op, fold, depthwise=False, binary=True)
    assert len(words) == 3 * 6 * 2
    for number, word in enumerate(words):
        nf, tap, cf = number // 12, number // 2 % 6, number % 2
        for p in range(2):
            for s in range(2):
                m, c = nf * 2 + p, cf * 2 + s
                want = m < 5 and c < 3 and op.weight[m, tap // 2, tap % 2, c] == 1
                assert int(word, 16) >> (p * 2 + s) & 1 == want
    begin = [*starts(op, True).tolist(), 0]
    for bits in (0, 20):
        found = bias_words(op, fold, True, bits)
        assert [lanes(word, bits or op.acc_bits, 2) for word in found] == [begin[:2], begin[2:4], begin[4:]]
        assert len(found[0]) == -(-2 * (bits or op.acc_bits) // 4)


def test_plain_weights_have_no_table() -> None:
    op = conv(tensor(3, 3, 3), 5, K1)
    assert tables(op, Fold(2, 1, 2, 2), False) is None
    assert code_bits(op, None) == 8


@pytest.mark.parametrize(("simd", "idle"), [(10, True), (12, False), (36, False), (8, True)])
def test_idle_lanes_of_a_flat_feed(simd: int, idle: bool) -> None:
    """Those beyond the elements of a window, not of a pixel."""
    op = conv(tensor(6, 6, 4), 5, Window((3, 3)), coding=Codebook(np.array([-1, 1])))
    values = tables(op, Fold(2, 1, 2, simd, Feed.FLAT), False)
    assert values is not None and values.tolist() == ([0, -1, 1] if idle else [-1, 1])


def test_zero_is_the_first_code() -> None:
    """Entries that are not zero keep their order; lanes of a depthwise layer are never idle."""
    op = conv(tensor(3, 3, 3), 2, K1, coding=Codebook(np.array([7, 0, -3, 0, 9])))
    values = tables(op, Fold(2, 1, 2, 2), False)
    assert values is not None and values.tolist() == [0, 0, 7, -3, 9]
    once = tables(replace(op, coding=Codebook(np.array([7, 0, -3, 9]))), Fold(2, 1, 2, 2), False)
    assert once is not None and once.tolist() == [0, 7, -3, 9]
    each = depthwise(tensor(3, 3, 3), K1, coding=Codebook(np.array([[1, 2], [3, 0], [5, 6]])))
    values = tables(each, Fold(2, 1, 2, 1), True)
    assert values is not None and values.tolist() == [[1, 2], [0, 3], [5, 6]]


@pytest.mark.parametrize(
    ("coding", "lowest"), [(None, -128), (Codebook(np.array([-9, 4, 5])), -9), (PowerSums(1), -64)]
)
def test_lowest_weight(coding: Codebook | PowerSums | None, lowest: int) -> None:
    op: Linear = dense(tensor(2, 2, 3), 4, coding=coding)
    assert lowest_weight(op) == lowest
    high = replace(op, weight=np.abs(op.weight))
    assert lowest_weight(high) == (-9 if isinstance(coding, Codebook) else int(high.weight.min()))


def entries(*values: int, step: int = 0) -> Table:
    return replace(table(tensor(1, 1, 1)), entries=np.array(values), step=step)


@pytest.mark.parametrize(
    ("tables_", "bits"),
    [
        ([(0, -1, 0)], (2, 2)),
        ([(0, 0)], (2, 1)),
        ([(-1, 1, 0)], (2, 3)),
        ([(3, 3, 4)], (4, 2)),
        ([(0, 1, 2), (-100, -100, -99)], (8, 2)),
        ([(0, 1, 2), (1, -2, 0)], (3, 3)),
    ],
)
def test_width_of_entries(tables_: list[tuple[int, ...]], bits: tuple[int, int]) -> None:
    """Of the widest entry, at least two; and of the widest difference of neighbours in one table."""
    assert entry_bits(*(entries(*values) for values in tables_)) == bits


def _read(words: list[str], bits: int, total: int) -> list[tuple[int, int]]:
    def signed(value: int, width: int) -> int:
        return value - (1 << width) if value >> (width - 1) else value

    assert {len(word) for word in words} == {-(-total // 4)}
    return [
        (signed(int(word, 16) & ((1 << bits) - 1), bits), signed(int(word, 16) >> bits, total - bits)) for word in words
    ]


def test_entries_of_tables() -> None:
    """Two tables one behind the other; with lines between entries each but the last, and what the next one is more."""
    first, second = (5, -9, 30, 30), (-1, 1, 2, -31)
    plain = entry_words(entries(*first), entries(*second))
    assert [lanes(word, 6, 1) for word in plain] == [[value] for value in first + second]
    lines = entry_words(entries(*first, step=2), entries(*second, step=2))
    want: list[tuple[int, int]] = [(a, b - a) for row in (first, second) for a, b in pairwise(row)]
    assert _read(lines, 6, 6 + 7) == want


def test_one_table_of_lines() -> None:
    source: IntArray = np.array([-128, 127, -128])
    assert _read(entry_words(entries(*source.tolist(), step=1)), 8, 8 + 9) == [(-128, 255), (127, -255)]
