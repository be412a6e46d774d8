"""Numbers of qonnx that `benchmarks/qonnx_tables.py --frozen` keeps: roundings, and bounds of accumulators."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qonnx_nodes

from hwq.arith import Requant, Rounding
from hwq.frontend.quantised.quantiser import ROUNDINGS
from hwq.ops import Dense

NUMBERS: dict[str, Any] = json.loads((Path(__file__).parent / "qonnx_numbers.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("mode", NUMBERS["roundings"])
def test_roundings(mode: str) -> None:
    x, wanted = np.float32(NUMBERS["x"]), NUMBERS["roundings"][mode]
    assert ROUNDINGS[mode](x).tolist() == wanted
    assert np.asarray(qonnx_nodes.ROUNDINGS[mode](x)).tolist() == wanted, "the reference of the tests"


@pytest.mark.parametrize("row", NUMBERS["accumulators"])
def test_bounds_of_accumulators(row: list[Any]) -> None:
    """Lowest and highest sum of ten products, and the bits of the accumulator; hwq has none of a single bit."""
    *data, low, high, bits, weights = row
    weight = np.array(weights, np.int64)[:, None, None]
    layer = Dense(
        name="d", inputs=("x",), weight=weight, bias=np.zeros(len(weight), np.int64), weight_bits=17,
        requant=Requant((1,), 0, Rounding.FLOOR, 0, 0, 1), acc_bits=40, bits=1, signed=False,
    )  # fmt: skip
    assert layer.accumulator(tuple(data)) == (low, high)
    assert layer.accumulator_bits(tuple(data)) == max(2, bits)
