"""Made: the operations of a program so far, and what is known of their tensors."""

from __future__ import annotations

from dataclasses import dataclass, field

from hwq.arith import Interval
from hwq.frontend.graph import Shape
from hwq.frontend.node import Refusal
from hwq.frontend.quantised.sums import Sums
from hwq.ir.names import sanitize
from hwq.ir.op import Op
from hwq.ir.types import Format, TensorType


@dataclass(slots=True, eq=False)
class Made:
    """Operations in order; `shapes` are those of the model's tensors (C, H, W), `sources` its nodes by tensor."""

    shapes: dict[str, Shape]
    ops: list[Op] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    formats: dict[str, Format] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    inputs: set[str] = field(default_factory=set)
    _claimed: set[str] = field(default_factory=set)

    def enter(self, tensor: str, type_: TensorType) -> None:
        """An input of the program."""
        self.inputs.add(tensor)
        self.types[tensor], self.intervals[tensor], self.formats[tensor] = type_, type_.range, Format(1.0)

    def add(self, op: Op, label: str) -> str:
        """Append an operation; its tensor.

        Raises
        ------
        Refusal
            When no hardware does it.
        """
        ins = tuple(self.intervals[name] for name in op.inputs)
        try:
            self.types[op.name] = op.result(*(self.types[name] for name in op.inputs))
        except ValueError as error:
            raise Refusal(f"no operation of hwq does it: {error}") from None
        self.intervals[op.name] = op.bound(*ins)
        self.ops.append(op)
        self.sources[op.name], self.formats[op.name] = label, Format(1.0)
        return op.name

    def claim(self, sums: Sums) -> None:
        """Note that the operation of `sums` is made; it has one reader.

        Raises
        ------
        Refusal
            When it was made before.
        """
        if sums.name in self._claimed:
            raise Refusal(f"reads the sums of {sums.label} beside another reader, expected one. Quantise them once")
        self._claimed.add(sums.name)

    def inner_name(self, name: str) -> str:
        """A name for a tensor that the model does not have."""
        return sanitize(name, (*self.shapes, *self.types))
