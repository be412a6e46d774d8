"""A tiny network to synthesise: convolution, pooling, dense layer, with fixed weights."""

from __future__ import annotations

from functools import cache

from nets import SHIFTED, fitted, program, tensor, weights

from hwq.hw.plan import Plan, make_plan
from hwq.hw.solve import for_multipliers
from hwq.ir.window import Window
from hwq.ops import Conv, Dense, MaxPool


@cache
def small_plan(multipliers: int = 2) -> Plan:
    """The network, with a multiplier for each layer that multiplies, or more."""
    x, half = tensor(4, 4, 2), tensor(2, 2, 3, bits=4, signed=False)
    conv = Conv(
        name="conv", inputs=("x",), window=Window((3, 3), pads=(1, 1, 1, 1)), pad_value=0,
        weight=weights((3, 3, 3, 2), 4), bias=weights((3,), 8), weight_bits=4, requant=SHIFTED, acc_bits=2, bits=4,
        signed=False,
    )  # fmt: skip
    pool = MaxPool(name="pool", inputs=("conv",), window=Window((2, 2), (2, 2)), pad_value=0)
    dense = Dense(
        name="y", inputs=("pool",), weight=weights((2, 2, 2, 3), 4), bias=weights((2,), 8), weight_bits=4,
        requant=SHIFTED, acc_bits=2, bits=4, signed=True,
    )  # fmt: skip
    net = program([fitted(conv, x, scale="shift", relu=True), pool, fitted(dense, half, scale="shift")], {"x": x})
    return make_plan(net, for_multipliers(net, multipliers).folds)
