"""Corner cases of `gather`: the orders that models use, and ones that nobody would."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from nets import gather, tensor

from hwq.arith import IntArray
from hwq.ir.types import TensorType
from hwq.ops import Gather


def positions(x: TensorType) -> IntArray:
    """The flat position of each element of `x`."""
    return np.arange(x.pixels * x.channels).reshape(x.shape)


def shuffled(x: TensorType, groups: int) -> IntArray:
    """Channel shuffle."""
    height, width, channels = x.shape
    tiles = positions(x).reshape(height, width, groups, channels // groups)
    return tiles.swapaxes(2, 3).reshape(x.shape)


def depth_to_space(x: TensorType, size: int) -> IntArray:
    """Channels to tiles of `size` by `size` pixels, column-row-depth as ONNX has it by default."""
    height, width, channels = x.shape
    tiles = positions(x).reshape(height, width, size, size, channels // size**2)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(height * size, width * size, -1)


def space_to_depth(x: TensorType, size: int) -> IntArray:
    """The reverse of `depth_to_space`."""
    height, width, channels = x.shape
    tiles = positions(x).reshape(height // size, size, width // size, size, channels)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(height // size, width // size, -1)


def nearest(x: TensorType, height: int, width: int) -> IntArray:
    """Resize to the nearest pixel, rounding down."""
    rows, columns = (np.arange(n) * size // n for n, size in ((height, x.shape[0]), (width, x.shape[1])))
    return positions(x)[rows][:, columns]


def bordered(x: TensorType, pads: tuple[int, int, int, int], mode: str) -> IntArray:
    """A border of `pads` (top, left, bottom, right) as numpy's modes reflect, edge and so on have it."""
    return np.pad(positions(x), ((pads[0], pads[2]), (pads[1], pads[3]), (0, 0)), mode)  # type: ignore[call-overload]


def orders() -> Iterator[tuple[str, TensorType, IntArray, int]]:
    """Name, input type, index and padding value of each case."""
    x = tensor(5, 7, 3)
    at = positions(x)
    yield "identity", x, at, 0
    yield "transposed", x, at.transpose(1, 0, 2), 0
    yield "channels_first", x, at.transpose(2, 0, 1), 0
    yield "reversed_rows", x, at[::-1], 0
    yield "reversed", x, at[::-1, ::-1, ::-1], 0
    yield "crop", x, at[1:4, 2:6], 0
    yield "crop_channels", x, at[:, :, :2], 0
    yield "last_channels", x, at[:, :, 1:], 0
    yield "every_second", x, at[::2, 1::2], 0
    yield "rows", x, at[2:], 0
    yield "mirrored", x, bordered(x, (2, 1, 1, 3), "reflect"), 0
    yield "edge", x, bordered(x, (1, 2, 0, 1), "edge"), 0
    yield "nearest-2", x, nearest(x, 10, 14), 0
    yield "nearest-columns", x, nearest(x, 5, 21), 0
    yield "nearest-odd", x, nearest(x, 8, 5), 0
    yield "padded", x, np.pad(at, ((1, 2), (0, 1), (0, 0)), constant_values=-1), -128
    yield "padded_channels", x, np.pad(at, ((0, 0), (0, 0), (1, 2)), constant_values=-1), 127
    yield "flat", x, at.reshape(1, 1, -1), 0
    yield "folded", x, at.reshape(3, 7, 5), 0
    yield "one_element", x, at[3:4, 4:5, 1:2], 0
    yield "last_element", x, at[-1:, -1:, -1:], 0
    yield "first_element", x, np.zeros((2, 3, 4), np.int64), 0
    yield "nothing", x, np.full((2, 3, 4), -1), 77
    yield "padding_first", x, np.concatenate([np.full((1, 7, 3), -1), at[:1], at[4:]]), -5
    yield "row_twice", x, at[[0, 0, 3, 3, 2]], 0
    yield "random", x, np.random.default_rng(1).integers(-1, at.size, (4, 3, 5)), 9
    yield "permutation", x, np.random.default_rng(2).permutation(at.size).reshape(7, 3, 5), 0
    wide = tensor(4, 6, 12, signed=False)
    yield "shuffle", wide, shuffled(wide, 3), 0
    yield "shuffle-one_pixel", tensor(1, 1, 8), shuffled(tensor(1, 1, 8), 2), 0
    yield "depth_to_space", wide, depth_to_space(wide, 2), 0
    yield "space_to_depth", wide, space_to_depth(wide, 2), 0
    yield "swapped_halves", wide, np.roll(positions(wide), 6, axis=2), 0
    yield "split", wide, positions(wide)[:, :, 4:8], 0
    vector, image = tensor(1, 1, 6), tensor(3, 5, 6)
    yield "broadcast", vector, np.broadcast_to(positions(vector), image.shape).copy(), 0
    mono = tensor(3, 4, 1)
    yield "broadcast_channels", mono, np.broadcast_to(positions(mono), (3, 4, 5)).copy(), 0
    yield "one_channel", mono, positions(mono).transpose(1, 0, 2), 0
    signal = tensor(1, 19, 2, bits=4)
    yield "signal_reversed", signal, positions(signal)[:, ::-1], 0
    one = tensor(1, 1, 1, bits=1, signed=False)
    yield "1-bit", one, np.zeros((1, 1, 1), np.int64), 0
    bit = tensor(3, 3, 2, bits=1, signed=False)
    yield "1-bit-padded", bit, np.pad(positions(bit)[::-1], ((1, 0), (0, 0), (0, 0)), constant_values=-1), 1
    long = tensor(2, 3, 5, bits=16)
    yield (
        "16-bit",
        long,
        np.pad(positions(long).transpose(1, 0, 2), ((0, 0), (1, 0), (0, 0)), constant_values=-1),
        -32_768,
    )
    many = tensor(9, 8, 5)
    yield "mostly_dropped", many, positions(many)[6:7, 2:3, 3:], 0
    yield "late_rows", many, positions(many)[[8, 7, 8]], 0


def gathers() -> Iterator[tuple[str, TensorType, Gather]]:
    """Name, input type and operation of each case."""
    for name, x, index, value in orders():
        yield name, x, gather(index, value)


def long_gathers() -> Iterator[tuple[str, TensorType, Gather]]:
    """Frames long enough for their cycles to be counted: blocks of all sizes, and crops."""
    square, deep = tensor(20, 20, 2), tensor(8, 8, 12)
    at = positions(square)
    yield "transposed", square, gather(at.transpose(1, 0, 2))
    yield "reversed", square, gather(at[::-1, ::-1])
    yield "mirrored", square, gather(bordered(square, (3, 3, 3, 3), "reflect"))
    yield "nearest", square, gather(nearest(square, 40, 40))
    yield "nearest-odd", square, gather(nearest(square, 33, 17))
    yield "reduced", square, gather(np.concatenate([at[10:12, 5:9], at[11:13, 5:9]]))
    yield "crop", square, gather(at[3:-3, 1:])
    yield "permutation", square, gather(np.random.default_rng(3).permutation(at.size).reshape(square.shape))
    yield "drawn", square, gather(np.random.default_rng(4).integers(-1, at.size, (25, 20, 2)))
    yield "shuffle", deep, gather(shuffled(deep, 4))
    yield "depth_to_space", deep, gather(depth_to_space(deep, 2))
    yield "space_to_depth", deep, gather(space_to_depth(deep, 2))
    vector = tensor(1, 1, 12)
    yield "broadcast", vector, gather(np.broadcast_to(positions(vector), (20, 20, 12)))
