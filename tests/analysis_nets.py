"""Small float networks whose losses are known, and calibration data for them."""

from __future__ import annotations

import numpy as np

from hwq.frontend import graph as fg
from hwq.quant import QuantConfig, RangeMethod
from hwq.quant.rounding import Solver

RELU, NO_CLIP = fg.Clip(0.0), fg.Clip()
PLAIN = QuantConfig(equalise=False, solver=Solver.NEAREST, range=RangeMethod.MAX)
Samples = dict[str, np.ndarray]


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def graph(shape: fg.Shape, layers: list[fg.Layer], shapes: dict[str, fg.Shape], output: str = "out") -> fg.FloatGraph:
    def order(size: fg.Shape) -> np.ndarray:
        return np.arange(int(np.prod(size))).reshape(size)

    return fg.FloatGraph(
        "g",
        (fg.GraphInput("x", "in", shape, "float32", order(shape)),),
        (fg.GraphOutput("y", output, shapes[output], order(shapes[output])),),
        tuple(layers),
        {"in": shape, **shapes},
    )


def data(count: int = 64, shape: fg.Shape = (2, 6, 6)) -> Samples:
    return {"in": rng(7).uniform(-1.0, 1.0, (count, *shape)).astype(np.float32)}


def small() -> fg.FloatGraph:
    """A convolution, a depthwise one, a sum, a pool and a dense layer."""
    pads = (1, 1, 1, 1)
    first, second = rng(1).normal(0, 0.3, (4, 2, 3, 3)), rng(2).normal(0, 0.3, (4, 1, 3, 3))
    layers: list[fg.Layer] = [
        fg.Conv(name="c", inputs=("in",), weight=first, bias=np.zeros(4), pads=pads, clip=RELU),
        fg.Conv(name="d", inputs=("c",), weight=second, bias=np.full(4, 0.1), pads=pads, groups=4),
        fg.Add(name="s", inputs=("c", "d"), clip=fg.Clip(0.0, 1.0)),
        fg.MaxPool(name="m", inputs=("s",), kernel=(2, 2), stride=(2, 2)),
        fg.Dense(name="out", inputs=("m",), weight=rng(5).normal(0, 0.3, (5, 4, 3, 3)), bias=np.zeros(5)),
    ]
    shapes: dict[str, fg.Shape] = {"c": (4, 6, 6), "d": (4, 6, 6), "s": (4, 6, 6), "m": (4, 3, 3), "out": (5, 1, 1)}
    return graph((2, 6, 6), layers, shapes)


def one_layer(clip: fg.Clip = NO_CLIP, weight: float = 1.0) -> fg.FloatGraph:
    layer = fg.Conv(name="out", inputs=("in",), weight=np.full((1, 1, 1, 1), weight), bias=np.zeros(1), clip=clip)
    return graph((1, 6, 6), [layer], {"out": (1, 6, 6)})
