"""Random QDQ networks whose scales are powers of two, so that float32 computes them exactly."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from plain_nodes import run_plain
from qdq_net import Qdq

TYPES = (np.int8, np.int8, np.uint8, np.uint8, ml_dtypes.int4, ml_dtypes.uint4, np.int16, np.uint16)
"""Of activations."""
NARROW = TYPES[:6]
"""Those behind a LeakyRelu: such a function of sums becomes thresholds, of which there are 255 at most."""
PROBES = 20


@st.composite
def qdq_networks(draw: Any) -> Qdq:
    """Up to four layers, and what stands between them and quantisers; the last one has no quantiser in some."""
    shape = draw(st.sampled_from(((2, 5, 5), (3, 4, 6), (4, 6, 6), (7,), (12,), (1,))))
    net = Qdq(*shape, seed=draw(st.integers(0, 99)), opset=21, batch=draw(st.sampled_from(("N", 1))))
    type_ = draw(st.sampled_from(TYPES))
    net.q(2.0 ** draw(st.integers(-5, 0)), _zero(draw, type_), type_)
    for _ in range(draw(st.integers(0, 3))):
        _layer(draw, net)
        _between(draw, net)
        _quantiser(draw, net, draw(st.sampled_from(NARROW if net.nodes[-1].op_type == "LeakyRelu" else TYPES)))
        _behind(draw, net)
    if len(net.now) == 3 and draw(st.booleans()):
        net.flat()
    _layer(draw, net)
    if draw(st.booleans()):
        _quantiser(draw, net)
    return net


def _zero(draw: Any, type_: Any) -> int:
    info = ml_dtypes.iinfo(type_)
    low, high = int(info.min), int(info.max)
    return draw(st.sampled_from((0, low, high // 2, high // 2 + 1, low + 3)))


def _quantiser(draw: Any, net: Qdq, type_: Any = None, pooled: bool = True) -> None:
    """One whose range holds most of the values, or cuts some of them off; MaxPool of its integers if it may be."""
    type_ = type_ or draw(st.sampled_from(TYPES))
    values = run_plain(net.done(), net.samples(PROBES))[net.last]
    steps = 1 << ml_dtypes.iinfo(type_).bits
    size = max(float(np.abs(values).max()), 2.0**-8)
    scale = 2.0 ** (np.ceil(np.log2(2 * size / steps)) - draw(st.sampled_from((0, 0, 1, 2))))
    low, high = int(ml_dtypes.iinfo(type_).min), int(ml_dtypes.iinfo(type_).max)
    clip = (max(low, -20), min(high, 21)) if np.dtype(type_) in (np.int8, np.uint8) and draw(st.booleans()) else None
    zero = _zero(draw, type_)
    net.down(scale, zero, type_, clip)
    if pooled and type_ in (np.int8, np.uint8) and _can_pool(net) and draw(st.booleans()):
        net.maxpool()
    net.up()


def _layer(draw: Any, net: Qdq) -> None:
    outputs, many = draw(st.sampled_from((2, 4, 6))), draw(st.booleans())
    scale = 2.0 ** draw(st.integers(-7, -3))
    way = draw(st.sampled_from(("int", "float", "clip")))
    if len(net.now) == 1:
        bits, factor = _bits(draw, net, net.now[0]), scale * _spread(net, outputs, many)
        bias = _bias(draw, net, factor)
        if draw(st.booleans()):
            net.gemm(outputs, factor, bias, bits, way=way, axis=draw(st.integers(0, 1)))
        else:
            net.product(outputs, factor, bias, way="int", bits=bits)
        return
    channels = net.now[0]
    group = draw(st.sampled_from([size for size in (1, 1, 2, channels) if channels % size == 0]))
    outputs = outputs if outputs % group == 0 else group
    kernel = draw(st.sampled_from(((1, 1), (3, 3), (2, 3), (3, 1))))
    pads = draw(st.sampled_from(([0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 0, 1])))
    if any(size + pads[k] + pads[k + 2] < kernel[k] for k, size in enumerate(net.now[1:])):
        kernel = (1, 1)
    strides = draw(st.sampled_from(([1, 1], [1, 1], [2, 2], [1, 2])))
    bits = _bits(draw, net, channels // group * kernel[0] * kernel[1])
    factor = scale * _spread(net, outputs, many)
    bias = _bias(draw, net, factor)
    net.conv(outputs, factor, kernel, bias, bits, way=way, group=group, pads=pads, strides=strides)


def _bits(draw: Any, net: Qdq, terms: int) -> int:
    """Of weights: as few that float32 holds all sums."""
    room = (1 << 22) // (terms << ml_dtypes.iinfo(net.constants[net.grid[1]].dtype).bits)
    if room < 2:
        reject()
    return min(draw(st.sampled_from((2, 3, 4, 6, 8))), int(np.log2(room)) + 1)


def _bias(draw: Any, net: Qdq, scale: Any) -> str | None:
    fine = float(np.max(scale)) * float(net.scale) <= 2.0**-6
    return draw(st.sampled_from((None, "int32", "int8" if fine else "int32")))


def _spread(net: Qdq, outputs: int, many: bool) -> Any:
    return 2.0 ** net.rng.integers(-2, 2, outputs) if many else 1.0


def _between(draw: Any, net: Qdq) -> None:
    """Floats between a layer and its quantiser."""
    way = draw(st.sampled_from((None, "Relu", "Relu", "LeakyRelu", "clip", "pool")))
    if way == "Relu":
        net.op("Relu")
    elif way == "LeakyRelu":
        net.op("LeakyRelu", alpha=0.25)
    elif way == "clip":
        net.clip(0, 6)
    elif way == "pool" and _can_pool(net):
        net.maxpool()


def _can_pool(net: Qdq) -> bool:
    return len(net.now) == 3 and min(net.now[1:]) > 1


def _behind(draw: Any, net: Qdq) -> None:
    """What reads quantised data and is quantised again: sums of branches, averages, other scales; or a factor."""
    way = draw(st.sampled_from((None, None, "add", "concat", "average", "again", "flat", "factor")))
    entry, image = net.last, len(net.now) == 3
    if way in ("add", "concat") and image:
        net.conv(net.now[0], 2.0**-6, (1, 1), "int32", _bits(draw, net, net.now[0]))
        _quantiser(draw, net, np.int8, pooled=False)
        net.op("Add", entry) if way == "add" else net.op("Concat", entry, axis=1)
        _quantiser(draw, net)
    elif way == "average" and _can_pool(net):
        net.op("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
        _quantiser(draw, net)
    elif way == "again":
        _quantiser(draw, net)
    elif way == "flat" and image:
        net.flat()
    elif way == "factor":
        net.op(draw(st.sampled_from(("Mul", "Div"))), np.float32(draw(st.sampled_from((-4.0, -1.0, -0.5, 0.25, 2.0)))))
