"""Memory words: read back by plain string arithmetic, lane by lane, in the order that the RTL documents."""

from __future__ import annotations

import numpy as np
import pytest
from nets import coded, conv, dense, depthwise, groupconv, tensor

from hwq.arith import IntArray
from hwq.hw.fold import Feed, Fold, ceil_div
from hwq.hw.pack import (
    bias_words,
    code_bits,
    hex_words,
    multiplier_words,
    stream_words,
    table_words,
    tables,
    weight_words,
)
from hwq.ir.window import Window
from hwq.ops import Codebook, Linear, PowerSums


def lanes(word: str, bits: int, count: int) -> list[int]:
    """Signed lanes of a word, lane 0 in the lowest bits."""
    value = int(word, 16)
    assert value < 1 << (bits * count)
    raw = [(value >> (bits * lane)) & ((1 << bits) - 1) for lane in range(count)]
    return [v - (1 << bits) if v >> (bits - 1) else v for v in raw]


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 7, 8, 13, 16, 24, 31, 52])
@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_words(bits: int, count: int) -> None:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    values = np.random.default_rng(bits).integers(low, high + 1, (30, count))
    values[0], values[1] = low, high
    words = hex_words(values, bits)
    assert [lanes(word, bits, count) for word in words] == values.tolist()
    assert {len(word) for word in words} == {ceil_div(bits * count, 4)}


def test_many_words() -> None:
    """More than are packed at a time."""
    values = np.arange(10_000).reshape(-1, 1)
    assert hex_words(values, 16) == [f"{v:04x}" for v in range(10_000)]
    assert hex_words(np.empty((0, 3), np.int64), 8) == []


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 7])
def test_stream(width: int) -> None:
    x = np.random.default_rng(width).integers(-8, 8, (2, 3, 2, 5))
    words = stream_words(x, width, 4)
    per_pixel = ceil_div(5, width)
    assert len(words) == 12 * per_pixel
    for pixel in range(12):
        got = [v for word in words[pixel * per_pixel : (pixel + 1) * per_pixel] for v in lanes(word, 4, width)]
        assert got == x.reshape(12, 5)[pixel].tolist() + [0] * (per_pixel * width - 5)


def _weight(flat: IntArray, m: int, place: tuple[int, ...]) -> int:
    inside = m < len(flat) and all(p < size for p, size in zip(place, flat.shape[1:], strict=True))
    return int(flat[(m, *place)]) if inside else 0


@pytest.mark.parametrize(("pe", "simd"), [(1, 1), (5, 3), (2, 2), (3, 1), (4, 2)])
def test_serial_dense_weights(pe: int, simd: int) -> None:
    """Word nf * SF + (kh * KW + kw) * CF + cf, lane p * SIMD + s."""
    op = conv(tensor(4, 4, 3), 5, Window((3, 2)))
    words = weight_words(op, Fold(simd, 1, pe, simd), depthwise=False)
    groups, folds = ceil_div(3, simd), ceil_div(5, pe)
    assert len(words) == folds * 6 * groups
    for number, word in enumerate(words):
        nf, tap, cf = number // (6 * groups), number // groups % 6, number % groups
        want = [
            _weight(op.weight, nf * pe + p, (tap // 2, tap % 2, cf * simd + s)) for p in range(pe) for s in range(simd)
        ]
        assert lanes(word, 8, pe * simd) == want


@pytest.mark.parametrize(("pe", "width"), [(5, 1), (5, 3), (2, 3), (5, 2)])
def test_parallel_dense_weights(pe: int, width: int) -> None:
    """Word nf * CF + cf, lane (p, tap, channel of the group)."""
    op = conv(tensor(4, 4, 3), 5, Window((2, 2)))
    words = weight_words(op, Fold(width, pe, pe, 4 * width, Feed.PARALLEL), depthwise=False)
    groups = ceil_div(3, width)
    assert len(words) == ceil_div(5, pe) * groups
    for number, word in enumerate(words):
        nf, cf = number // groups, number % groups
        want = [
            _weight(op.weight, nf * pe + p, (tap // 2, tap % 2, cf * width + s))
            for p in range(pe)
            for tap in range(4)
            for s in range(width)
        ]
        assert lanes(word, 8, pe * 4 * width) == want


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("pe", [1, 2, 5])
def test_depthwise_weights(pe: int, parallel: bool) -> None:
    """Serial: word nf * taps + tap, lane p.  Parallel: word nf, lane p * taps + tap."""
    op = depthwise(tensor(4, 4, 5), Window((3, 2)))
    words = weight_words(
        op, Fold(pe, 1, pe, 6 if parallel else 1, Feed.PARALLEL if parallel else Feed.SERIAL), depthwise=True
    )
    folds = ceil_div(5, pe)
    assert len(words) == folds * (1 if parallel else 6)
    for number, word in enumerate(words):
        nf = number if parallel else number // 6
        taps = range(6) if parallel else [number % 6]
        want = [_weight(op.weight, nf * pe + p, (tap // 2, tap % 2)) for p in range(pe) for tap in taps]
        assert lanes(word, 8, len(want)) == want


@pytest.mark.parametrize(("pe", "simd"), [(1, 1), (3, 2), (1, 2), (3, 1)])
def test_grouped_weights(pe: int, simd: int) -> None:
    """Word nf * SF + tap * beats + j, as of a dense layer with the inputs of one group."""
    op = groupconv(tensor(4, 4, 4), 6, 2, Window((3, 2)))
    words, beats = weight_words(op, Fold(simd, 1, pe, simd), depthwise=False), 2 // simd
    assert len(words) == 6 // pe * 6 * beats
    for number, word in enumerate(words):
        nf, tap, j = number // (6 * beats), number // beats % 6, number % beats
        rows = op.weight[nf * pe : (nf + 1) * pe, tap // 2, tap % 2, j * simd : (j + 1) * simd]
        assert lanes(word, 8, pe * simd) == rows.ravel().tolist()


def test_dense_layer_is_a_window_over_its_image() -> None:
    op = dense(tensor(2, 2, 3), 4)
    fold = Fold(3, 1, 2, 3)
    words = weight_words(op, fold, depthwise=False)
    assert lanes(words[5], 8, 6) == [*op.weight[2, 0, 1].tolist(), *op.weight[3, 0, 1].tolist()]


def test_biases_and_multipliers() -> None:
    op = conv(tensor(2, 2, 1), 5, Window((1, 1)))
    words = bias_words(op, Fold(1, 1, 3, 1))
    assert [lanes(word, op.acc_bits, 3) for word in words] == [op.bias[:3].tolist(), [*op.bias[3:].tolist(), 0]]
    five = multiplier_words(np.array([1, 2, 3, 4, 65_535]), 5, Fold(1, 2, 4, 1), 16)
    assert five == ["00020001", "00040003", "0000ffff"]
    assert multiplier_words(np.array([7]), 5, Fold(1, 5, 5, 1), 3) == ["7fff"]


def unsigned(word: str, bits: int, count: int) -> list[int]:
    return [v % (1 << bits) for v in lanes(word, bits, count)]


TABLES = Codebook(np.array([[5, 0, -7, 9], [1, 2, -3, 4], [0, 0, 6, 7], [8, 9, 9, -128], [1, 0, 127, 3]]))
PLAIN = Codebook(np.array([-1, 1]))


@pytest.mark.parametrize("coding", [PLAIN, TABLES, Codebook(np.array([4, 3, 0, 3, -9])), PowerSums(1), PowerSums(2)])
@pytest.mark.parametrize(("pe", "simd"), [(1, 1), (5, 3), (2, 2), (3, 1), (4, 2)])
def test_coded_weights(coding: Codebook | PowerSums, pe: int, simd: int) -> None:
    """Decoded by tables and words alone, every lane has its weight, and 0 where there is no input channel."""
    op = conv(tensor(4, 4, 3), 5, Window((3, 2)), coding=coding)
    fold = Fold(simd, 1, pe, simd)
    values = tables(op, fold, False)
    assert values is not None
    bits, groups, folds = code_bits(op, values), ceil_div(3, simd), ceil_div(5, pe)
    entries = values.shape[-1]
    per_fold = []
    if isinstance(coding, Codebook):
        own = table_words(values, fold, 8)
        assert len(own) == (folds if values.ndim > 1 else 1)
        read = [lanes(word, 8, entries * (pe if values.ndim > 1 else 1)) for word in own]
        per_fold = [(read[nf] if values.ndim > 1 else read[0] * pe) for nf in range(folds)]
    words = weight_words(op, fold, depthwise=False)
    assert len(words) == folds * 6 * groups
    for number, word in enumerate(words):
        nf, tap, cf = number // (6 * groups), number // groups % 6, number % groups
        found = unsigned(word, bits, pe * simd)
        for lane, code in enumerate(found):
            p, c = lane // simd, cf * simd + lane % simd
            if nf * pe + p >= 5:
                assert code == 0
                continue
            got = per_fold[nf][p * entries + code] if per_fold else int(values[code])
            assert got == _weight(op.weight, nf * pe + p, (tap // 2, tap % 2, c))


def test_idle_lanes_need_a_zero() -> None:
    """A table without one gets it where the last group of channels is partial, and nowhere else."""
    sizes = {}
    for simd in (1, 2, 3):
        for label, coding in (("bipolar", PLAIN), ("tables", TABLES)):
            op: Linear = conv(tensor(4, 4, 3), 5, Window((1, 1)), coding=coding)
            found = tables(op, Fold(simd, 1, 5, simd), False)
            assert found is not None
            sizes[label, simd] = found.shape[-1], code_bits(op, found)
    assert sizes == {
        ("bipolar", 1): (2, 1), ("bipolar", 2): (3, 2), ("bipolar", 3): (2, 1),
        ("tables", 1): (4, 2), ("tables", 2): (5, 3), ("tables", 3): (4, 2),
    }  # fmt: skip
    whole = tables(depthwise(tensor(4, 4, 5), Window((1, 1)), coding=TABLES), Fold(2, 1, 2, 1), True)
    assert whole is not None and whole[:, 0].tolist() == [0, 1, 0, 8, 0]
    assert sorted(map(sorted, whole.tolist())) == sorted(map(sorted, TABLES.entries.tolist()))


def test_coded_weights_of_tests_use_all_of_a_table() -> None:
    for coding in (PLAIN, TABLES):
        weight = coded((5, 40), 8, coding)
        rows = np.broadcast_to(coding.entries, (5, coding.entries.shape[-1]))
        assert [set(w) for w in weight.tolist()] == [set(row) for row in rows.tolist()]
