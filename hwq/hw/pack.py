"""Packing integers into memory words: the layout of every `.mem` file, of ROMs and of test vectors alike."""

from __future__ import annotations

import numpy as np

from hwq.arith import IntArray, Interval, signed_bits
from hwq.hw.fold import Fold
from hwq.ir.types import TensorType
from hwq.ops import Codebook, Linear, Lookup, PowerSums, Table
from hwq.ops.coding import codes

BIPOLAR = np.array([-1, 1])
"""The weight of each code of one bit that multiplies bits."""


def hex_words(values: IntArray, bits: int) -> list[str]:
    """Each row of `values` (words, lanes) as one hexadecimal word, lane 0 in the lowest bits.

    Examples
    --------
    >>> hex_words(np.array([[1, -1], [2, 3]]), 4)
    ['f1', '32']
    """
    words, lanes = values.shape
    width = lanes * bits
    digits, size = -(-width // 4), -(-width // 8)
    out: list[str] = []
    for start in range(0, words, 4096):
        block = values[start : start + 4096]
        spread = ((block[:, :, None] >> np.arange(bits)) & 1).astype(np.uint8).reshape(len(block), width)
        packed = np.packbits(spread, axis=1, bitorder="little")[:, ::-1].tobytes().hex()
        out += [packed[i * 2 * size : (i + 1) * 2 * size][2 * size - digits :] for i in range(len(block))]
    return out


def field_words(*fields: tuple[IntArray, int]) -> list[str]:
    """One word for each element of the fields, (values, bits) each, the first in the lowest bits.

    Examples
    --------
    >>> field_words((np.array([5, -1]), 3), (np.array([1, 0]), 2))
    ['0d', '07']
    """
    return hex_words(np.concatenate([(values[:, None] >> np.arange(bits)) & 1 for values, bits in fields], axis=1), 1)


def constant_beat(value: int, bits: int, lanes: int) -> str:
    """A beat with `value` in every lane, as a literal."""
    lane = value & ((1 << bits) - 1)
    return f"{lanes * bits}'h{sum(lane << (n * bits) for n in range(lanes)):x}"


def stream_words(tensor: IntArray, lanes: int, bits: int) -> list[str]:
    """Beats of a stream for (..., channels) integers: `lanes` channels a beat, the last filled with zeros."""
    rows = tensor.reshape(-1, tensor.shape[-1])
    return hex_words(_grouped(rows, lanes).reshape(-1, lanes), bits)


def is_binary(op: Linear, x: TensorType) -> bool:
    """Whether products of `op` are XORs of bits: weights from the table (-1, 1), inputs of one unsigned bit.

    The start of its sums, `starts`, has to fit the accumulator, as it does where inputs can be 0 and 1.
    """
    bipolar = isinstance(op.coding, Codebook) and np.array_equal(np.unique(op.coding.entries), BIPOLAR)
    if not bipolar or x.bits > 1 or x.signed:
        return False
    return signed_bits(_ends(starts(op, True))) <= op.acc_bits


def starts(op: Linear, binary: bool) -> IntArray:
    """What the sums of the outputs begin with: the bias; of bits also the number of weights that are 1.

    A XOR counts as -1: it is 1 for the weight 1 and the input 0, or the weight -1 and the input 1.
    """
    return op.bias + (op.weight > 0).reshape(op.channels, -1).sum(1) if binary else op.bias


def tables(op: Linear, fold: Fold, depthwise: bool, binary: bool = False) -> IntArray | None:
    """The weight of each code as the hardware has it: (codes,), or (M, codes); None for plain weights.

    Code 0 is the weight 0 wherever there is one.  A codebook without gets one where lanes are idle, as those have code
    0 and read whatever a stream carries beyond its channels.  Bits need none: there idle lanes read 0.
    """
    if op.coding is None:
        return None
    if binary:
        return BIPOLAR
    values = op.coding.values(op.weight_bits)
    if isinstance(op.coding, PowerSums):
        return values
    values = np.take_along_axis(values, np.argsort(values != 0, axis=-1, kind="stable"), -1)
    spare = op.weight.size // op.channels % fold.simd if fold.flat else op.weight.shape[-1] % fold.lanes_in
    if spare and not depthwise and values[..., 0].any():
        values = np.concatenate([np.zeros((*values.shape[:-1], 1), np.int64), values], axis=-1)
    return values


def lowest_weight(op: Linear) -> int:
    """The least of the weights, and of the entries of the tables that name them."""
    entries = op.coding.values(op.weight_bits) if isinstance(op.coding, Codebook) else op.weight
    return min(int(op.weight.min()), int(entries.min()))


def code_bits(op: Linear, values: IntArray | None) -> int:
    """Bits of a stored weight; `values` are its `tables`."""
    return op.weight_bits if values is None else int(values.shape[-1] - 1).bit_length()


def table_words(values: IntArray, fold: Fold, bits: int) -> list[str]:
    """One word for each output fold, with the tables of its PEs; or one word with the only table."""
    rows = padded(values, 0, fold.pe).reshape(-1, fold.pe * values.shape[-1]) if values.ndim > 1 else values[None]
    return hex_words(rows, bits)


def weight_words(op: Linear, fold: Fold, depthwise: bool, binary: bool = False) -> list[str]:
    """One word for each fold step nf * SF + sf; lane p * SIMD + s (see hwq_mvau.sv)."""
    values = tables(op, fold, depthwise, binary)
    stored = op.weight if values is None else codes(op.weight, values, op.weight_bits)
    bits = code_bits(op, values)
    kernel = stored.reshape(op.channels, -1, 1 if depthwise else op.weight.shape[-1])
    by_pe = padded(kernel, 0, fold.pe)
    nf, taps = by_pe.shape[0] // fold.pe, kernel.shape[1]
    if depthwise:
        steps = by_pe.reshape(nf, fold.pe, taps)
        lanes = steps if fold.parallel else steps.transpose(0, 2, 1)
        return hex_words(lanes.reshape(nf * (1 if fold.parallel else taps), -1), bits)
    if fold.flat:
        flat = padded(by_pe.reshape(len(by_pe), -1), 1, fold.simd).reshape(nf, fold.pe, -1, fold.simd)
        return hex_words(flat.transpose(0, 2, 1, 3).reshape(-1, fold.pe * fold.simd), bits)
    grouped = padded(by_pe, 2, fold.lanes_in).reshape(nf, fold.pe, taps, -1, fold.lanes_in)
    order = (0, 3, 1, 2, 4) if fold.parallel else (0, 2, 3, 1, 4)
    steps = grouped.transpose(order)
    return hex_words(steps.reshape(-1, fold.pe * fold.simd), bits)


def bias_words(op: Linear, fold: Fold, binary: bool = False, acc_bits: int = 0) -> list[str]:
    """One word for each output fold, of sums of so many bits where that is not the layer's own number."""
    return hex_words(padded(starts(op, binary), 0, fold.pe).reshape(-1, fold.pe), acc_bits or op.acc_bits)


def multiplier_words(multipliers: IntArray, channels: int, fold: Fold, bits: int) -> list[str]:
    """One word for each output beat of a pixel."""
    row = np.broadcast_to(multipliers, (channels,))
    return hex_words(padded(row, 0, fold.lanes_out).reshape(-1, fold.lanes_out), bits)


def entry_bits(*tables: Table | Lookup) -> tuple[int, int]:
    """Bits of an entry, at least 2, and of the difference to the next one, of tables in one memory."""
    bits = max(signed_bits(_ends(table.entries)) for table in tables)
    return max(2, bits), max(signed_bits(_ends(np.diff(table.entries))) for table in tables)


def entry_words(*tables: Table | Lookup) -> list[str]:
    """One word for each entry: the entry, and where there are lines between entries, above it what the next is more.

    Tables of one memory, which have one step, stand one behind the other.
    """
    bits, delta_bits = entry_bits(*tables)
    if not tables[0].step:
        return hex_words(np.concatenate([table.entries for table in tables])[:, None], bits)
    entries = np.concatenate([table.entries[:-1] for table in tables]) & ((1 << bits) - 1)
    deltas = np.concatenate([np.diff(table.entries) for table in tables])
    return hex_words((deltas << bits | entries)[:, None], bits + delta_bits)


def _ends(values: IntArray) -> Interval:
    return int(values.min()), int(values.max())


def padded(x: IntArray, axis: int, multiple: int) -> IntArray:
    """`x` with zeros appended so that the size of `axis` is a multiple of `multiple`."""
    widths = [(0, 0)] * x.ndim
    widths[axis] = (0, -x.shape[axis] % multiple)
    return np.pad(x, widths)


def _grouped(rows: IntArray, lanes: int) -> IntArray:
    return padded(rows, 1, lanes).reshape(len(rows), -1, lanes)
