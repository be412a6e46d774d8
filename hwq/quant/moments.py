"""Moments of a linear layer's input and target on calibration data: what every weight solver works on.

With x the integers of the input as real values (one row for each output position, taps and channels as columns) and
z the float network's output before the activation, a row of weights w and its bias b leave the squared error

    E[(w . x + b - z)^2] = (w - w*)^T H (w - w*) + rest,   b = E[z] - w . E[x],   H = Cov(x),   H w* = Cov(x, z)

so that the best bias, the weights that make good for what earlier layers lost, and the price of rounding each weight
all follow from H, Cov(x, z) and two means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.ir.window import Window
from hwq.quant.calibration import halves
from hwq.sim.kernels import columns, grouped

MAX_ROWS = 1 << 17
"""Positions that are used at most, spread evenly at random over the samples."""
CHUNK_BYTES = 64 << 20
LARGE = 2.0**64
"""Targets from which on sums of products are made in float64: in float32 they may overflow."""

Array = NDArray[np.float64]
Floats = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Centred second moments, of each group of channels by itself; a dense layer has one.

    covariance (groups, D, D), cross (groups, rows, D), mean_x (groups, D), mean_z (groups, rows); rows times groups
    are the output channels, D is the taps times the input channels of a group.  `spread_covariance` and `spread_cross`
    are half the difference of what two halves of the samples say: of the size of the error that few samples leave in
    each entry.
    """

    covariance: Array
    cross: Array
    mean_x: Array
    mean_z: Array
    spread_covariance: Array
    spread_cross: Array


def moments(x: Floats, z: Floats, window: Window, pad: int, groups: int, scale: float) -> Moments:
    """Moments of integers `x` (n, h, w, C), less `pad`, the zero point, and times `scale`, and `z` (n, oh, ow, M)."""
    sums = (_Sum(), _Sum())
    origin: tuple[Floats, Floats] | None = None
    for half, rows, targets in _rows(x, z, window, pad, groups):
        origin = origin or (rows.mean(1, keepdims=True), targets.mean(1, keepdims=True))
        sums[half].add(rows - origin[0], targets - origin[1])
    assert origin is not None
    total = sums[0].plus(sums[1])
    mean_x, mean_z = total.x / total.count, total.z / total.count
    xx, zx = total.centred(mean_x, mean_z)
    spread = (xx, zx)  # one sample tells nothing about others
    if sums[1].count:
        one, two = (each.centred(mean_x, mean_z) for each in sums)
        spread = ((one[0] - two[0]) / 2.0, (one[1] - two[1]) / 2.0)
    return Moments(
        xx * scale**2, zx * scale, (mean_x + origin[0][:, 0]) * scale, mean_z + origin[1][:, 0],
        spread[0] * scale**2, spread[1] * scale,
    )  # fmt: skip


class _Sum:
    """Sums of products of values less a rough mean, in float32 within a chunk and in float64 over chunks."""

    def __init__(self) -> None:
        self.count = 0
        self.xx: Any = 0.0
        self.zx: Any = 0.0
        self.x: Any = 0.0
        self.z: Any = 0.0

    def add(self, x: Floats, z: Floats) -> None:
        """Take in x (groups, N, D) and z (groups, N, rows)."""
        self.count += x.shape[1]
        self.xx = self.xx + (x.transpose(0, 2, 1) @ x).astype(np.float64)
        wide = z.astype(np.float64) if np.abs(z).max() > LARGE else z
        self.zx = self.zx + (wide.transpose(0, 2, 1) @ x).astype(np.float64)
        self.x = self.x + x.sum(1, dtype=np.float64)
        self.z = self.z + z.sum(1, dtype=np.float64)

    def plus(self, other: _Sum) -> _Sum:
        """Both together."""
        total = _Sum()
        for name in ("count", "xx", "zx", "x", "z"):
            setattr(total, name, getattr(self, name) + getattr(other, name))
        return total

    def centred(self, mean_x: Array, mean_z: Array) -> tuple[Array, Array]:
        """Covariance and cross-covariance about these means, which need not be those of the sums."""
        x, z = self.x / self.count - mean_x, self.z / self.count - mean_z
        xx = self.xx / self.count - mean_x[:, :, None] * mean_x[:, None, :]
        zx = self.zx / self.count - mean_z[:, :, None] * mean_x[:, None, :]
        xx = xx - x[:, :, None] * mean_x[:, None, :] - mean_x[:, :, None] * x[:, None, :]
        return xx, zx - z[:, :, None] * mean_x[:, None, :] - mean_z[:, :, None] * x[:, None, :]


def _rows(x: Floats, z: Floats, window: Window, pad: int, groups: int) -> Iterator[tuple[int, Floats, Floats]]:
    """Half, inputs (groups, N, D) and targets (groups, N, rows), some samples at a time."""
    rng = np.random.default_rng(0)
    positions, channels = z.shape[1] * z.shape[2], z.shape[3]
    size = max(1, CHUNK_BYTES // (4 * positions * window.taps * x.shape[3]))
    keep = min(1.0, MAX_ROWS / (len(x) * positions))
    parts = [(half, np.flatnonzero(halves(len(x)) == half)) for half in (0, 1)]
    for half, few in ((half, all_[k : k + size]) for half, all_ in parts for k in range(0, len(all_), size)):
        part = x[few].astype(np.float32) - np.float32(pad)
        target = z[few].reshape(-1, channels)
        chosen = slice(None)
        if keep < 1.0:
            chosen = np.sort(rng.choice(len(target), max(1, int(len(target) * keep)), replace=False))  # type: ignore[assignment]
        target = target[chosen]
        inputs = grouped(columns(part, window, 0)[chosen], window.taps, groups)
        yield half, inputs, target.reshape(len(target), groups, -1).transpose(1, 0, 2)
