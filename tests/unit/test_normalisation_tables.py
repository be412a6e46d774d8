"""Tables of softmax and of normalisation: close to the real functions, and as long and as fine as they may be."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hwq.arith import quantise
from hwq.ir.types import TensorType
from hwq.ops import Normalise, Softmax
from hwq.quant.normalise_table import normalise_constants
from hwq.quant.softmax_table import MAX_ENTRIES, softmax_table

CHANNELS = [7, 64, 197]


def _integers(bits: int, channels: int, spread: float) -> tuple[NDArray[np.int64], float]:
    """Random pixels of a symmetric type that uses all of its range, and their scale."""
    x = np.random.default_rng([bits, channels]).normal(0.2, spread, (500, 1, 1, channels))
    low, high = TensorType((1, 1, channels), bits, True).range
    scale = float(np.abs(x).max() / high)
    return quantise(x, scale, 0, low, high), scale


def _sqnr(got: NDArray[np.float64], want: NDArray[np.float64]) -> float:
    return float(10 * np.log10((want**2).sum() / ((got - want) ** 2).sum()))


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("bits", "out", "loss"), [(8, 8, 0.5), (16, 8, 0.5), (8, 16, 6), (16, 16, 6)])
def test_softmax_is_nearly_as_good_as_its_rounding(bits: int, out: int, loss: float, channels: int) -> None:
    """No more than `loss` decibel worse than the exact shares, rounded to the output's bits."""
    q, scale = _integers(bits, channels, 3.0)
    exps, step = softmax_table(scale, bits)
    op = Softmax(name="y", inputs=("a",), exps=exps, step=step, reciprocal_bits=out + 24, bits=out)
    op.result(TensorType((1, 1, channels), bits, True))
    want = np.exp((q - q.max(axis=-1, keepdims=True)) * scale)
    want /= want.sum(axis=-1, keepdims=True)
    best = _sqnr(quantise(want, 2.0**-out, 0, 0, (1 << out) - 1) * 2.0**-out, want)
    assert _sqnr(op.evaluate(q) * 2.0**-out, want) > best - loss


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("bits", "out", "least"), [(8, 8, 38), (16, 8, 38), (8, 16, 72), (16, 16, 72)])
def test_normalise_is_close_to_layer_normalisation(bits: int, out: int, least: float, channels: int) -> None:
    q, scale = _integers(bits, channels, 2.0)
    x = q * scale
    want = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    scale_y = float(np.abs(want).max() / ((1 << (out - 1)) - 1))
    eps, table, fraction = normalise_constants(channels, scale, 1e-5, scale_y)
    op = Normalise(
        name="y", inputs=("a",), eps=eps, table=table, index_bits=9, fraction=fraction, bits=out, signed=True
    )  # fmt: skip
    op.result(TensorType((1, 1, channels), bits, True))
    assert _sqnr(op.evaluate(q) * scale_y, want) > least


def test_a_large_epsilon_is_in_units_of_the_integers() -> None:
    """A pixel whose variance is far below epsilon: its results are those of the layer, not of its own variance."""
    eps, table, fraction = normalise_constants(4, 0.5, 100.0, 2.0**-8)
    op = Normalise(name="y", inputs=("a",), eps=eps, table=table, index_bits=9, fraction=fraction, bits=8, signed=True)
    x = np.array([1, -1, 1, -1])
    want = 0.5 * x / np.sqrt(0.25 + 100.0) * 2**8
    assert op.evaluate(x[None, None, None]).ravel().tolist() == np.floor(want + 0.5).tolist()


@pytest.mark.parametrize("bits", [1, 2, 8, 10, 11, 16])
@pytest.mark.parametrize("scale", [2.0**-14, 0.001, 0.1, 20.0])
def test_size_of_the_exponentials(scale: float, bits: int) -> None:
    """The least step with which they fit, nothing behind the first zero, and all distances covered without one."""
    exps, step = softmax_table(scale, bits)
    assert len(exps) <= MAX_ENTRIES and (exps[:-1] > 0).all()
    assert bits > 10 or step == 0
    assert exps[-1] == 0 or (len(exps) - 1) << step >= (1 << bits) - 1
    needed = min(1 << bits, int(np.log(2 * 65_535) / scale) + 2)
    assert step == 0 or needed >> (step - 1) >= MAX_ENTRIES - 1


def test_a_scale_beyond_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="64 channels at an output scale of 1e-09: a factor needs more than 16 bits"):
        normalise_constants(64, 0.1, 1e-5, 1e-9)


@pytest.mark.parametrize("epsilon", [3e38, float("inf")])
def test_an_epsilon_that_hides_every_variance(epsilon: float) -> None:
    assert normalise_constants(64, 2.0**-40, epsilon, 2.0**-5)[0] == 1 << 62
