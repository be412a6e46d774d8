"""What reads quantised data and has no weights: searches for the largest, and products of two tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from imported import by_hwq, by_onnxruntime, equal_share
from onnx_models import save
from qdq_net import Qdq

from hwq import api
from hwq.errors import BadInput

ROWS = 300


def scores(zero: int = 0) -> Qdq:
    """Seven quantised numbers, of which many are equal."""
    return Qdq(12).q(2.0**-3).gemm(7, 2.0**-6).q(1.0, zero)


def check(made: Qdq, folder: Path) -> None:
    model, x = made.done(), made.samples(ROWS)
    _, found = by_hwq(model, folder, x)
    assert equal_share(found, by_onnxruntime(model, x)) == 1


@pytest.mark.parametrize("zero", [0, 5])
def test_argmax(zero: int, tmp_path: Path) -> None:
    made = scores(zero)
    made.node("ArgMax", made.last, axis=1, keepdims=0)
    check(made, tmp_path)


def test_what_falls_is_not_searched(tmp_path: Path) -> None:
    made = scores().op("Neg")
    made.node("ArgMax", made.last, axis=1, keepdims=0)
    with pytest.raises(BadInput, match="searches what falls where integers grow"):
        api.quantize(save(made.done(), tmp_path), {"x": made.samples(ROWS)})


@pytest.mark.parametrize("zero", [0, 9])
@pytest.mark.parametrize("factor", [1.0, 0.25])
def test_product_of_matrices(zero: int, factor: float, tmp_path: Path) -> None:
    """Scores of attention: one branch transposed, their product scaled and quantised."""
    made = Qdq(4, 6).q(2.0**-3, zero)
    entry = made.last
    made.node("MatMul", entry, made.stored(made.drawn(6, 8), 2.0**-6, 1))
    left = made.q(2.0**-2, zero).last
    made.node("MatMul", entry, made.stored(made.drawn(6, 8), 2.0**-6, 1))
    made.q(2.0**-2, -3)
    made.node("Transpose", made.last, perm=[0, 2, 1])
    made.node("MatMul", left, made.last)
    if factor != 1:
        made.op("Mul", np.float32(factor))
    check(made.q(0.5, zero), tmp_path)
