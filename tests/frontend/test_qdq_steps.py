"""Products and sums with a constant, of quantised data that a layer reads: its program is equal to the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from imported import by_hwq, by_numpy, by_onnxruntime, equal_share
from onnx_models import save
from qdq_net import Qdq

from hwq import api
from hwq.errors import BadInput

STEP = 2.0**-4
STEPS = {
    "product": [("Mul", 2.0)], "negative": [("Mul", -0.5)], "quotient": [("Div", 4.0)], "against": [("Div", -2.0)],
    "sum": [("Add", 12 * STEP)], "difference": [("Sub", 5 * STEP)], "from": [("Rsub", 7 * STEP)],
    "several": [("Mul", -2.0), ("Add", 6 * STEP), ("Div", 8.0), ("Sub", STEP), ("Rsub", 3 * STEP)],
}  # fmt: skip
ROWS = 300


def stepped(steps: list[tuple[str, float]], first: Qdq | None = None) -> Qdq:
    """Some steps behind a quantiser, that of the input or the last one of `first`."""
    made = first or Qdq(3, 6, 6).q(STEP, 3)
    for op, value in steps:
        constant = made.constant(np.float32(value))
        made.node("Sub" if op == "Rsub" else op, *((constant, made.last) if op == "Rsub" else (made.last, constant)))
    return made


def check(made: Qdq, folder: Path, sums: bool = False) -> None:
    """The program gives what onnxruntime gives, and what plain numpy does."""
    x = made.samples(ROWS)
    wanted = by_onnxruntime(made.done(), x)
    assert equal_share(by_numpy(made.done(), x), wanted, sums) == 1 and len(np.unique(*wanted.values())) > 8
    _, found = by_hwq(made.done(), folder, x)
    assert equal_share(found, wanted, sums) == 1


@pytest.mark.parametrize("pads", [0, 1])
@pytest.mark.parametrize("name", STEPS)
def test_before_a_layer(name: str, pads: int, tmp_path: Path) -> None:
    layer = stepped(STEPS[name]).conv(5, 2.0**-6, bias="float", pads=[pads] * 4)
    check(layer.op("Relu").q(0.5, -9), tmp_path)


@pytest.mark.parametrize("name", STEPS)
def test_before_a_layer_whose_sums_leave(name: str, tmp_path: Path) -> None:
    check(stepped(STEPS[name]).conv(5, 2.0**-6, bias="float"), tmp_path, sums=True)


@pytest.mark.parametrize("name", STEPS)
def test_before_the_end(name: str, tmp_path: Path) -> None:
    first = Qdq(3, 6, 6).q(STEP, 3).conv(5, 2.0**-6, bias="float").q(STEP, -9)
    check(stepped(STEPS[name], first), tmp_path)


@pytest.mark.parametrize("name", STEPS)
def test_before_another_quantiser(name: str, tmp_path: Path) -> None:
    check(stepped(STEPS[name]).q(0.375, 5), tmp_path)


def test_a_sum_with_what_falls(tmp_path: Path) -> None:
    made = stepped([("Mul", -4.0)])
    made.node("Add", made.last, made.nodes[1].output[0])
    check(made.q(0.25), tmp_path)


def refused(made: Qdq, folder: Path) -> str:
    with pytest.raises(BadInput) as caught:
        api.quantize(save(made.done(), folder), {"x": made.samples(ROWS)})
    return str(caught.value)


def test_steps_that_no_integers_follow(tmp_path: Path) -> None:
    text = "reads what no quantiser made"
    for steps in ([("Add", 0.3 * STEP)], [("Mul", 0.0)]):
        assert text in refused(stepped(steps).conv(5, 2.0**-6), tmp_path)
    assert text in refused(stepped([]).clip(0.5, 1.0).conv(5, 2.0**-6), tmp_path)


def test_what_falls_is_not_searched(tmp_path: Path) -> None:
    """Pools and products of tensors have no weights that could take the sign."""
    assert "takes the maximum of what falls" in refused(stepped(STEPS["against"]).maxpool().q(0.5), tmp_path)
    pooled = stepped(STEPS["negative"])
    pooled.node("AveragePool", pooled.last, kernel_shape=[2, 2])
    assert "falls where the integers before it grow" in refused(pooled.q(0.5), tmp_path)
    product = stepped(STEPS["negative"])
    product.node("Mul", product.last, product.nodes[1].output[0])
    assert "falls where the integers before it grow" in refused(product.q(0.5), tmp_path)


def test_padding_that_no_integer_stands_for(tmp_path: Path) -> None:
    """Where a constant is added to unsigned integers, the real zero of the padding lies below them."""
    made = stepped([("Add", 3 * STEP)], Qdq(3, 6, 6, dtype=np.uint8).q(STEP))
    text = refused(made.conv(5, 2.0**-6, pads=[0, 0, 1, 1]).q(0.5), tmp_path)
    assert "pads with the integer -3, expected one of its input's, 0 to 255" in text
