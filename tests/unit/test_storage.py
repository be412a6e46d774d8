"""What weights take in memory, and how the report shows it on terminals of any width."""

from __future__ import annotations

import gzip
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from nets import conv, dense, maxpool, program, tensor
from rich.console import Console

from hwq.hw.plan import make_plan
from hwq.hw.solve import for_multipliers
from hwq.ir.window import Window
from hwq.ops import Codebook, Coding, PowerSums
from hwq.ops.coding import codes
from hwq.report.storage import CHUNK, Storage, pack, storage, stored_bytes, weights_text
from hwq.report.summary import Summary, summarise
from hwq.report.table import NarrowingTable
from hwq.report.terminal import report

X = tensor(4, 4, 6)
TABLES = Codebook(np.array([[-1, 1], [0, 5], [7, -8], [3, 3]]))


def summary(first: Coding | None, second: Coding | None) -> Summary:
    """Of a convolution with 4 x 6 weights, a pool and a dense layer with 10 x 16."""
    ops = [
        conv(X, 4, Window((1, 1)), coding=first, name="first"),
        maxpool(tensor(4, 4, 4), Window((2, 2), (2, 2)), name="pool", source="first"),
        dense(tensor(2, 2, 4), 10, coding=second, source="pool"),
    ]
    p = program(ops, {"a": X})
    return summarise(make_plan(p, for_multipliers(p, 4).folds))


def shown(found: Summary, columns: int, weights: bool = True) -> list[str]:
    out = StringIO()
    console = Console(file=out, width=columns)
    for part in report(found, weights):
        console.print(part)
    return out.getvalue().splitlines()


def test_fields_are_packed_without_gaps() -> None:
    values = np.random.default_rng(1).integers(-(1 << 15), 1 << 15, CHUNK + 5)
    for bits in (1, 3, 8, 11, 16):
        some = values if bits == 3 else values[:77]
        line = "".join(format(value & ((1 << bits) - 1), f"0{bits}b")[::-1] for value in some.tolist())
        line += "0" * (-len(line) % 8)
        assert pack(some, bits) == int(line[::-1], 2).to_bytes(len(line) // 8, "little")
    assert pack(values[:0], 8) == b""


@pytest.mark.parametrize(
    ("coding", "bits", "text"),
    [
        (None, 24 * 8, "s8"),
        (Codebook(np.arange(-8, 8)), 24 * 4 + 16 * 8, "16 of s8"),
        (TABLES, 24 + 8 * 8, "2 of s8"),
        (PowerSums(1), 24 * 4, "1 power of s8"),
        (PowerSums(2), 24 * 8, "2 powers of s8"),
    ],
)
def test_one_layer_by_hand(coding: Coding | None, bits: int, text: str) -> None:
    op = conv(X, 4, Window((1, 1)), coding=coding)
    found = storage(op)
    assert (found.weights, found.float_bits, found.plain_bits, found.stored_bits) == (24, 24 * 32, 24 * 8, bits)
    stored = stored_bytes(op)
    assert len(stored) == bits // 8 and weights_text(op) == text
    assert found.stored_gzip_bytes == len(gzip.compress(stored, 9, mtime=0))
    assert found.plain_gzip_bytes == len(gzip.compress(op.weight.astype(np.int8).tobytes(), 9, mtime=0))
    assert found.coded is (coding is not None)


def test_stored_weights_can_be_read_back() -> None:
    op = conv(X, 4, Window((1, 1)), coding=TABLES)
    bits = np.unpackbits(np.frombuffer(stored_bytes(op), np.uint8), bitorder="little")
    entries = np.packbits(bits[24:], bitorder="little").view(np.int8).reshape(4, 2)
    assert np.array_equal(entries, TABLES.entries)
    assert np.array_equal(np.take_along_axis(entries, bits[:24].reshape(4, 6), 1).ravel(), op.weight.ravel())
    assert np.array_equal(bits[:24].reshape(op.weight.shape), codes(op.weight, TABLES.values(8), 8))


def test_constant_weights_compress_to_nearly_nothing() -> None:
    op = dense(tensor(8, 8, 16), 64)
    same = storage(replace(op, weight=np.full_like(op.weight, 5)))
    assert same.plain_bits == 8 * 65536 and same.stored_gzip_bytes == same.plain_gzip_bytes < 200
    assert 65536 < storage(op).stored_gzip_bytes < 1.01 * 65536, "random weights do not compress"


def test_totals() -> None:
    found = summary(None, Codebook(np.arange(-8, 8)))
    sizes = [row.storage for row in found.layers]
    assert sizes[1] is None and [row.weights for row in found.layers] == ["s8", "", "16 of s8"]
    assert sizes[0] and sizes[2] and found.storage == sizes[0] + sizes[2]
    assert (found.storage.weights, found.storage.float_bits, found.storage.plain_bits) == (184, 5888, 1472)
    assert found.storage.stored_bits == 24 * 8 + 160 * 4 + 16 * 8 == 960
    value = found.as_json()
    assert value["storage"]["stored_bits"] == 960 and value["layers"][1]["storage"] is None
    assert value["layers"][2]["storage"]["stored_bits"] == 768 and value["layers"][2]["weights"] == "16 of s8"


@pytest.mark.parametrize("columns", [60, 80, 100, 160])
@pytest.mark.parametrize("coding", [None, TABLES, PowerSums(2)], ids=["plain", "tables", "powers"])
def test_report_shows_weights(coding: Coding | None, columns: int) -> None:
    found = summary(coding, None)
    lines = shown(found, columns)
    text = "\n".join(lines)
    assert all(len(line) <= columns for line in lines) and "…" not in text
    (total,) = (line.split() for line in lines if line.startswith("total"))
    assert total[-1] == "x" and total[-2] == f"{5888 / found.storage.stored_bits:.1f}" and "5.9" in total
    assert ("plain:" in text) == ("as plain integers" in text) == (coding is not None)
    assert f"184, stored in {found.storage.stored_bits:,} bits, {8 * found.storage.stored_gzip_bytes:,}" in text
    if columns >= 80:
        assert ("K of sB:" in text) == (coding is TABLES) and ("powers of sB:" in text) == (coding == PowerSums(2))
    (first, *_) = (line for line in lines if line.startswith("first"))
    assert (f" {found.layers[0].weights} " in first) == (columns >= 80)
    short = shown(found, columns, weights=False)
    assert len(short) < len(lines) and not any(line.startswith("total") for line in short)


def test_report_without_weights() -> None:
    p = program([maxpool(X, Window((2, 2), (2, 2)))], {"a": X})
    found = summarise(make_plan(p, for_multipliers(p, 4).folds))
    assert found.storage == Storage()
    text = "\n".join(shown(found, 100))
    assert "weights" not in text and "float32" not in text and "maxpool" in text


def test_narrow_tables_lose_air_then_columns_then_names() -> None:
    columns = {"layer": ["a_long_name", "b"], "x": ["123456", ""], "y": ["12", "345"], "none": ["", " "]}

    def lines(width: int) -> list[str]:
        out = StringIO()
        Console(file=out, width=width).print(NarrowingTable(columns, ("layer",), ("x",), {"x": "x!", "none": "no"}))
        return [line.rstrip() for line in out.getvalue().splitlines()]

    assert (
        lines(40)[0] == "layer             x    y"
        and lines(40)[2] == "a_long_name  123456   12"
        and lines(40)[-1] == "x!"
    )
    assert lines(24) == lines(40)
    assert lines(23)[2] == "a_long_name 123456  12"
    assert lines(21)[2] == "a_long_name   12" and "x!" not in lines(21)
    assert lines(13)[2] == "a_l~_name  12"
