"""Gradients of a float network: against numerical differences in float64, and what the sensitivity promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import float_nets as fn
import numpy as np
import pytest
from numpy.typing import NDArray

from hwq.frontend import graph as fg
from hwq.quant.gradient import backward, window_of
from hwq.quant.sensitivity import squared_gradients

Values = dict[str, NDArray[Any]]


def by_group(layer: fg.Conv, view: NDArray[Any], i: int, j: int) -> NDArray[Any]:
    """What one tap adds to the outputs."""
    inputs, kernels = np.split(view, layer.groups, 3), np.split(layer.weight[:, :, i, j], layer.groups)
    return np.concatenate([x @ w.T for x, w in zip(inputs, kernels, strict=True)], 3)


def forward(layers: Sequence[fg.Layer], known: Values) -> Values:
    """`known` and what `layers` make of it, in float64, by plain loops over taps."""
    values = {name: x.astype(np.float64) for name, x in known.items()}
    for layer in layers:
        a = values[layer.inputs[0]]
        match layer:
            case fg.Conv():
                taps = window_of(layer).slices(a, 0)
                y = sum(by_group(layer, view, i, j) for i, j, view in taps) + layer.bias
            case fg.Dense():
                y = (np.einsum("nhwc,mchw->nm", a, layer.weight) + layer.bias)[:, None, None]
            case fg.Add():
                y = a + values[layer.inputs[1]]
            case fg.AvgPool():
                y = sum(view for _, _, view in window_of(layer).slices(a, 0)) / np.prod(layer.kernel)
            case fg.MaxPool():
                y = np.maximum.reduce([view for _, _, view in window_of(layer).slices(a, -(10**9))])
            case fg.Pad():
                top, left, bottom, right = layer.pads
                y = np.pad(a, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=layer.value)
            case fg.ArgMax():
                y = a.argmax(axis=3)[..., None].astype(np.float64)
            case _:
                y = a
        clip = getattr(layer, "clip", fg.Clip())
        values[layer.name] = np.clip(y, *clip.bounds())
    return values


def check(layers: list[fg.Layer], shape: fg.Shape = (3, 7, 6), outputs: tuple[str, ...] = ("out",)) -> Values:
    """Compare the gradient at the input with differences in 40 random directions; the gradients."""
    rng = fn.rng(2)
    x = rng.normal(0, 1, (2, shape[1], shape[2], shape[0]))
    bare = fn.graph(shape, layers, {}, ())
    values = forward(layers, {"in": x})
    seeds = {name: rng.choice([-1.0, 1.0], values[name].shape).astype(np.float32) for name in outputs}

    def total(moved: NDArray[np.float64]) -> float:
        found = forward(layers, {"in": moved})
        return float(sum((seeds[name] * found[name]).sum() for name in outputs))

    grads = dict(backward(bare, {name: v.astype(np.float32) for name, v in values.items()}, seeds))
    scale = float(np.abs(grads["in"]).max())
    for _ in range(40):
        step = 1e-6 * rng.choice([-1.0, 0.0, 1.0], x.shape, p=[0.05, 0.9, 0.05])
        want = (total(x + step) - total(x - step)) / 2.0
        assert abs(want - float((grads["in"] * step).sum())) <= 1e-6 * 1e-4 * max(scale, 1.0) * x.size**0.5
    assert scale > 0.0
    return grads


PADS = (1, 0, 2, 1)
CLIPS = {
    "none": fg.Clip(),
    "relu": fn.RELU,
    "relu6": fg.Clip(0.0, 0.7),
    "factors": fg.Clip(-0.2, 0.5, (1.0, 2.0, 0.3, 1.5)),
}
LAYERS: dict[str, list[fg.Layer]] = {
    "conv": [fn.conv("out", "in", (4, 3, 3, 3))],
    "conv stride": [fn.conv("out", "in", (4, 3, 3, 2), stride=(2, 3), pads=PADS)],
    "conv dilation": [fn.conv("out", "in", (4, 3, 2, 3), dilation=(3, 2), pads=PADS)],
    "depthwise": [fn.conv("out", "in", (3, 1, 3, 3), groups=3, pads=PADS)],
    "depthwise stride": [fn.conv("out", "in", (3, 1, 2, 3), groups=3, stride=(2, 2), dilation=(2, 1))],
    "multiplier": [fn.conv("out", "in", (6, 1, 3, 3), groups=3, pads=PADS)],
    "groups": [
        fn.conv("a", "in", (4, 3, 1, 1), clip=fn.RELU),
        fn.conv("out", "a", (6, 2, 2, 3), groups=2, stride=(2, 1), pads=PADS),
    ],
    "dense": [fn.dense("out", "in", (5, 3, 7, 6))],
    "average": [fg.AvgPool(name="out", inputs=("in",), kernel=(3, 2), stride=(2, 1), pads=PADS)],
    "average of all": [fg.AvgPool(name="out", inputs=("in",), kernel=(7, 6))],
    "maximum": [fg.MaxPool(name="out", inputs=("in",), kernel=(3, 2), stride=(1, 2), pads=(2, 0, 1, 1))],
    "maximum dilated": [fg.MaxPool(name="out", inputs=("in",), kernel=(2, 2), dilation=(2, 3), stride=(2, 2))],
    "pad": [fg.Pad(name="out", inputs=("in",), pads=PADS, value=0.5)],
    "twice": [fg.Add(name="out", inputs=("in", "in"), clip=fg.Clip(-1.0, 1.0))],
    "activation": [fg.Activation(name="out", inputs=("in",), clip=fg.Clip(-0.5, 0.9, (1.0, 0.5, 3.0)))],
    "residual": [
        fn.conv("a", "in", (3, 3, 3, 3), pads=fn.BORDER, clip=fn.RELU),
        fn.conv("bb", "a", (3, 3, 1, 1)),
        fg.Add(name="s", inputs=("bb", "a"), clip=fn.RELU),
        fn.dense("out", "s", (4, 3, 7, 6)),
    ],
}


@pytest.mark.parametrize("name", LAYERS)
def test_numerical_differences(name: str) -> None:
    check(LAYERS[name])


@pytest.mark.parametrize("clip", CLIPS)
def test_clips(clip: str) -> None:
    """The gradient before a clip is that after it where nothing was cut, and zero elsewhere."""
    layers: list[fg.Layer] = [fn.conv("out", "in", (4, 3, 3, 3), clip=CLIPS[clip])]
    grads = check(layers)
    cut = grads["out:pre"] != grads["out"]
    assert cut.any() == (clip != "none") and not cut.all()
    assert not grads["out:pre"][cut].any()


def test_every_layer() -> None:
    check([*fn.every_layer().layers], (2, 6, 6))
    check([*fn.blocks().layers], (2, 6, 6), ("out", "sum1"))


def test_an_output_inside_counts_too() -> None:
    layers = [fn.conv("a", "in", (3, 3, 1, 1)), fn.conv("out", "a", (2, 3, 1, 1))]
    both, last = check([*layers], outputs=("a", "out")), check([*layers])
    assert not np.allclose(both["a"], last["a"])


def test_argmax_stops_the_gradient() -> None:
    layers = [fn.conv("a", "in", (3, 3, 1, 1)), fg.ArgMax(name="i", inputs=("a",)), fn.conv("out", "a", (2, 3, 1, 1))]
    with_index, without = check([*layers]), check([layers[0], layers[2]])
    assert np.array_equal(with_index["in"], without["in"])


@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (1, 1, 1, 1)])
@pytest.mark.parametrize("value", [0.0, 1.0, -1.0])
def test_ties_of_a_maximum(value: float, pads: fg.Pads) -> None:
    """One winner takes all, and the border never wins: no part of the gradient is lost."""
    graph = fn.graph((2, 4, 4), [fg.MaxPool(name="out", inputs=("in",), kernel=(3, 3), pads=pads)], {}, ())
    x = np.full((1, 4, 4, 2), value)
    values = {name: v.astype(np.float32) for name, v in forward(graph.layers, {"in": x}).items()}
    seed = fn.rng().normal(0, 1, values["out"].shape).astype(np.float32)
    grads = dict(backward(graph, values, {"out": seed}))
    np.testing.assert_allclose(grads["in"].sum(axis=(1, 2)), seed.sum(axis=(1, 2)), rtol=1e-5)


def test_each_gradient_comes_once_and_complete() -> None:
    graph = fn.blocks()
    values = fn.run(graph, fn.data(count=2))
    seeds = {"out": np.ones_like(values["out"])}
    found = list(backward(graph, values, seeds))
    names = [name for name, _ in found]
    layers = [layer.name for layer in reversed(graph.layers)]
    assert names == [part for name in layers for part in (name, f"{name}:pre")] + ["in"]
    assert all(grad.shape == values[name.removesuffix(":pre")].shape for name, grad in found)
    assert all(grad.dtype == np.float32 for _, grad in found)


@pytest.mark.parametrize("tensor", ["stem", "expand1", "sum1", "depth2", "project2", "mean"])
def test_small_errors_do_what_is_predicted(tensor: str) -> None:
    """Noise in one tensor changes the outputs, squared and summed, by the noise's power times squared gradients."""
    graph, count, sigma = fn.blocks(), 32, 1e-3
    samples = fn.data(count=count)
    values = fn.run(graph, samples)
    rng = fn.rng(4)
    squares = squared_gradients(fn.calibration(graph, samples), values, rng)[tensor]
    predicted = sigma**2 * float(squares.astype(np.float64).sum())
    start = [layer.name for layer in graph.layers].index(tensor) + 1
    measured = 0.0
    for _ in range(8):
        noisy = {**values, tensor: values[tensor] + rng.normal(0, sigma, values[tensor].shape)}
        measured += float(((forward(graph.layers[start:], noisy)["out"] - values["out"]) ** 2).sum()) / 8
    assert 0.7 < measured / predicted < 1.4
