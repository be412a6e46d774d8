"""Gradients of layers beside convolutions, against numerical differences of the float network in float64."""

from __future__ import annotations

from typing import Any

import float_nets as fn
import numpy as np
import pytest
from numpy.typing import NDArray

from hwq.frontend import graph as fg
from hwq.frontend.expression import Expr, X
from hwq.quant.value_gradients import VALUE_GRADIENTS

Array = NDArray[Any]
SHAPE = (2, 3, 4, 5)
INDEX = fn.rng(3).integers(-1, 60, (4, 2, 3))

LAYERS: dict[str, tuple[fg.Layer, list[tuple[int, ...]]]] = {
    "tanh": (fg.Function(name="y", inputs=("a",), expr=Expr("Tanh", (X,))), [SHAPE]),
    "swish": (fg.Function(name="y", inputs=("a",), expr=Expr("Mul", (X, Expr("Sigmoid", (X,))))), [SHAPE]),
    "prelu": (fg.PRelu(name="y", inputs=("a",), slopes=np.array([0.1, 0, -0.5, 2, 1])), [SHAPE]),
    "mul": (fg.Mul(name="y", inputs=("a", "b")), [SHAPE, SHAPE]),
    "max": (fg.Extremum(name="y", inputs=("a", "b"), largest=True), [SHAPE, SHAPE]),
    "min": (fg.Extremum(name="y", inputs=("a", "b"), largest=False), [SHAPE, SHAPE]),
    "concat channels": (fg.Concat(name="y", inputs=("a", "b"), axis=0), [SHAPE, (2, 3, 4, 2)]),
    "concat rows": (fg.Concat(name="y", inputs=("a", "b"), axis=1), [SHAPE, (2, 1, 4, 5)]),
    "concat columns": (fg.Concat(name="y", inputs=("a", "b"), axis=2), [SHAPE, (2, 3, 2, 5)]),
    "gather": (fg.Gather(name="y", inputs=("a",), index=INDEX, value=0.5), [SHAPE]),
    "matmul": (fg.MatMul(name="y", inputs=("a", "b"), scale=0.3), [SHAPE, (2, 3, 2, 5)]),
    "softmax": (fg.Softmax(name="y", inputs=("a",)), [SHAPE]),
    "normalise": (fg.Normalise(name="y", inputs=("a",), epsilon=0.01), [SHAPE]),
}


def forward(layer: fg.Layer, xs: list[Array]) -> Array:
    """(batch, height, width, channels) in float64, written from the layers' definitions."""
    a = xs[0]
    match layer:
        case fg.Function():
            return layer.expr(a)
        case fg.PRelu():
            return np.where(a >= 0, a, a * layer.slopes)
        case fg.Mul():
            return a * xs[1]
        case fg.Extremum():
            return (np.maximum if layer.largest else np.minimum)(a, xs[1])
        case fg.Concat():
            return np.concatenate(xs, (3, 1, 2)[layer.axis])
        case fg.Gather():
            flat = np.moveaxis(a, 3, 1).reshape(len(a), -1)
            taken = np.where(layer.index < 0, layer.value, flat[:, layer.index])
            return np.moveaxis(taken, 1, 3)
        case fg.MatMul():
            return np.einsum("zhtk,zhnk->zhtn", a, xs[1]) * layer.scale
        case fg.Softmax():
            powers = np.exp(a)
            return powers / powers.sum(-1, keepdims=True)
        case fg.Normalise():
            return (a - a.mean(-1, keepdims=True)) / np.sqrt(a.var(-1, keepdims=True) + layer.epsilon)
    raise TypeError(layer)


@pytest.mark.parametrize("name", LAYERS)
def test_numerical_differences(name: str) -> None:
    layer, shapes = LAYERS[name]
    rng = fn.rng(4)
    xs = [rng.normal(0, 1, shape) for shape in shapes]
    y = forward(layer, xs)
    seed = rng.normal(0, 1, y.shape)
    values = {name: x.astype(np.float32) for name, x in zip((*layer.inputs, "y"), (*xs, y), strict=True)}
    grads = VALUE_GRADIENTS[type(layer)](layer, seed.astype(np.float32), values)
    assert [grad.shape for grad in grads] == shapes
    for number, grad in enumerate(grads):
        for _ in range(20):
            step = np.zeros(shapes[number])
            step.flat[rng.integers(step.size)] = 1e-6
            ends = [forward(layer, [*xs[:number], xs[number] + s * step, *xs[number + 1 :]]) for s in (1, -1)]
            want = float((seed * (ends[0] - ends[1])).sum()) / 2e-6
            assert float((grad * step).sum()) / 1e-6 == pytest.approx(want, rel=1e-3, abs=1e-4)


def test_all_kinds_are_here() -> None:
    kinds = {type(layer) for layer, _ in LAYERS.values()}
    assert kinds == set(VALUE_GRADIENTS) - {fg.Const, fg.Recurrent}


def test_a_tie_has_one_winner() -> None:
    a = np.ones(SHAPE, np.float32)
    for largest in (True, False):
        layer = fg.Extremum(name="y", inputs=("a", "b"), largest=largest)
        first, second = VALUE_GRADIENTS[fg.Extremum](layer, a, {"a": a, "b": a, "y": a})
        assert np.array_equal(first + second, a)


def test_undefined_slopes_are_zero() -> None:
    layer = fg.Function(name="y", inputs=("a",), expr=Expr("Sqrt", (X,)))
    a = np.full(SHAPE, -1.0, np.float32)
    (grad,) = VALUE_GRADIENTS[fg.Function](layer, a, {"a": a, "y": a})
    assert not grad.any()
