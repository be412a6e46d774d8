"""Op: one integer operation that evaluates itself and bounds itself; and the registry of all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from hwq.arith import IntArray, Interval, Rounding
from hwq.ir.types import TensorType
from hwq.ir.window import Window

REGISTRY: dict[str, type[Op]] = {}
"""Every operation by its `kind`; registering one enrols it in the conformance tests."""

OpType = TypeVar("OpType", bound="type[Op]")


def register(cls: OpType) -> OpType:
    """Class decorator: add an operation to `REGISTRY`."""
    REGISTRY[cls.kind] = cls
    return cls


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Op(ABC):
    """One operation of a program; `name` is also the name of its only output tensor.

    Tensors are int64 arrays of shape (batch, height, width, channels).  An operation without inputs delivers the same
    frame for each sample; it evaluates to a batch of one.
    """

    kind: ClassVar[str]
    takes_turns: ClassVar[bool] = False
    """Whether hardware reads one input after the other, so that each waits for the rest."""
    makes_wide: ClassVar[bool] = False
    """Whether the result may have more bits than operands of a product (rule T1)."""
    reads_wide: ClassVar[bool] = False
    """Whether inputs may have them."""
    rounding: ClassVar[Rounding | None] = None
    """The mode of rule R2 that the operation always uses; those of a `Requant` are its own."""

    name: str
    inputs: tuple[str, ...]

    @abstractmethod
    def result(self, *types: TensorType) -> TensorType:
        """Type of the output for inputs of `types`.

        Raises
        ------
        ValueError
            When the inputs do not fit the operation; the text says what was found and expected.
        """

    @abstractmethod
    def evaluate(self, *xs: IntArray) -> IntArray:
        """The definition of the operation, in plain int64 numpy."""

    @abstractmethod
    def bound(self, *intervals: Interval) -> Interval:
        """Lowest and highest output for inputs within `intervals`; exact for one multiplier for all channels."""

    def accumulator(self, *intervals: Interval) -> Interval | None:
        """Exact lowest and highest accumulator (before requantisation), or None where there is none."""
        return None

    def magnitude(self, *intervals: Interval) -> int:
        """Bound on every partial sum in any order of evaluation, and on the product before the shift."""
        return max(abs(bound) for interval in intervals for bound in interval)

    def pixels_needed(self, which: int, *types: TensorType) -> IntArray:
        """Pixels of input `which`, in raster order, that must have entered before each output pixel can leave.

        Parameters
        ----------
        which
            Number of the input.
        types
            Types of all inputs.

        Returns
        -------
        ndarray
            int64, one for each output pixel in raster order, never falling.  By default what the window reads, or the
            same pixel.
        """
        window: Window = getattr(self, "window", Window((1, 1)))
        return window.pixels_needed(*types[which].shape[:2])
