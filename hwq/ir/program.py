"""Program: a network in integers only, straight-line, each operation named after its one output."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray, Interval, Rounding, signed_bits
from hwq.errors import refuse_all
from hwq.ir.names import NOT_PORTABLE, is_legal, is_portable
from hwq.ir.op import Op
from hwq.ir.port import Port
from hwq.ir.types import Format, TensorType

MAX_TENSOR_BITS = 16
"""Widest activation and weight."""
MAX_WIDE_BITS = 32
"""Widest tensor that an accumulator becomes and nothing multiplies: thresholds read it, or it leaves (rule T1)."""
MAX_ACCUMULATOR_BITS = 52
"""Widest accumulator that hwq_requant.sv takes."""
BLOCK = 1 << 15
"""Values that are quantised at a time: their float64 stays in the cache."""
MAX_BITS = 62
"""No value in a program may need more bits: the simulator computes in int64."""


@dataclass(frozen=True, eq=False)
class Program:
    """Operations in order, and what each tensor is.

    `input_types` gives the type of each input tensor; the others follow.  `formats` maps every tensor to
    the real values of its integers; no operation reads them.  `info` is what a report shows (calibration
    figures, options, source); it takes no part in the digest.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    ops: tuple[Op, ...]
    input_types: dict[str, TensorType]
    formats: dict[str, Format]
    samples: dict[str, IntArray] = field(default_factory=dict, repr=False)
    info: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def types(self) -> dict[str, TensorType]:
        """Type of every tensor; raises `BadInput` naming the operation where shapes or types disagree."""
        types = dict(self.input_types)
        refusals: list[str] = []
        for op in self.ops:
            missing = [name for name in op.inputs if name not in types]
            if missing:
                refusals.append(f"{op.name} ({op.kind}): reads {', '.join(missing)}, which no earlier operation makes")
                break
            if op.name in types:
                refusals.append(f"{op.name} ({op.kind}): a tensor of this name exists already")
                break
            try:
                types[op.name] = op.result(*(types[name] for name in op.inputs))
            except ValueError as error:
                refusals.append(f"{op.name} ({op.kind}): {error}")
                break
        refuse_all(refusals)
        return types

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """Exact lowest and highest value that every tensor can hold (rule L3)."""
        intervals = {name: type_.range for name, type_ in self.input_types.items()}
        for op in self.ops:
            intervals[op.name] = op.bound(*(intervals[name] for name in op.inputs))
        return intervals

    def verify(self) -> Program:
        """Check order, shapes, types, accumulator widths and that nothing exceeds 62 bits; return self.

        Raises
        ------
        BadInput
            One line for each violation.
        """
        refusals = []
        types = self.types
        if not (self.inputs and self.outputs and self.ops):
            refusals.append(f"{self.name}: expected at least one input, operation and output each")
        for op in self.ops:
            ins = self.input_intervals(op)
            accumulator = op.accumulator(*ins)
            width = getattr(op, "acc_bits", None)
            if accumulator is not None and width is not None and signed_bits(accumulator) > width:
                refusals.append(f"{op.name} ({op.kind}): its accumulator spans {accumulator}, more than {width} bits")
            elif width is not None and signed_bits(getattr(op, "start", (0, 0))) > width:
                refusals.append(f"{op.name} ({op.kind}): a bias needs more than the accumulator's {width} bits")
            if op.magnitude(*ins).bit_length() > MAX_BITS:
                refusals.append(
                    f"{op.name} ({op.kind}): an intermediate needs {op.magnitude(*ins).bit_length()} bits, "
                    f"expected at most {MAX_BITS}. Use fewer weight or activation bits for this layer."
                )
        fed = [port.tensor for port in self.inputs]
        refusals += [
            f"{name}: {fed.count(name)} inputs of the model give it, expected one"
            for name in sorted({*fed, *self.input_types})
            if fed.count(name) != 1 or name not in self.input_types
        ]  # fmt: skip
        for port in (*self.inputs, *self.outputs):
            if not is_portable(port.name):
                refusals.append(f"{port.name!r:.60}: {NOT_PORTABLE}.")
            if port.tensor not in types:
                refusals.append(f"{port.name}: its tensor {port.tensor} does not exist")
            elif sorted(port.index.ravel().tolist()) != list(range(int(np.prod(types[port.tensor].shape)))):
                refusals.append(f"{port.name}: its element order is not a permutation of {types[port.tensor]}")
        refusals += [
            f"{name!r:.60}: is no legal name. Quantise the model again."
            for name in (self.name, *types)
            if not is_legal(name)
        ]
        refusals += [line for port in self.inputs for line in port.of_input()]
        refusals += [line for port in self.outputs for line in port.of_output()]
        if len({name.lower() for name in types}) < len(types):
            refusals.append(f"{self.name}: two tensors differ only in the case of their names")
        refusals += [f"{name}: has no format" for name in types if name not in self.formats]
        read = {name for op in self.ops for name in op.inputs} | set(self.output_tensors())
        refusals += [f"{name}: nothing reads it. Remove it from the model." for name in types if name not in read]
        refusals += [line for name, type_ in types.items() for line in self._limits(name, type_)]
        refusals += [f"{name}: depends on no input. Compute it beforehand." for name in self._fixed()]
        refuse_all(refusals)
        return self

    def _fixed(self) -> list[str]:
        """Results of operations on constants alone, and constants that leave the program."""
        fixed = set(self.constants)
        found = sorted(fixed & set(self.output_tensors()))
        for op in self.ops:
            if op.inputs and fixed.issuperset(op.inputs):
                fixed.add(op.name)
                found.append(op.name)
        return found

    def _limits(self, name: str, type_: TensorType) -> Iterator[str]:
        """What exceeds the widths that hardware and simulator are built for (rule T1)."""
        form = self.formats.get(name, Format(1.0))
        op = next((op for op in self.ops if op.name == name), None)
        most = MAX_WIDE_BITS if op is not None and op.makes_wide else MAX_TENSOR_BITS
        if not 1 <= type_.bits <= most:
            yield f"{name}: has {type_.bits} bits, expected 1 to {most}"
        elif not (0.0 < form.scale < math.inf and type_.range[0] <= form.zero_point <= type_.range[1]):
            yield f"{name}: its format {form} does not fit {type_}"
        for reader in self.consumers(name) if type_.bits > MAX_TENSOR_BITS else ():
            if not reader.reads_wide:
                yield (
                    f"{reader.name} ({reader.kind}): reads {name}, which has {type_.bits} bits, expected at most "
                    f"{MAX_TENSOR_BITS}. Put a threshold or fewer bits before it."
                )
        for field_name, most in (("acc_bits", MAX_ACCUMULATOR_BITS), ("weight_bits", MAX_TENSOR_BITS)):
            bits = getattr(op, field_name, 2)
            if not 2 <= bits <= most:
                yield (
                    f"{name}: {field_name.replace('_', ' ')} is {bits}, expected 2 to {most}. "
                    "Use fewer weight or activation bits for this layer."
                )

    @cached_property
    def constants(self) -> frozenset[str]:
        """Tensors that depend on no input: they are there at any time."""
        return frozenset(op.name for op in self.ops if not op.inputs)

    def input_intervals(self, op: Op) -> tuple[Interval, ...]:
        """Intervals of the inputs of `op`."""
        return tuple(self.intervals[name] for name in op.inputs)

    def input_types_of(self, op: Op) -> tuple[TensorType, ...]:
        """Types of the inputs of `op`."""
        return tuple(self.types[name] for name in op.inputs)

    def first_type(self, op: Op) -> TensorType:
        """Type of the first input of `op`; its own type where it has none."""
        return self.types[op.inputs[0] if op.inputs else op.name]

    def consumers(self, tensor: str) -> tuple[Op, ...]:
        """Operations that read `tensor`, in order."""
        return tuple(op for op in self.ops if tensor in op.inputs)

    @property
    def by_element(self) -> bool:
        """Whether elements of an output have a scale or an offset of their own."""
        return any(port.by_element for port in self.outputs)

    def formula(self, tensor: str) -> str:
        """The real value of an integer q of `tensor` as text: where it leaves, that of its first output port."""
        form = self.formats[tensor]
        port = next((port for port in self.outputs if port.tensor == tensor), None)
        return port.formula(form) if port else f"(q - {form.zero_point}) * {form.scale}"

    def rounding(self, tensor: str) -> Rounding:
        """How the host rounds what enters as `tensor`."""
        return next((port.rounding for port in self.inputs if port.tensor == tensor), Rounding.HALF_UP)

    def output_tensors(self) -> tuple[str, ...]:
        """Tensors that leave the program."""
        return tuple(port.tensor for port in self.outputs)


def quantise_inputs(
    program: Program, arrays: Mapping[str, NDArray[Any]], narrow: bool = False
) -> dict[str, NDArray[Any]]:
    """Integers of the inputs: tensor name to integers (batch, height, width, channels); rule T2.

    Parameters
    ----------
    arrays
        Input name of the model to real values (batch, ONNX shape).
    narrow
        Return them in `TensorType.dtype`, else in int64.
    """
    out: dict[str, NDArray[Any]] = {}
    for port in program.inputs:
        type_, form = program.types[port.tensor], program.formats[port.tensor]
        real = np.asarray(arrays[port.name])
        integers = np.empty(real.shape, type_.dtype if narrow else np.int64)
        step = max(1, BLOCK // max(1, port.index.size))
        for start in range(0, len(real), step):
            part = slice(start, start + step)
            integers[part] = form.quantise(real[part], type_, port.rounding)
        out[port.tensor] = port.to_tensor(integers, type_)
    return out


def replace_ops(program: Program, ops: Sequence[Op]) -> Program:
    """The same interface over other operations."""
    return Program(
        program.name, program.inputs, program.outputs, tuple(ops),
        program.input_types, program.formats, program.samples, program.info,
    )  # fmt: skip
