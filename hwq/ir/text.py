"""The text dump of a program: one line for each operation, a golden form for tests and for `hwq inspect`."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np

from hwq.arith import Requant, signed_bits
from hwq.ir.op import Op
from hwq.ir.port import Port
from hwq.ir.program import Program
from hwq.ir.serial import digest
from hwq.ir.window import Window

_HIDDEN = {"name", "inputs", "acc_bits", "bits", "signed", "weight_bits", "channels"}
_LONG = 8
"""Longer tuples, which are of integers, are shown like arrays."""


def dump(program: Program) -> str:
    """The whole program as text, ending in a line feed.

    A line reads ``%name: type {format} = kind(%inputs, attributes, acc=width)``; arrays show their shape, the
    bits that their values need, and four digits of their content's hash.
    """
    lines = [f"program {program.name} #{digest(program)[:12]}"]
    for port in program.inputs:
        lines.append(f"input  {port.name!r} = %{port.tensor}: {_typed(program, port.tensor)}{_rounded(port)}")
    lines += [_line(program, op) for op in program.ops]
    for port in program.outputs:
        host = f" then on the host: {', '.join(port.host_ops)}" if port.host_ops else ""
        lines.append(f"output {port.name!r} = %{port.tensor}{_valued(port)}{host}")
    return "\n".join(lines) + "\n"


def _rounded(port: Port) -> str:
    return f" rounded {port.own_rounding}" if port.own_rounding else ""


def _valued(port: Port) -> str:
    """The real values of an output that has its own: how many differ, and four digits of their hash."""
    shown = [
        f"{what}=f64[{','.join(map(str, values.shape))}]#{hashlib.sha256(values.tobytes()).hexdigest()[:4]}"
        for what, values in port.by_element.items()
    ]
    return f" valued({', '.join(shown)})" if shown else ""


def _typed(program: Program, tensor: str) -> str:
    return f"{program.types[tensor]} {{{program.formats[tensor]}}}"


def _line(program: Program, op: Op) -> str:
    shown = [f"%{name}" for name in op.inputs]
    for field in dataclasses.fields(op):
        value = getattr(op, field.name)
        if field.name not in _HIDDEN and value is not None:
            shown.append(_attribute(field.name, value))
    width = getattr(op, "acc_bits", None)
    if width is not None:
        shown.append(f"acc=s{width}")
    return f"%{op.name}: {_typed(program, op.name)} = {op.kind}({', '.join(shown)})"


def _attribute(name: str, value: Any) -> str:
    if isinstance(value, tuple) and len(value) > _LONG:
        value = np.array(value)
    if isinstance(value, np.ndarray):
        bits = signed_bits((int(value.min()), int(value.max())))
        tag = hashlib.sha256(np.ascontiguousarray(value, np.int64).tobytes()).hexdigest()[:4]
        return f"{name}=s{bits}[{','.join(map(str, value.shape))}]#{tag}"
    if isinstance(value, Window):
        return str(value)
    if isinstance(value, Requant):
        return f"{'q' if name == 'requant' else name}={value}"
    if dataclasses.is_dataclass(value):
        fields = [_attribute(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return f"{name}={type(value).__name__.lower()}({', '.join(fields)})"
    return f"{name}={value}"
