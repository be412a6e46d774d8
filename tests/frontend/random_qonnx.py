"""Random QONNX networks of convolutions and dense layers: every rounding, thresholds, branches, pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from qonnx_models import ROUNDING_MODES, Qonnx

PROBES = 20


@st.composite
def qonnx_networks(draw: Any) -> Qonnx:
    """Up to three layers, each with a quantiser behind it; the last one has none in some."""
    net = Qonnx(*draw(st.sampled_from(((2, 5, 5), (3, 4, 6), (9,), (12,), (1,)))), seed=draw(st.integers(0, 99)))
    net.enter(draw(st.integers(2, 8)), 2.0 ** draw(st.integers(-5, 0)), signed=draw(st.integers(0, 1)))
    for _ in range(draw(st.integers(0, 2))):
        _layer(draw, net)
        _between(draw, net)
        _quantiser(draw, net)
        _behind(draw, net)
    if len(net.now) == 3:
        net.plain("Flatten")
    _layer(draw, net)
    if draw(st.booleans()):
        _quantiser(draw, net)
    return net


def _layer(draw: Any, net: Qonnx) -> None:
    bits, outputs = draw(st.sampled_from((0, 2, 3, 4, 6))), draw(st.sampled_from((2, 4, 6)))
    scale: Any = 2.0 ** draw(st.integers(-3, 1))
    if draw(st.booleans()):
        scale = scale * 2.0 ** net.rng.integers(-2, 2, outputs)
    if len(net.now) == 1:
        net.gemm(outputs, bits, scale, draw(st.sampled_from((None, "int"))), 2.0**-6)
        return
    kernel = (1, 1) if min(net.now[1:]) < 3 else draw(st.sampled_from(((1, 1), (3, 3), (2, 3))))
    group = 2 if net.now[0] % 2 == 0 and draw(st.booleans()) else 1
    pads = draw(st.sampled_from(([0, 0, 0, 0], [1, 1, 1, 1]))) if kernel != (1, 1) else [0, 0, 0, 0]
    strides = draw(st.sampled_from(([1, 1], [2, 1])))
    net.conv(
        outputs, bits, scale, kernel, draw(st.sampled_from((None, "int"))), 2.0**-6, group, pads=pads, strides=strides
    )


def _between(draw: Any, net: Qonnx) -> None:
    way = draw(st.sampled_from((None, "Relu", "norm", "half")))
    if way == "Relu":
        net.plain("Relu")
    elif way == "norm":
        net.norms()
    elif way == "half":
        net.apply("Mul", -0.5)


def _quantiser(draw: Any, net: Qonnx) -> None:
    """Quant with any rounding and zero point, a BipolarQuant, or thresholds that values meet."""
    values = net.reference(net.samples(PROBES))
    size = 2.0 ** np.ceil(np.log2(max(float(np.abs(values).max()), 2.0**-6)))
    kind = draw(st.sampled_from(("quant", "quant", "quant", "bipolar", "counts")))
    if kind == "bipolar":
        net.quant(0, 2.0 ** draw(st.integers(-2, 1)))
    elif kind == "counts":
        rows = net.rng.integers(-8, 9, (draw(st.sampled_from((1, net.now[0]))), draw(st.sampled_from((1, 3, 15)))))
        form = draw(st.sampled_from(((1.0, 0.0), (0.5, -4.0), (2.0, -15.0))))
        net.counts(np.sort(rows, 1) * (size / 16), *form, data_layout="NCHW")
    else:
        bits, signed = draw(st.integers(2, 8)), draw(st.integers(0, 1))
        zero = draw(st.sampled_from((0, 0, 1, 3, -2)))
        mode = draw(st.sampled_from(ROUNDING_MODES))
        scale = size / 2.0 ** (bits - 1) * 2.0 ** draw(st.integers(-1, 1))
        net.quant(bits, scale, zero, signed=signed, narrow=draw(st.integers(0, 1)), rounding_mode=mode)


def _behind(draw: Any, net: Qonnx) -> None:
    """MaxPool, or a branch that is added and quantised."""
    if len(net.now) < 3 or min(net.now[1:]) < 2:
        return
    way, entry = draw(st.sampled_from((None, "pool", "add"))), net.last
    if way == "pool":
        net.plain("MaxPool", kernel_shape=[2, 2], strides=[1, 2])
    elif way == "add":
        net.conv(net.now[0], 3, 0.25, (1, 1)).quant(5, 0.5).plain("Add", entry)
        _quantiser(draw, net)
