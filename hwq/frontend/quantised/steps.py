"""Steps: what a model does to single real values between its integers, in the arithmetic of whoever runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.frontend.expression import Expr
from hwq.frontend.graph import Clip, FloatArray
from hwq.frontend.quantised.quantiser import Float32, Reals

EXACT = 1 << 24
"""float32 holds every integer up to this magnitude, so sums of integers are exact in any order."""

RISING = frozenset({
    "Elu", "Erf", "Exp", "HardSigmoid", "Selu", "Sigmoid", "Softplus", "Softsign", "Sqrt", "Tanh",
})  # fmt: skip
"""Functions that never fall."""

Line = tuple[FloatArray, FloatArray]
"""Slope and offset by channel, or of one element for all channels."""


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """The real value of an integer q of channel c: (factor * q + offset[c]) * unit[c].

    `offset` int64 and `unit` float64 are of one element or of one for each channel.  `dtype` is float32 where that
    gives what the model's own arithmetic gives, whatever the order of its sums; else float64.  With `parts` integers
    are divided by them instead of being multiplied by the unit.
    """

    factor: int
    offset: IntArray
    unit: FloatArray
    dtype: np.dtype[np.floating]
    parts: int = 1

    @classmethod
    def of_sums(cls, factor: int, offset: IntArray, unit: FloatArray, ends: tuple[IntArray, IntArray]) -> Start:
        """That of sums between `ends`, by channel: exact in float32 where units are powers of two and sums small."""
        reach = max(int(np.abs(factor * end + offset).max()) for end in ends)
        exact = reach <= EXACT and bool((np.frexp(unit)[0] == 0.5).all())
        return cls(factor, offset, unit, np.dtype(np.float32 if exact else np.float64))

    @classmethod
    def of_data(cls, factor: int, offset: int, unit: float) -> Start:
        """That of quantised data: one product in float32."""
        return cls(factor, np.array([offset]), np.array([unit]), np.dtype(np.float32))

    @classmethod
    def of_parts(cls, steps: int) -> Start:
        """That of numbers of parts of 1: one division in float32, as whoever scales an image makes it."""
        return cls(1, np.array([0]), np.array([1.0 / steps]), np.dtype(np.float32), steps)

    def __call__(self, q: IntArray) -> Reals:
        """Real values of integers (V, C)."""
        if self.parts > 1:
            return np.asarray(q.astype(np.float32) / np.float32(self.parts))
        return np.asarray((self.factor * q + self.offset).astype(self.dtype) * self.unit.astype(self.dtype))

    @property
    def is_exact(self) -> bool:
        """Whether the real values are those of the model, to the bit."""
        return self.dtype == np.float32


class Step(ABC):
    """A function of one real value, by channel."""

    @abstractmethod
    def __call__(self, x: Reals) -> Reals:
        """The function at x (V, C), in the type of x."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The operator."""

    @property
    def line(self) -> Line | None:
        """Slope and offset, bounds aside; None where it is no line."""
        return None

    @property
    def varies(self) -> bool:
        """Whether it differs from channel to channel."""
        return False

    @property
    def direction(self) -> IntArray:
        """1 where it rises, -1 where it falls, 0 where it is constant, 2 where it does both; by channel or of one."""
        return np.array([2]) if self.line is None else np.sign(self.line[0]).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Arithmetic(Step):
    """x op operand, or operand - x for ``Rsub``; the operand is float32, of one element or (C,)."""

    op: str
    operand: Float32

    @property
    def name(self) -> str:
        """As `Step.name`."""
        return "Sub" if self.op == "Rsub" else self.op

    def __call__(self, x: Reals) -> Reals:
        """As the class says."""
        other = self.operand.astype(x.dtype)
        match self.op:
            case "Add":
                return np.asarray(x + other)
            case "Sub":
                return np.asarray(x - other)
            case "Rsub":
                return np.asarray(other - x)
            case "Mul":
                return np.asarray(x * other)
            case _:
                return np.asarray(x / other)

    def undoes(self, other: Arithmetic) -> bool:
        """Whether it multiplies by what `other` divides by."""
        return (other.op, self.op) == ("Div", "Mul") and np.array_equal(other.operand, self.operand)

    @property
    def line(self) -> Line:
        """As `Step.line`."""
        other = self.operand.astype(np.float64)
        one, zero = np.ones_like(other), np.zeros_like(other)
        return {
            "Add": (one, other), "Sub": (one, -other), "Rsub": (-one, other), "Mul": (other, zero)
        }.get(self.op) or (1 / other, zero)  # fmt: skip

    @property
    def varies(self) -> bool:
        """As `Step.varies`."""
        return self.operand.size > 1


@dataclass(frozen=True, slots=True, eq=False)
class Normalisation(Step):
    """A BatchNormalization, folded as onnxruntime folds it: x * factor + shift, both float32 (C,)."""

    factor: Float32
    shift: Float32

    @classmethod
    def of(cls, gamma: Float32, beta: Float32, mean: Float32, variance: Float32, epsilon: float) -> Normalisation:
        """That of the parameters of a node."""
        factor = gamma * (np.float32(1) / np.sqrt(variance + np.float32(epsilon)))
        return cls(factor, beta - mean * factor)

    @property
    def name(self) -> str:
        """As `Step.name`."""
        return "BatchNormalization"

    def __call__(self, x: Reals) -> Reals:
        """As the class says."""
        return np.asarray(x * self.factor.astype(x.dtype) + self.shift.astype(x.dtype))

    @property
    def line(self) -> Line:
        """As `Step.line`."""
        return self.factor.astype(np.float64), self.shift.astype(np.float64)

    @property
    def varies(self) -> bool:
        """As `Step.varies`."""
        return True


@dataclass(frozen=True, slots=True)
class Bounds(Step):
    """A Relu, Clip, Min or Max."""

    clip: Clip

    @property
    def name(self) -> str:
        """As `Step.name`."""
        return "Relu" if self.clip == Clip(0.0) else "Clip"

    def __call__(self, x: Reals) -> Reals:
        """As the class says."""
        return np.asarray(np.clip(x, x.dtype.type(self.clip.low), x.dtype.type(self.clip.high)))

    @property
    def line(self) -> Line:
        """That of what is not clipped."""
        return np.ones(1), np.zeros(1)

    def within(self, ends: Interval | tuple[float, float]) -> bool:
        """Whether values between `ends` pass as they are."""
        return self.clip.low <= ends[0] and ends[1] <= self.clip.high


@dataclass(frozen=True, slots=True, eq=False)
class Slopes(Step):
    """A LeakyRelu or PRelu; slopes float32 (C,) or of one element."""

    slopes: Float32

    @property
    def name(self) -> str:
        """As `Step.name`."""
        return "PRelu"

    def __call__(self, x: Reals) -> Reals:
        """As the class says."""
        return np.asarray(np.where(x >= 0, x, x * self.slopes.astype(x.dtype)))

    @property
    def direction(self) -> IntArray:
        """As `Step.direction`."""
        return np.where(self.slopes < 0, 2, 1)

    @property
    def varies(self) -> bool:
        """As `Step.varies`."""
        return self.slopes.size > 1


@dataclass(frozen=True, slots=True, eq=False)
class Curve(Step):
    """A function such as Sigmoid, computed in float64 and rounded once."""

    expr: Expr

    @property
    def name(self) -> str:
        """As `Step.name`."""
        return self.expr.op

    def __call__(self, x: Reals) -> Reals:
        """As the class says."""
        return self.expr(x.astype(np.float64)).astype(x.dtype)

    @property
    def direction(self) -> IntArray:
        """As `Step.direction`."""
        rises = self.expr.op in RISING and self.expr.args[0].op == "x"
        return np.array([1 if rises else 2])
