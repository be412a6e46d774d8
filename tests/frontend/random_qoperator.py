"""Random networks of operators on integers, with scales that are powers of two and any zero points."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from qoperator_models import QOperator


@st.composite
def qoperator_networks(draw: Any) -> QOperator:
    """Up to three layers with what stands between them, all on integers of one type."""
    shape = draw(st.sampled_from(((2, 5, 5), (4, 4, 6), (3, 6, 6), (7,), (12,))))
    net = QOperator(*shape, seed=draw(st.integers(0, 99)), dtype=draw(st.sampled_from((np.uint8, np.int8))))
    net.down(2.0 ** draw(st.integers(-5, 0)), _zero(draw, net))
    for _ in range(draw(st.integers(1, 3))):
        _layer(draw, net)
        if len(net.now) == 3:
            _behind(draw, net)
    net.up()
    return net


def _zero(draw: Any, net: QOperator) -> int:
    low, high = int(np.iinfo(net.dtype).min), int(np.iinfo(net.dtype).max)
    return draw(st.sampled_from((low, (low + high) // 2, (low + high) // 2 + 1, low + 37, low + 36)))


def _units(draw: Any, net: QOperator, outputs: int) -> Any:
    unit = 2.0 ** draw(st.integers(-7, -4))
    return unit * 2.0 ** net.rng.integers(-1, 2, outputs) if draw(st.booleans()) else unit


def _layer(draw: Any, net: QOperator) -> None:
    outputs, zero = draw(st.sampled_from((2, 4, 6))), _zero(draw, net)
    scale = float(net.scale) * 2.0 ** draw(st.integers(-2, 2))
    if len(net.now) == 1:
        layer = draw(st.sampled_from((net.qgemm, net.qmatmul)))
        layer(outputs, _units(draw, net, outputs), scale, zero)
        return
    kernel = 1 if min(net.now[1:]) < 3 else draw(st.sampled_from((1, 3)))
    group = 2 if net.now[0] % 2 == 0 and draw(st.booleans()) else 1
    pads = draw(st.sampled_from(([0] * 4, [1, 0, 1, 1]))) if kernel > 1 else [0] * 4
    fields = {"group": group, "pads": pads, "strides": draw(st.sampled_from(([1, 1], [1, 2])))}
    net.qconv(outputs, _units(draw, net, outputs), scale, zero, kernel, **fields)


def _behind(draw: Any, net: QOperator) -> None:
    """A branch that is added, multiplied or joined, an average, an activation, MaxPool, or Flatten."""
    ways = ("none", "QLinearAdd", "QLinearMul", "QLinearConcat", "average", "global", "leaky", "pool", "flat")
    way, here, scale = draw(st.sampled_from(ways)), net.here, float(net.scale)
    other, zero = scale * 2.0 ** draw(st.integers(-1, 2)), _zero(draw, net)
    if way.startswith("QLinear"):
        net.qconv(net.now[0], 2.0**-6, other, zero, 1)
        product = scale * float(net.scale) * 8 if way == "QLinearMul" else other
        net.pair(way, here, product, _zero(draw, net), **({"axis": 1} if way == "QLinearConcat" else {}))
    elif way == "average" and min(net.now[1:]) > 1:
        net.single("QLinearAveragePool", other, zero, kernel_shape=[2, 2], strides=[1, 2])
    elif way == "global" and net.now[1] * net.now[2] in (1, 2, 4, 8, 16, 32):
        net.single("QLinearGlobalAveragePool", other, zero, channels_last=0)
    elif way == "leaky":
        net.single("QLinearLeakyRelu", other, zero, alpha=0.25)
    elif way == "pool" and min(net.now[1:]) > 1:
        net.maxpool()
    elif way == "flat":
        net.flat()
