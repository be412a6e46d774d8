"""Recurrent layers: states that begin anew with each frame, bounds of every sum, refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import CASES
from nets import program, tensor
from recurrent_nets import curve, gru, lstm, rnn, sigmoid

from hwq.arith import Requant, Rounding
from hwq.errors import BadInput
from hwq.hw.folding_file import parse_folding
from hwq.ir.types import TensorType
from hwq.ops import Gru, Lookup, Lstm, Recurrent, Rnn

KINDS = ("gru", "lstm", "rnn")
LAYERS = [
    pytest.param(p.ops[0], p.types["a"], id=f"{kind}-{name}") for kind in KINDS for name, p in CASES[kind].items()
]


def test_frames_of_a_batch_do_not_meet() -> None:
    x = tensor(1, 5, 12)
    frames = np.random.default_rng(3).integers(-128, 128, (4, *x.shape))
    loud = (100,)
    for op in (lstm(x, factors=loud), gru(x, factors=loud), gru(x, factors=loud, reset_after=True), rnn(x)):
        every = op.evaluate(frames)
        assert all(np.array_equal(op.evaluate(frames[n : n + 1])[0], every[n]) for n in range(4))
        assert not np.array_equal(op.evaluate(frames[:, :, ::-1])[:, :, ::-1], every), "a step sees the ones before"


@pytest.mark.parametrize(("op", "x"), LAYERS)
def test_bounds_hold_for_every_sum(op: Recurrent, x: TensorType) -> None:
    """Vectors from the ends of their reach, x from the ends of its interval: no sum leaves what is claimed."""
    rng = np.random.default_rng(5)
    for low, high in (x.range, (0, x.range[1] // 3), (x.range[1] // 2, x.range[1])):
        h = rng.choice(op.reach, (200, op.units))
        pixels = rng.choice([low, high], (200, op.rows))
        sums = op.sums(h)
        acc = sums + np.array(op.factors) * pixels
        least, most = op.accumulator((low, high))
        assert least <= min(sums.min(), acc.min()) and max(sums.max(), acc.max()) <= most
        assert np.abs(acc).max() <= op.partial_sum((low, high)) <= op.magnitude((low, high))


@pytest.mark.parametrize("kind", [lstm, gru, rnn])
def test_worst_vector_attains_the_accumulator_bound(kind: Any) -> None:
    x = tensor(1, 3, 12)
    op: Recurrent = kind(x, factors=range(1, 13))
    low, high = op.reach
    found = []
    for r, factor in enumerate(op.factors):
        sums = [op.sums(np.where(op.recurrent[r] > 0, *ends))[r] for ends in ((high, low), (low, high))]
        found += [total + factor * value for total in sums for value in (0, *x.range)]
    assert (min(found), max(found)) == op.accumulator(x.range)


X = tensor(1, 3, 12)
LSTM, GRU, RNN = lstm(X), gru(X), rnn(X)
WIDE = Requant((1,), 0, Rounding.HALF_UP, 0, -2000, 0)
SIGMOID = curve(sigmoid, 10, 1 / 64, step=3)
REFUSED: dict[str, tuple[Recurrent, dict[str, Any], str]] = {
    "rows": (LSTM, {"recurrent": LSTM.recurrent[:-1]}, r"recurrent has shape \(11, 3\), expected 4 rows for each"),
    "bias": (GRU, {"bias": GRU.bias[1:]}, r"bias has shape \(11,\), expected \(12,\)"),
    "weights too wide": (RNN, {"weight_bits": 4}, "weights exceed 4 bits"),
    "factors": (LSTM, {"factors": (1, 2)}, "2 factors for 12 rows"),
    "factor": (LSTM, {"factors": (65_536,)}, "outside of 1 to 65535"),
    "gate bits": (RNN, {"gate_bits": 17}, "gate bits are 17, expected 2 to 16"),
    "gate": (RNN, {"gate": WIDE}, "clamp .* is outside of s10"),
    "multipliers": (GRU, {"gate": replace(GRU.gate, multiplier=(1, 2))}, "2 multipliers for 12 channels"),
    "curves": (LSTM, {"sigmoid": SIGMOID}, "sigmoid and tanh have different steps"),
    "entries": (GRU, {"tanh": replace(GRU.tanh, entries=GRU.tanh.entries[1:])}, r"entries have shape \(64,\), ex"),
    "entry": (RNN, {"activation": replace(RNN.activation, entries=RNN.activation.entries << 24)}, "exceeds 24 bits"),
    "cell": (LSTM, {"cell_bits": 15}, "step|entries"),
    "cell's clamp": (LSTM, {"cell": replace(LSTM.cell, qmax=1 << 15)}, "clamp .* is outside of s16"),
    "cell's multiplier": (LSTM, {"cell": replace(LSTM.cell, multiplier=(3,))}, "by a shift alone"),
    "shifts": (LSTM, {"shifts": (-1, 0)}, "expected 0 or more"),
    "long shifts": (GRU, {"shifts": (0, 30)}, "a sum of products has 66 bits, expected at most 52"),
    "fraction": (GRU, {"fraction": 17}, "fraction is 17, expected 1 to 16"),
    "gates above one": (GRU, {"fraction": 13}, "expected values within 0 to 8192"),
    "output": (GRU, {"requant": replace(GRU.requant, qmin=-129)}, "clamp .* is outside of s8"),
    "activation": (RNN, {"bits": 9}, "another type than the output's"),
    "values": (RNN, {"activation": replace(RNN.activation, bits=17), "bits": 17}, "17 bits, expected 1 to 16"),
}  # fmt: skip


@pytest.mark.parametrize(("op", "changes", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals(op: Recurrent, changes: dict[str, Any], text: str) -> None:
    wrong = replace(op, **changes)
    with pytest.raises(ValueError, match=text):
        wrong.result(X)
    with pytest.raises(BadInput, match=rf"y \({op.kind}\): .*({text})"):
        program([wrong], {"a": X})


@pytest.mark.parametrize("x", [tensor(2, 3, 12), tensor(1, 3, 11)])
def test_inputs_of_another_shape(x: TensorType) -> None:
    for op in (LSTM, GRU, RNN):
        with pytest.raises(ValueError, match="expected one row of 12 channels"):
            op.result(x)


def test_accumulator_too_narrow() -> None:
    with pytest.raises(BadInput, match="its accumulator spans"):
        program([replace(LSTM, acc_bits=LSTM.acc_bits - 1)], {"a": X})


def test_foldings() -> None:
    """The array's rows leave it in time, and no fold of a GRU is of both passes."""
    five = tensor(1, 3, 15)
    p = program([gru(five)], {"a": five})
    assert parse_folding({"y": {"pe": 5, "simd": 1}}, p, "f")["y"].multipliers == 5
    wrong = {(3, 1): "one of 1, 2, 5 with simd = 1", (5, 2): "one of 1, 2 with", (1, 6): "simd is 6, expected 1 to 5"}
    for (pe, simd), text in wrong.items():
        with pytest.raises(BadInput, match=text):
            parse_folding({"y": {"pe": pe, "simd": simd}}, p, "f")


def test_an_lstm_keeps_what_its_gates_hold() -> None:
    """Forget and input gate open, i = f = 1: the cell state counts the steps until it is clamped."""
    one = Lookup(np.full(65, 1 << 14), 4, 0, 16, True)
    op = replace(
        lstm(tensor(1, 9, 4)), sigmoid=one, tanh=one, cell=replace(LSTM.cell, qmax=5 << 12),
        cell_tanh=Lookup(np.arange(-(1 << 15), (1 << 15) + 1, 1 << 6), 6, 0, 16, True),
        requant=Requant((1,), 26, Rounding.HALF_UP, 0, -128, 127),
    )  # fmt: skip
    y = op.evaluate(np.zeros((1, 1, 9, 4), np.int64))
    assert y.ravel().tolist() == [1, 2, 3, 4, 5, 5, 5, 5, 5]


def test_types_of_the_states() -> None:
    assert (Lstm.states, Gru.states, Rnn.states) == (2, 1, 1)
    assert LSTM.result(X) == TensorType((1, 3, 3), 8, True) and RNN.result(X) == TensorType((1, 3, 12), 8, True)
