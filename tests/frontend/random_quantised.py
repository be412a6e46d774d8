"""Random networks that are quantised already, as Brevitas exports them to QONNX."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from quantised_models import Network

ROUNDINGS = ("ROUND", "FLOOR", "CEIL", "DOWN")


@st.composite
def quantised_networks(draw: Any) -> Network:
    """Up to three products of quantised data and weights, with floats, quantisers and thresholds between them."""
    net = Network(*draw(st.sampled_from(((3, 4), (5,), (1,), (2, 7)))), seed=draw(st.integers(0, 99))).flatten()
    net.apply("Mul", 2.0).apply("Sub", [1.0])
    _quantiser(draw, net)
    for _ in range(draw(st.integers(0, 2))):
        net.matmul(draw(st.integers(2, 7)), draw(st.sampled_from((0, 0, 2, 3, 4))), 2.0 ** draw(st.integers(-2, 1)))
        for _ in range(draw(st.integers(0, 2))):
            _between(draw, net)
        if draw(st.booleans()):
            _quantiser(draw, net)
        else:
            count = draw(st.sampled_from((1, 3, 7)))
            net.counts(np.sort(net.rng.integers(-9, 9, (net.width, count)) / 2.0), draw(st.sampled_from((1.0, 0.5))))
    return net.matmul(draw(st.integers(1, 5)), draw(st.sampled_from((0, 2, 4))))


def _quantiser(draw: Any, net: Network) -> None:
    bits = draw(st.integers(0, 5))
    signed = draw(st.integers(0, 1)) if bits > 1 else 1
    more = {"signed": signed, "narrow": draw(st.integers(0, 1)) if bits > 2 else 0}
    if bits == 1:
        bits = 2
    net.quant(bits, 2.0 ** draw(st.integers(-3, 1)), **({} if not bits else more | {
        "rounding_mode": draw(st.sampled_from(ROUNDINGS))}))  # fmt: skip


def _between(draw: Any, net: Network) -> None:
    way = draw(st.sampled_from(("norm", "Mul", "Add", "Sub", "Relu", "Div")))
    if way == "norm":
        net.norm()
    elif way == "Relu":
        net.unary("Relu")
    else:
        net.apply(way, draw(st.sampled_from((0.5, 1.5, -0.75, 2.0))))
