"""Functions of single values: numpy against the reference of ONNX, composition, and what is piecewise linear."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from hwq.frontend.expression import OPERATORS, Expr, X, number

PLACES = np.linspace(-6.0, 6.0, 97)
TWO = ("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub")
WITH = {"Elu": {"alpha": 0.7}, "HardSigmoid": {"alpha": 0.3, "beta": 0.4}, "Selu": {"alpha": 1.5, "gamma": 1.1}}


def reference(op: str, *args: np.ndarray, **attributes: float) -> np.ndarray:
    names = [f"x{number}" for number in range(len(args))]
    graph = helper.make_graph(
        [helper.make_node(op, names, ["y"], **attributes)],
        "g",
        [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None]) for name in names],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, [None])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    with np.errstate(all="ignore"):
        (found,) = ReferenceEvaluator(model).run(None, dict(zip(names, args, strict=True)))
    return np.asarray(found)


@pytest.mark.parametrize("given", [False, True], ids=["plain", "attributes"])
@pytest.mark.parametrize("op", OPERATORS)
def test_operators_are_those_of_onnx(op: str, given: bool) -> None:
    attributes = WITH.get(op, {}) if given else {}
    expr = Expr(op, (X, number(1.75)) if op in TWO else (X,), attributes=tuple(attributes.items()))
    args = (PLACES, np.full_like(PLACES, 1.75)) if op in TWO else (PLACES,)
    np.testing.assert_allclose(expr(PLACES), reference(op, *args, **attributes), rtol=1e-6, atol=1e-7)


def test_undefined_values_are_no_numbers_and_raise_no_warning() -> None:
    with np.errstate(all="raise"):
        assert np.isnan(Expr("Log", (X,))(np.array([-1.0]))).all()
        assert np.isnan(Expr("Sqrt", (X,))(np.array([-1.0]))).all()
        assert np.isinf(Expr("Reciprocal", (X,))(np.array([0.0]))).all()
        assert np.isinf(Expr("Exp", (X,))(np.array([1e4]))).all()


def test_composition() -> None:
    swish = Expr("Mul", (X, Expr("Sigmoid", (X,))))
    inner = Expr("Elu", (Expr("Add", (X, number(0.5))),), attributes=(("alpha", 0.7),))
    both = swish.of(inner)
    np.testing.assert_array_equal(both(PLACES), swish(inner(PLACES)))
    assert swish.of(X) == swish and X.of(swish) == swish and number(2).of(swish) == number(2)
    assert both.varies and not number(2).varies
    assert str(both).count("alpha=0.7") == 2


RELU = Expr("Max", (X, number(0)))


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (X, True),
        (number(3), True),
        (Expr("Mul", (X, number(3))), True),
        (Expr("Mul", (number(3), Expr("Neg", (X,)))), True),
        (Expr("Sub", (RELU, X)), True),
        (Expr("Min", (RELU, number(6))), True),
        (Expr("Div", (RELU, number(6))), True),
        (Expr("Div", (number(6), X)), False),
        (Expr("Mul", (X, X)), False),
        (Expr("Mul", (X, RELU)), False),
        (Expr("Max", (X, Expr("Neg", (X,)))), False),
        (Expr("Add", (Expr("Tanh", (X,)), X)), False),
        (Expr("Abs", (X,)), False),
    ],
    ids=str,
)
def test_piecewise_linear(expr: Expr, expected: bool) -> None:
    assert expr.is_piecewise_linear == expected
