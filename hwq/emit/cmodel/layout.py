"""Layout: the calls of every layer, their constants, and where inner tensors lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hwq.emit.cmodel.layers import calls, constant
from hwq.emit.cmodel.memory import Life, needed, place
from hwq.emit.cmodel.parts import Array, Call, Scratch, Struct, bytes_of, code_of, elements
from hwq.emit.cmodel.text import arrays_of
from hwq.errors import BadInput
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ops import Const

MAX_BYTES = (1 << 31) - 1
"""Most static memory of a model, and most elements of a tensor: places are counted in 32 bits."""
DEFAULT_BYTES = 64 << 20
"""Most static memory unless the user allows more: GCC takes some 100 bytes of memory for each constant."""


@dataclass(frozen=True)
class Layout:
    """A program as calls of C functions, and the static memory that it needs."""

    program: Program

    @cached_property
    def calls(self) -> dict[str, tuple[Call, ...]]:
        """What computes each tensor."""
        return {op.name: calls(self.program, op) for op in self.program.ops}

    @cached_property
    def constants(self) -> dict[str, list[Array]]:
        """The arrays of each layer, each once."""
        return {op.name: self._arrays(op) for op in self.program.ops}

    def _arrays(self, op: Op) -> list[Array]:
        if isinstance(op, Const):
            return [constant(self.program, op)]
        found: dict[str, Array] = {}
        for argument in (argument for call in self.calls[op.name] for argument in call.arguments):
            if isinstance(argument, Array):
                found[argument.key] = argument
            elif isinstance(argument, Struct):
                found |= {one.key: one for one in arrays_of(argument)}
        return list(found.values())

    @cached_property
    def constant_bytes(self) -> dict[str, int]:
        """Bytes of the arrays of each layer."""
        return {name: sum(one.size for one in arrays) for name, arrays in self.constants.items()}

    @cached_property
    def scratch(self) -> dict[str, Scratch]:
        """The memory of layers that need some while they compute, by its name in C."""
        found = ((name, one) for name, layer in self.calls.items() for call in layer for one in call.arguments)
        return {f"{name}__scratch": one for name, one in found if isinstance(one, Scratch)}

    @cached_property
    def codes(self) -> dict[str, str]:
        """Types of all that lies in the working memory: inner tensors and scratch, by name."""
        inner = (op.name for op in self.program.ops if op.inputs and op.name not in self.program.output_tensors())
        tensors = {name: code_of(self.program.types[name]) for name in inner}
        return tensors | {name: one.code for name, one in self.scratch.items()}

    @cached_property
    def lives(self) -> dict[str, Life]:
        """When each of these is needed."""
        last = {source: step for step, op in enumerate(self.program.ops) for source in op.inputs}
        found = {}
        for step, op in enumerate(self.program.ops):
            if op.name in self.codes:
                size = elements(self.program.types[op.name]) * bytes_of(self.codes[op.name])
                found[op.name] = Life(size, step, last[op.name])
            if one := self.scratch.get(f"{op.name}__scratch"):
                found[f"{op.name}__scratch"] = Life(one.count * bytes_of(one.code), step, step)
        return found

    @cached_property
    def places(self) -> dict[str, int]:
        """First byte of each in the working memory."""
        return place(self.lives)

    @property
    def working_bytes(self) -> int:
        """Bytes of the working memory."""
        return needed(self.lives, self.places)

    @property
    def unit(self) -> int:
        """Bytes of the widest element in it."""
        return max((bytes_of(code) for code in self.codes.values()), default=1)

    def check(self, limit: int) -> None:
        """Refuse more static memory than `limit` bytes, or a tensor with too many elements."""
        program, constants = self.program, sum(self.constant_bytes.values())
        for tensor, type_ in program.types.items():
            if elements(type_) > MAX_BYTES:
                raise BadInput(
                    f"{tensor}: has {elements(type_):,} elements, expected at most {MAX_BYTES:,}. Use smaller inputs."
                )
        if constants + self.working_bytes <= limit:
            return
        layer = max(self.constant_bytes, key=self.constant_bytes.__getitem__)
        largest = f"The constants of {layer} take {self.constant_bytes[layer]:,}"
        if self.lives:
            tensor = max(self.lives, key=lambda name: self.lives[name].size)
            largest += f", the largest tensor, {tensor}, {self.lives[tensor].size:,}"
        raise BadInput(
            f"{program.name}: takes {constants + self.working_bytes:,} bytes of static memory ({constants:,} of "
            f"constants, {self.working_bytes:,} to work in), expected at most {limit:,}. {largest}. Use fewer bits or "
            "smaller layers, or a larger --memory-limit."
        )
