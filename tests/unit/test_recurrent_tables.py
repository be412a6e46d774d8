"""Integers of recurrent layers from real weights: next to the layer in float64, in several widths."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from nets import corners, program
from numpy.typing import NDArray
from onnx import numpy_helper

from hwq.arith import signed_bits
from hwq.frontend.graph import Cell
from hwq.ir.types import TensorType
from hwq.ops import Gru, Lstm, Recurrent, Rnn
from hwq.quant.recurrent_tables import (
    Precision,
    cell_point,
    curve,
    gru_fields,
    lstm_fields,
    rnn_fields,
    sigmoid,
    x_scale,
)

Reals = NDArray[np.float64]
STEPS, UNITS, FRAMES = 28, 20, 40


def _gate(x: Reals) -> Reals:
    return 1 / (1 + np.exp(-x))


def reference(kind: str, x: Reals, recurrent: Reals, bias: Reals, reset_after: bool = False) -> tuple[Reals, float]:
    """The outputs of ONNX's layer for products x (batch, T, rows), and the largest cell state."""
    units = recurrent.shape[1]
    h, c = np.zeros((2, len(x), units))
    parts = [slice(k * units, (k + 1) * units) for k in range(len(recurrent) // units)]
    found, largest = [], 0.0
    for pixel in x.transpose(1, 0, 2):
        sums = h @ recurrent.T + bias
        if kind == "lstm":
            i, o, f, g = (pixel[:, part] + sums[:, part] for part in parts)
            c = _gate(f) * c + _gate(i) * np.tanh(g)
            h = _gate(o) * np.tanh(c)
        elif kind == "gru":
            z, r = (_gate(pixel[:, part] + sums[:, part]) for part in parts[:2])
            n = parts[2]
            reset = r * sums[:, n] if reset_after else (r * h) @ recurrent[n].T + bias[n]
            h = (1 - z) * np.tanh(pixel[:, n] + reset) + z * h
        else:
            h = np.tanh(pixel + sums)
        found.append(h)
        largest = max(largest, float(np.abs(c).max()))
    return np.stack(found, axis=1), largest


def layer(
    kind: str, x: Reals, recurrent: Reals, bias: Reals, bits: int, precision: Precision, cell_max: float, **fields: Any
) -> tuple[Recurrent, Reals]:
    """The operation, and what it makes of x."""
    h_scale = 2.0 ** (1 - bits)
    scale = x_scale(recurrent, float(np.abs(x).max()), h_scale, precision)
    type_ = TensorType((1, x.shape[1], x.shape[2]), 16, True)
    order = Cell(kind).rows(recurrent.shape[1])
    recurrent = recurrent[order]
    given = {"bits": bits, "bias": bias[order], "precision": precision}
    op: Recurrent
    match kind:
        case "lstm":
            made = lstm_fields(recurrent, type_, scale, h_scale, cell_max=cell_max, **given)
            op = Lstm(name="y", inputs=("a",), **made)
        case "gru":
            op = Gru(name="y", inputs=("a",), **gru_fields(recurrent, type_, scale, h_scale, **given, **fields))
        case _:
            op = Rnn(name="y", inputs=("a",), **rnn_fields(recurrent, type_, scale, h_scale, **given))
    program([op], {"a": type_}, samples=corners({"a": type_}))
    return op, op.evaluate(np.floor(x[:, None, :, order] / scale + 0.5).astype(np.int64))[:, 0] * h_scale


def sqnr(want: Reals, got: Reals) -> float:
    return 10 * math.log10(float((want**2).sum() / ((want - got) ** 2).sum()))


WIDTHS = [(8, 8, 34.0), (16, 8, 46.0), (16, 16, 60.0)]
"""Bits of the output and of weights, and dB that are reached at least."""


@pytest.mark.parametrize(("bits", "weight_bits", "least"), WIDTHS)
@pytest.mark.parametrize("pow2", [True, False])
@pytest.mark.parametrize(
    ("kind", "rows", "fields"),
    [("lstm", 4, {}), ("gru", 3, {"reset_after": False}), ("gru", 3, {"reset_after": True}), ("rnn", 1, {})],
)
def test_next_to_float64(
    kind: str, rows: int, fields: dict[str, bool], bits: int, weight_bits: int, least: float, pow2: bool
) -> None:
    rng = np.random.default_rng(4)
    width = 1 / math.sqrt(UNITS)
    recurrent = rng.uniform(-2 * width, 2 * width, (rows * UNITS, UNITS))
    bias = rng.uniform(-width, width, rows * UNITS)
    x = rng.normal(size=(FRAMES, STEPS, rows * UNITS))
    want, largest = reference(kind, x, recurrent, bias, **fields)
    precision = Precision(weight_bits=weight_bits, pow2=pow2)
    op, got = layer(kind, x, recurrent, bias, bits, precision, largest, **fields)
    assert sqnr(want, got) >= least
    assert op.gate.mantissa_bits == 1 or not pow2
    assert weight_bits > 8 or signed_bits((int(op.recurrent.min()), int(op.recurrent.max()))) == weight_bits


MODELS = Path(__file__).parents[3] / "shared" / "models"
REAL = [("mnist_lstm", "lstm", 255.0, 40), ("mlkws_gru_s", "gru", 1.0, 38)]
"""A model, its layer, what a sample's values are divided by, and dB that are reached at least."""


@pytest.mark.skipif(
    not MODELS.is_dir(), reason="the trained models of ../shared are not here; they are no part of the repository"
)
@pytest.mark.parametrize(("name", "kind", "unit", "least"), REAL)
def test_trained_layers(name: str, kind: str, unit: float, least: float) -> None:
    """With 8 bits for weights and output."""
    graph = onnx.load(MODELS / name / "model.onnx").graph
    arrays = {item.name: numpy_helper.to_array(item).astype(np.float64) for item in graph.initializer}
    node = next(node for node in graph.node if node.op_type == kind.upper())
    weights, recurrent, bias = (arrays[name][0] for name in node.input[1:4])
    own, last = np.split(bias, 2)
    with np.load(MODELS / name / "eval.npz") as samples:
        x = samples["x"][:100].astype(np.float64) / unit @ weights.T + own
    want, largest = reference(kind, x, recurrent, last)
    fields = {"reset_after": False} if kind == "gru" else {}
    _, got = layer(kind, x, recurrent, last, 8, Precision(pow2=False), largest, **fields)
    assert sqnr(want, got) >= least


@pytest.mark.parametrize(
    ("kind", "gates", "order"),
    [("lstm", "iofc", "i0 o0 f0 c0 i1 o1 f1 c1"), ("gru", "zrh", "z0 r0 z1 r1 h0 h1"), ("rnn", "h", "h0 h1")],
)
def test_rows_are_those_of_onnx(kind: str, gates: str, order: str) -> None:
    names = [f"{gate}{unit}" for gate in gates for unit in range(2)]
    assert [names[row] for row in Cell(kind).rows(2)] == order.split()


def test_rows_of_unlike_size_have_scales_of_their_own() -> None:
    recurrent = np.array([[1.0, 0.5], [0.01, 0.005], [0.0, 0.0], [100.0, -100.0]] * 2)
    scale = x_scale(recurrent, 4.0, 2.0**-7)
    assert scale == 2.0**-7, "above 100 / 127 * 2^-7, which is coarser than 16 bits ask for"
    fields = lstm_fields(recurrent, TensorType((1, 2, 8), 16, True), scale, 2.0**-7)
    assert np.abs(fields["recurrent"]).max() <= 127 and len(set(fields["factors"])) > 2


@pytest.mark.parametrize(("largest", "point"), [(28.0, 10), (8.0, 12), (8.1, 11), (1.0, 15), (0.0, 15)])
def test_point_of_the_cell_state(largest: float, point: int) -> None:
    assert cell_point(largest) == point
    assert largest <= 2.0 ** (15 - point)


@pytest.mark.parametrize("in_bits", [6, 10, 14, 16])
@pytest.mark.parametrize("function", [sigmoid, math.tanh])
def test_tables_are_next_to_the_function(function: Any, in_bits: int) -> None:
    """The line between entries, and two roundings."""
    low, high = -(1 << (in_bits - 1)), (1 << (in_bits - 1)) - 1
    places = np.arange(low, high + 1)
    values = curve(function, in_bits, in_bits - 4)(places, low) * 2.0**-14
    exact = np.array([function(place * 2.0 ** (4 - in_bits)) for place in places])
    assert np.abs(values - exact).max() <= 2.0**-13 + 0.5 * 2.0**-14 + 0.5 * 2.0**-18


def test_scale_of_the_output_is_a_power_of_two() -> None:
    with pytest.raises(ValueError, match=r"h_scale is 0\.3, expected a power of two"):
        lstm_fields(np.ones((4, 1)), TensorType((1, 2, 4), 16, True), 0.25, 0.3)
