"""Functions of one value: expressions of ONNX operators, evaluated in float64 and written as nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit, log1p

Floats = NDArray[np.float64]

LINEAR = frozenset({"x", "number", "Add", "Sub", "Neg"})
"""Steps that leave a linear expression linear."""


@dataclass(frozen=True, slots=True)
class Expr:
    """An operator of ONNX over `args`, or one of two leaves: ``x``, the argument, and ``number``, `value`."""

    op: str
    args: tuple[Expr, ...] = ()
    value: float = 0.0
    attributes: tuple[tuple[str, float], ...] = ()

    def __call__(self, x: Floats) -> Floats:
        """The function at `x`; not a number where it is not defined.

        Examples
        --------
        >>> Expr("Mul", (X, Expr("Sigmoid", (X,))))(np.array([0.0, 20.0])).round(3).tolist()
        [0.0, 20.0]
        """
        if self.op == "x":
            return x
        if self.op == "number":
            return np.full_like(x, self.value)
        with np.errstate(all="ignore"):
            result: Floats = np.asarray(OPERATORS[self.op](*(arg(x) for arg in self.args), **dict(self.attributes)))
        return result

    def of(self, inner: Expr) -> Expr:
        """The function of the value of `inner`."""
        if self.op == "x":
            return inner
        return Expr(self.op, tuple(arg.of(inner) for arg in self.args), self.value, self.attributes)

    @property
    def varies(self) -> bool:
        """Whether the argument occurs in it."""
        return self.op == "x" or any(arg.varies for arg in self.args)

    @property
    def is_piecewise_linear(self) -> bool:
        """Whether it is made of sums, products with numbers, and bounds alone: other layers do that."""
        if not all(arg.is_piecewise_linear for arg in self.args):
            return False
        if self.op in ("Max", "Min", "Mul"):
            return sum(arg.varies for arg in self.args) <= 1
        return self.op in LINEAR or (self.op == "Div" and not self.args[1].varies)

    def __str__(self) -> str:
        if self.op == "x":
            return "x"
        if self.op == "number":
            return f"{self.value:g}"
        shown = [*map(str, self.args), *(f"{name}={value:g}" for name, value in self.attributes)]
        return f"{self.op}({', '.join(shown)})"

    def steps(self) -> Iterator[Expr]:
        """Every expression within, arguments first."""
        for arg in self.args:
            yield from arg.steps()
        yield self


X = Expr("x")
"""The argument itself."""


def number(value: float) -> Expr:
    """A constant."""
    return Expr("number", value=float(value))


def _elu(x: Floats, alpha: float = 1.0) -> Floats:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _selu(x: Floats, alpha: float = 1.6732632423543772, gamma: float = 1.0507009873554805) -> Floats:
    return gamma * _elu(x, alpha)


def _hard_sigmoid(x: Floats, alpha: float = 0.2, beta: float = 0.5) -> Floats:
    return np.clip(alpha * x + beta, 0.0, 1.0)


OPERATORS: dict[str, Callable[..., Any]] = {
    "Abs": np.abs, "Add": np.add, "Cos": np.cos, "Div": np.divide, "Elu": _elu, "Erf": erf, "Exp": np.exp,
    "HardSigmoid": _hard_sigmoid, "HardSwish": lambda x: x * _hard_sigmoid(x, 1 / 6), "Log": np.log, "Max": np.maximum,
    "Min": np.minimum, "Mul": np.multiply, "Neg": np.negative, "Pow": np.power, "Reciprocal": np.reciprocal,
    "Selu": _selu, "Sigmoid": expit, "Sign": np.sign, "Sin": np.sin,
    "Softplus": lambda x: np.maximum(x, 0) + log1p(np.exp(-np.abs(x))),
    "Softsign": lambda x: x / (1 + np.abs(x)), "Sqrt": np.sqrt, "Sub": np.subtract, "Tanh": np.tanh,
}  # fmt: skip
"""ONNX operators over single values, by numpy; attributes as ONNX calls them."""
