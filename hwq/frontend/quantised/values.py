"""What tensors of a quantised model are: real functions of the integers of a program, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.frontend.node import Refusal
from hwq.frontend.quantised.quantiser import Affine, Reals
from hwq.frontend.quantised.steps import Arithmetic, Bounds, Line, Start, Step
from hwq.frontend.quantised.sums import Sums


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """A tensor of the model.

    `source` is a tensor of the program, or sums whose operation waits for its reader; `start` and then `steps` tell
    the real value that each of its integers stands for.
    """

    source: str | Sums
    start: Start
    steps: tuple[Step, ...] = ()

    def then(self, step: Step) -> Data:
        """The same with one step more; a product with what it was divided by last undoes the division."""
        last = self.steps[-1] if self.steps else None
        if isinstance(last, Arithmetic) and isinstance(step, Arithmetic) and step.undoes(last):
            return replace(self, steps=self.steps[:-1])
        return replace(self, steps=(*self.steps, step))

    def real(self, q: IntArray) -> Reals:
        """Real values of integers (V, C)."""
        x = self.start(q)
        for step in self.steps:
            x = step(x)
        return x

    @property
    def varies(self) -> bool:
        """Whether the real value of an integer depends on its channel."""
        return self.start.unit.size > 1 or self.start.offset.size > 1 or any(step.varies for step in self.steps)

    @property
    def direction(self) -> IntArray:
        """As `Step.direction`, from integer to real value."""
        found = np.sign(self.start.factor * self.start.unit).astype(np.int64)
        for step in self.steps:
            way = step.direction
            both = (abs(found) == 2) | (abs(way) == 2)
            found = np.where(both & (found != 0) & (way != 0), 2, found * way)
        return found

    @property
    def line(self) -> Line | None:
        """Slope and offset of the real value over the integer, bounds aside; None where it is no line."""
        slope, offset = self.start.factor * self.start.unit, self.start.offset * self.start.unit
        for step in self.steps:
            if step.line is None:
                return None
            slope, offset = slope * step.line[0], offset * step.line[0] + step.line[1]
        return slope, offset

    def form(self, ends: Interval) -> Affine | None:
        """The one formula for all channels of integers between `ends`, if there is one."""
        if self.varies:
            return None
        factor, offset, unit = self.start.factor, int(self.start.offset[0]), float(self.start.unit[0])
        for step in self.steps:
            if isinstance(step, Bounds):
                reals = sorted((factor * end + offset) * unit for end in ends)
                if not step.within((reals[0], reals[1])):
                    return None
            elif isinstance(step, Arithmetic) and step.operand.all() and step.op in ("Mul", "Div"):
                operand = float(step.operand[0])
                unit = unit * abs(operand) if step.op == "Mul" else unit / abs(operand)
                factor, offset = (factor, offset) if operand > 0 else (-factor, -offset)
            elif isinstance(step, Arithmetic) and step.op in ("Add", "Sub", "Rsub"):
                moved = float(step.operand[0]) / unit
                if moved != int(moved):
                    return None
                factor, offset = (-factor, -offset) if step.op == "Rsub" else (factor, offset)
                offset += -int(moved) if step.op == "Sub" else int(moved)
            else:
                return None
        return Affine(factor, offset, unit)


def integer_of(form: Affine, real: float, what: str) -> int:
    """The integer that stands for `real`.

    Raises
    ------
    Refusal
        When none does.
    """
    exact = (real / form.unit - form.offset) / form.factor
    if exact != int(exact):
        raise Refusal(f"no integer stands for the {what} {real:g}, expected a format that holds it. Quantise with zero")
    return int(exact)
