"""Weights of a layer: moments against sums in float64, and scales, integers and biases that fit them."""

from __future__ import annotations

import itertools
import math
from dataclasses import fields, replace
from typing import Any

import float_nets as fn
import numpy as np
import pytest
from numpy.typing import NDArray

from hwq.ir.window import Window
from hwq.ops import Codebook
from hwq.ops.coding import PowerSums, codes
from hwq.quant.calibration import halves
from hwq.quant.config import LayerConfig, ScaleKind, WeightKind
from hwq.quant.moments import Moments, moments
from hwq.quant.rounding import Solver
from hwq.quant.weights import ENOUGH, MANTISSAS, Fit, fit

Array = NDArray[Any]
PADDED = Window((3, 2), (2, 1), (1, 2), (1, 0, 2, 1))


def direct(x: Array, z: Array, window: Window, pad: int, groups: int, scale: float) -> Moments:
    """The definition, in float64."""
    taps = [view for _, _, view in window.slices((x - pad).astype(np.float64) * scale, 0)]
    inputs = np.stack(taps, 3).reshape(len(x), -1, window.taps, x.shape[3])
    rows = np.stack([part.reshape(*part.shape[:2], -1) for part in np.split(inputs, groups, 3)])
    flat = z.reshape(len(z), -1, z.shape[3]).astype(np.float64)
    target = np.stack(np.split(flat, groups, 2))
    mean_x, mean_z = rows.mean((1, 2)), target.mean((1, 2))
    far, goal = rows - mean_x[:, None, None], target - mean_z[:, None, None]

    def centred(samples: slice | Array) -> tuple[Array, Array]:
        a, b = (part[:, samples].reshape(len(part), -1, part.shape[3]) for part in (far, goal))
        return a.transpose(0, 2, 1) @ a / a.shape[1], b.transpose(0, 2, 1) @ a / a.shape[1]

    (xx, zx), one, two = centred(slice(None)), centred(halves(len(x)) == 0), centred(halves(len(x)) == 1)
    return Moments(xx, zx, mean_x, mean_z, (one[0] - two[0]) / 2, (one[1] - two[1]) / 2)


def close(got: Moments, want: Moments, rtol: float) -> None:
    for field in fields(Moments):
        a, b = getattr(got, field.name), getattr(want, field.name)
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * float(np.abs(b).max()), err_msg=field.name)


@pytest.mark.parametrize("bits", [4, 8, 16])
@pytest.mark.parametrize(("groups", "outputs"), [(1, 3), (4, 4), (2, 6), (4, 8)])
@pytest.mark.parametrize(("window", "pad"), [(Window((1, 1)), 0), (PADDED, 0), (PADDED, 3), (Window((6, 5)), 1)])
def test_moments(window: Window, pad: int, groups: int, outputs: int, bits: int) -> None:
    rng = fn.rng()
    x = rng.integers(0, 1 << bits, (30, 6, 5, 4)).astype(np.float32)
    rows, columns = window.output(6, 5)
    z = rng.normal(0.5, 2, (30, rows, columns, outputs)).astype(np.float32)
    arguments = (x, z, window, pad, groups, 0.01)
    close(moments(*arguments), direct(*arguments), 1e-3)


def test_moments_of_targets_near_the_largest_of_float32() -> None:
    """Their sums of products are beyond it."""
    rng = fn.rng()
    x, z = rng.integers(0, 255, (30, 4, 4, 3)).astype(np.float32), rng.normal(0, 1, (30, 4, 4, 2)).astype(np.float32)
    plain, large = (moments(x, z * np.float32(factor), Window((1, 1)), 5, 1, 0.5) for factor in (1, 2.0**120))
    np.testing.assert_allclose(large.cross, plain.cross * 2.0**120, rtol=1e-3, atol=1e-4 * 2.0**120)


def test_moments_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = fn.rng()
    x, z = rng.integers(0, 255, (30, 4, 4, 3)).astype(np.float32), rng.normal(0, 1, (30, 4, 4, 2)).astype(np.float32)
    arguments = (x, z, Window((1, 1)), 5, 1, 0.5)
    monkeypatch.setattr("hwq.quant.moments.CHUNK_BYTES", 2000)
    close(moments(*arguments), direct(*arguments), 1e-4)
    monkeypatch.setattr("hwq.quant.moments.MAX_ROWS", 200)
    some = moments(*arguments)
    np.testing.assert_allclose(np.diagonal(some.covariance[0]), np.diagonal(direct(*arguments).covariance[0]), rtol=0.3)


def test_one_sample_is_not_trusted() -> None:
    """The spread is then as large as the moments."""
    x, z = fn.rng().integers(0, 255, (1, 3, 3, 2)).astype(np.float32), np.ones((1, 1, 1, 4), np.float32)
    got = moments(x, z, Window((3, 3)), 0, 1, 1.0)
    assert np.array_equal(got.spread_covariance, got.covariance) and np.array_equal(got.spread_cross, got.cross)
    assert np.linalg.eigvalsh(got.covariance).min() >= 0.0


@pytest.mark.parametrize("spread", [0, 1, 5])
@pytest.mark.parametrize("level", [100, 200, 60_000])
def test_moments_far_from_zero(level: int, spread: int) -> None:
    """Inputs that hardly vary: the variance does not drown in the rounding of the squares of their mean."""
    x = (level + fn.rng().integers(0, spread + 1, (50, 8, 8, 3))).astype(np.float32)
    z = fn.rng(2).normal(0, 1, (50, 6, 6, 2)).astype(np.float32)
    arguments = (x, z, Window((3, 3)), 0, 1, 1.0)
    got, want = moments(*arguments), direct(*arguments)
    np.testing.assert_allclose(got.covariance, want.covariance, atol=0.05 * max(spread, 0.2) ** 2)
    assert np.linalg.eigvalsh(got.covariance).min() >= -0.01 * max(spread, 0.2) ** 2


def layer(rows: int = 6, size: int = 12, groups: int = 1, seed: int = 0) -> tuple[Array, Moments]:
    """Weights (M, D) and moments whose best weights they are; the bias is 2."""
    rng = fn.rng(seed)
    x = rng.normal(0.5, 1, (groups, 800, size)) @ (np.eye(size) + rng.normal(0, 0.4, (groups, size, size)))
    w = rng.normal(0, 1, (groups, rows, size)) * 2.0 ** rng.uniform(-3, 3, (groups, rows, 1))
    z = x @ w.transpose(0, 2, 1) + 2.0
    mean_x, mean_z = x.mean(1), z.mean(1)
    far, goal = x - mean_x[:, None], z - mean_z[:, None]
    xx, zx = far.transpose(0, 2, 1) @ far / 800, goal.transpose(0, 2, 1) @ far / 800
    seen = Moments(xx, zx, mean_x, mean_z, np.zeros_like(xx), np.zeros_like(zx))
    return w.reshape(-1, size), seen


def fitted(w: Array, seen: Moments, kind: ScaleKind, config: LayerConfig, floor: float = 2.0**-30) -> Fit:
    return fit(w, seen, lambda top: np.full(len(w), floor), kind, config)


def mantissa_bits(scale: float) -> int:
    bits = 1
    while not math.ldexp(math.frexp(scale)[0], bits).is_integer():
        bits += 1
    return bits


KINDS = {
    "uniform": LayerConfig(weight_bits=4),
    "bipolar": LayerConfig(weight_bits=1),
    "ternary": LayerConfig(weight_bits=2),
    "table": LayerConfig(weight_bits=6, weights=WeightKind.CODEBOOK, entries=6),
    "tables": LayerConfig(weight_bits=6, weights=WeightKind.CODEBOOK, entries=4, shared_table=False),
    "powers": LayerConfig(weight_bits=6, weights=WeightKind.POWERS, terms=1),
    "sums": LayerConfig(weight_bits=8, weights=WeightKind.POWERS, terms=2),
}


@pytest.mark.parametrize("solver", list(Solver))
@pytest.mark.parametrize("kind", list(ScaleKind))
@pytest.mark.parametrize("groups", [1, 5])
@pytest.mark.parametrize("name", KINDS)
def test_fit(name: str, groups: int, kind: ScaleKind, solver: Solver) -> None:
    """Scales are legal, integers have codes, and the bias takes the mean error out."""
    config = replace(KINDS[name], solver=solver)
    w, seen = layer(1 if groups > 1 else 6, 9, groups)
    found = fitted(w, seen, kind, config)
    assert found.integers.shape == w.shape and found.integers.dtype == np.int64
    assert found.bits == max(2, config.weight_bits) and np.abs(found.integers).max() <= 1 << (found.bits - 1)
    allowed = {ScaleKind.POW2: 1, ScaleKind.EXACT: config.mantissa_bits}.get(kind, 53)
    assert all(mantissa_bits(scale) <= allowed for scale in found.scales)
    if found.coding is not None:
        assert isinstance(found.coding, PowerSums if config.weights is WeightKind.POWERS else Codebook)
        codes(found.integers, found.coding.values(found.bits), found.bits)
    real = (found.integers * found.scales[:, None]).reshape(groups, -1, 9)
    want = seen.mean_z - (real @ seen.mean_x[:, :, None])[:, :, 0]
    np.testing.assert_allclose(found.bias, want.ravel())
    error = real - w.reshape(real.shape)
    measured = ((error @ seen.covariance) * error).sum(2).ravel()
    assert solver is Solver.NEAREST or (measured <= 1.6 * found.error + 1e-9).all()
    power = ((w.reshape(real.shape) @ seen.covariance) * w.reshape(real.shape)).sum()
    assert measured.sum() < {"bipolar": 0.9, "ternary": 0.5}.get(name, 0.15) * power


@pytest.mark.parametrize("kind", list(ScaleKind))
@pytest.mark.parametrize("name", KINDS)
def test_one_scale_for_all(name: str, kind: ScaleKind) -> None:
    w, seen = layer()
    found = fitted(w, seen, kind, replace(KINDS[name], per_channel=False))
    assert len(set(found.scales)) == 1
    own = fitted(w, seen, kind, KINDS[name])
    assert own.error.sum() < 1.1 * found.error.sum() and len(set(own.scales)) > 1


@pytest.mark.parametrize("kind", list(ScaleKind))
def test_solvers_and_widths_in_order(kind: ScaleKind) -> None:
    """Descent is never worse than GPTQ, and more bits are better."""
    w, seen = layer(8, 30)
    errors = []
    for bits in (1, 2, 3, 4, 6, 8, 12):
        by = {s: fitted(w, seen, kind, LayerConfig(weight_bits=bits, solver=s)).error.sum() for s in Solver}
        assert by[Solver.DESCENT] <= by[Solver.GPTQ] + 1e-12
        errors.append(by[Solver.DESCENT])
    assert all(later < 0.7 * sooner for sooner, later in itertools.pairwise(errors)), errors


@pytest.mark.parametrize("solver", [Solver.GPTQ, Solver.DESCENT, Solver.GPFQ])
def test_what_earlier_layers_lost_is_made_good(solver: Solver) -> None:
    """Targets that other weights explain better draw the weights there."""
    w, seen = layer()
    better = replace(seen, cross=1.25 * seen.cross)
    config = LayerConfig(weight_bits=8, solver=solver)
    found = fitted(w, better, ScaleKind.FIXED, config)
    ratio = (found.integers * found.scales[:, None] * w).sum() / (w * w).sum()
    assert 1.2 < ratio < 1.26
    nearest = fitted(w, better, ScaleKind.FIXED, replace(config, solver=Solver.NEAREST))
    assert abs((nearest.integers * nearest.scales[:, None] * w).sum() / (w * w).sum() - 1) < 0.01


@pytest.mark.parametrize("bits", [2, 4])
def test_exact_scales_lie_between(bits: int) -> None:
    """Real scales are at least as good as those of 3 mantissa bits, and these as powers of two."""
    sums = dict.fromkeys(ScaleKind, 0.0)
    for seed in range(8):
        w, seen = layer(8, 20, seed=seed)
        for kind in ScaleKind:
            sums[kind] += fitted(w, seen, kind, LayerConfig(weight_bits=bits)).error.sum()
    assert sums[ScaleKind.EXACT] < sums[ScaleKind.POW2] and sums[ScaleKind.EXACT] < 1.1 * sums[ScaleKind.FIXED]


@pytest.mark.parametrize("name", KINDS)
def test_fewest_mantissa_bits(name: str) -> None:
    """0 chooses the fewest bits whose error is next to the least."""
    w, seen = layer(8, 20)
    config = KINDS[name]
    by = {b: fitted(w, seen, ScaleKind.EXACT, replace(config, mantissa_bits=b)) for b in MANTISSAS}
    least = min(found.error.sum() for found in by.values())
    want = min(b for b, found in by.items() if found.error.sum() <= ENOUGH * least)
    got = fitted(w, seen, ScaleKind.EXACT, replace(config, mantissa_bits=0))
    assert np.array_equal(got.scales, by[want].scales) and np.array_equal(got.integers, by[want].integers)


@pytest.mark.parametrize("kind", list(ScaleKind))
@pytest.mark.parametrize("name", KINDS)
def test_scales_keep_above_the_floor(name: str, kind: ScaleKind) -> None:
    w, seen = layer()
    found = fitted(w, seen, kind, KINDS[name], 0.5)
    assert (found.scales >= 0.5).all() and np.isfinite(found.error).all()
