"""Slimming: rows and columns of kernels without weights, and the traps in which a tap must stay."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from nets import tensor
from slim_nets import K1, K3, SAME, conv, layer, rng, slimmed, some

from hwq.ir.window import Window
from hwq.ops import Conv, Depthwise
from hwq.quant.slim_kernel import cut_kernel

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
            op = layer(kind, weight, "a", "y", window=window, pad_value=7)
            cut = cut_kernel(op, tensor(1, size, 2))
            shrunk += cut.window.kernel[1] < taps
            assert min(cut.window.pads) >= 0 and (meets(cut.window, size) or not meets(window, size))
            assert np.array_equal(cut.accumulate(x), op.accumulate(x)), (window, used, cut.window)
    assert shrunk > 100
