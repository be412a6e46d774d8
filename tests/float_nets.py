"""Small float networks and calibration data for tests of the quantiser.

Networks read the tensor `in`; their outputs are called like their tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.frontend import graph as fg
from hwq.frontend.reference import FloatReference
from hwq.quant.calibration import Calibration

RELU, RELU6 = fg.Clip(0.0), fg.Clip(0.0, 6.0)
BORDER = (1, 1, 1, 1)
Samples = dict[str, NDArray[np.float32]]


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def graph(
    shape: fg.Shape, layers: list[fg.Layer], shapes: dict[str, fg.Shape], outputs: tuple[str, ...] = ("out",)
) -> fg.FloatGraph:
    def order(size: fg.Shape) -> NDArray[np.int64]:
        return np.arange(int(np.prod(size))).reshape(size)

    return fg.FloatGraph(
        "g",
        (fg.GraphInput("x", "in", shape, "float32", order(shape)),),
        tuple(fg.GraphOutput(name, name, shapes[name], order(shapes[name])) for name in outputs),
        tuple(layers),
        {"in": shape, **shapes},
    )


def conv(name: str, source: str, shape: tuple[int, ...], gain: float = 0.3, **more: Any) -> fg.Conv:
    weight = rng(len(name)).normal(0, gain, shape)
    return fg.Conv(name=name, inputs=(source,), weight=weight, bias=rng(3).normal(0, 0.1, shape[0]), **more)


def dense(name: str, source: str, shape: tuple[int, ...], gain: float = 0.3, **more: Any) -> fg.Dense:
    weight = rng(5).normal(0, gain, shape)
    return fg.Dense(name=name, inputs=(source,), weight=weight, bias=np.zeros(shape[0]), **more)


def every_layer(clip: fg.Clip = RELU6) -> fg.FloatGraph:
    """One of each kind of layer; `clip` is that of the addition."""
    layers: list[fg.Layer] = [
        conv("c", "in", (4, 2, 3, 3), pads=BORDER, clip=RELU),
        conv("d", "c", (4, 1, 3, 3), pads=BORDER, groups=4),
        fg.Add(name="s", inputs=("c", "d"), clip=clip),
        fg.MaxPool(name="m", inputs=("s",), kernel=(2, 2), stride=(2, 2)),
        fg.Pad(name="p", inputs=("m",), pads=(1, 0, 0, 1), value=0.5),
        fg.Activation(name="t", inputs=("p",), clip=fg.Clip(0.1, 0.9)),
        fg.AvgPool(name="v", inputs=("t",), kernel=(2, 2)),
        dense("out", "v", (5, 4, 3, 3)),
    ]
    shapes: dict[str, fg.Shape] = {
        "c": (4, 6, 6), "d": (4, 6, 6), "s": (4, 6, 6), "m": (4, 3, 3), "p": (4, 4, 4), "t": (4, 4, 4),
        "v": (4, 3, 3), "out": (5, 1, 1),
    }  # fmt: skip
    return graph((2, 6, 6), layers, shapes)


def blocks(clip: fg.Clip = RELU6) -> fg.FloatGraph:
    """Two inverted residuals, the first with a clip at `clip`, a pool, and a dense layer."""
    layers: list[fg.Layer] = [
        conv("stem", "in", (4, 2, 3, 3), pads=BORDER, clip=RELU),
        conv("expand1", "stem", (8, 4, 1, 1), 0.8, clip=clip),
        conv("depth1", "expand1", (8, 1, 3, 3), 0.8, pads=BORDER, groups=8, clip=clip),
        conv("project1", "depth1", (4, 8, 1, 1)),
        fg.Add(name="sum1", inputs=("project1", "stem")),
        conv("expand2", "sum1", (8, 4, 1, 1), 0.8, clip=RELU),
        conv("depth2", "expand2", (8, 1, 3, 3), 0.8, pads=BORDER, groups=8, stride=(2, 2)),
        conv("project2", "depth2", (6, 8, 1, 1)),
        fg.MaxPool(name="pool", inputs=("project2",), kernel=(2, 2)),
        fg.AvgPool(name="mean", inputs=("pool",), kernel=(2, 2)),
        dense("out", "mean", (5, 6, 1, 1), 0.8),
    ]
    shapes: dict[str, fg.Shape] = {
        "stem": (4, 6, 6), "expand1": (8, 6, 6), "depth1": (8, 6, 6), "project1": (4, 6, 6), "sum1": (4, 6, 6),
        "expand2": (8, 6, 6), "depth2": (8, 3, 3), "project2": (6, 3, 3), "pool": (6, 2, 2), "mean": (6, 1, 1),
        "out": (5, 1, 1),
    }  # fmt: skip
    return graph((2, 6, 6), layers, shapes)


def single(weight: NDArray[Any], bias: NDArray[Any], clip: fg.Clip | None = None) -> fg.FloatGraph:
    """One 1x1 convolution over 3 channels of 2x2 pixels."""
    weight = weight.reshape(-1, 3, 1, 1)
    layer = fg.Conv(name="out", inputs=("in",), weight=weight, bias=bias, clip=clip or fg.Clip())
    return graph((3, 2, 2), [layer], {"out": (len(bias), 2, 2)})


def data(shape: fg.Shape = (2, 6, 6), count: int = 40, low: float = -1.0, seed: int = 7) -> Samples:
    return {"in": rng(seed).uniform(low, 1.0, (count, *shape)).astype(np.float32)}


def calibration(net: fg.FloatGraph, samples: Samples | None = None) -> Calibration:
    return Calibration(net, samples or data(net.shapes["in"]), FloatReference(net))


def run(net: fg.FloatGraph, samples: Samples, tensors: list[str] | None = None) -> dict[str, NDArray[np.float32]]:
    """Tensors (all by default) of the float network, (n, height, width, channels)."""
    found = FloatReference(net).run(samples, tensors or list(net.shapes))
    return {name: x.transpose(0, 2, 3, 1) for name, x in found.items()}


ODD: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {
    "all zero": (np.zeros((2, 3)), np.zeros(2)),
    "constant": (np.zeros((2, 3)), np.array([1.5, -0.25])),
    "one constant channel": (np.array([[0.5, -1, 2], [0, 0, 0]]), np.array([0.1, 3.0])),
    "dead channel": (np.array([[0.5, -1, 2], [1e-30, -2e-31, 3e-30]]), np.array([0.1, 0.7])),
    "dead channels only": (np.full((2, 3), 1e-30), np.array([1e-31, 0.0])),
    "huge bias": (np.array([[0.01, 0.02, -0.01], [0.5, 1, 2]]), np.array([1e4, -1.0])),
    "huge bias of a dead channel": (np.array([[0.5, 1, 2], [1e-30, 0, 0]]), np.array([0.1, -1e4])),
    "uneven channels": (np.array([[1e-4, 2e-4, -1e-4], [10.0, 20, -10]]), np.array([1e-5, 1.0])),
    "huge weights": (np.array([[1e20, -1e20, 2e20], [1e20, 1e19, 0]]), np.array([1e18, 0.0])),
    "tiny weights": (np.array([[1e-20, -1e-20, 2e-20], [1e-20, 1e-19, 0]]), np.array([1e-21, 0.0])),
}
"""Weights (2, 3) and biases for `single`."""
