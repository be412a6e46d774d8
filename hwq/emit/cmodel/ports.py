"""Inputs and outputs as the header describes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.emit.cmodel.parts import C_TYPES, code_of, elements
from hwq.emit.cmodel.text import comment
from hwq.ir.order import steps_of
from hwq.ir.port import Port
from hwq.ir.program import Program

Described = dict[str, Any]
_ROW = 4
"""Real numbers in a line."""


def described(program: Program, stem: str) -> tuple[list[Described], list[Described]]:
    """Inputs and outputs, one for each tensor, with all ports of the model that carry it."""
    inputs = {port.tensor: _tensor(program, port.tensor, stem, "Input") for port in program.inputs}
    outputs = {port.tensor: _tensor(program, port.tensor, stem, "Output") for port in program.outputs}
    for found, ports in ((inputs, program.inputs), (outputs, program.outputs)):
        for port in ports:
            tensor = found[port.tensor]
            tensor["ports"].append(_port(port))
            tensor["own"] += _own(port, tensor["macro"], len(tensor["ports"]))
    for name in inputs.keys() & outputs.keys():
        outputs[name]["defined"] = True
    return list(inputs.values()), list(outputs.values())


def _tensor(program: Program, tensor: str, stem: str, role: str) -> Described:
    """Type, shape and real values of a tensor, and the parameter that points to it."""
    type_, form = program.types[tensor], program.formats[tensor]
    c_type = C_TYPES[code_of(type_)]
    parameter = f"const {c_type} *{tensor}_in" if role == "Input" else f"{c_type} *{tensor}_out"
    return {
        "role": role, "tensor": tensor, "type": c_type, "macro": f"{stem}_{tensor}".upper(), "parameter": parameter,
        "elements": elements(type_), "shape": type_.shape, "bits": type_.bits, "signed": type_.signed,
        "range": type_.range, "scale": repr(form.scale), "zero_point": form.zero_point, "ports": [], "defined": False,
        "own": [],
    }  # fmt: skip


def _port(port: Port) -> Described:
    """How the user's model knows a tensor: name, shape, and the number of each element in C."""
    steps = steps_of(port.index)
    along = enumerate(steps.along if steps else ())
    terms = [f"i{axis}" if step == 1 else f"{step} * i{axis}" for axis, step in along if step]
    if steps and (steps.start or not terms):
        terms.append(str(steps.start))
    return {
        "name": comment(port.name), "shape": " x ".join(map(str, port.index.shape)) or "1",
        "axes": "".join(f"[i{axis}]" for axis in range(port.index.ndim)),
        "place": " + ".join(terms), "host_ops": comment(", ".join(port.host_ops)),
        "rounding": port.own_rounding,
        "formula": _formula(port) if port.by_element else "",
    }  # fmt: skip


def _formula(port: Port) -> str:
    """The real value of number e of the array, in the words of the macros."""
    scale = "SCALE" if port.scale is None else "SCALES[e]"
    return f"(q - ZERO_POINT) * {scale}" + ("" if port.offset is None else " + OFFSETS[e]")


def _own(port: Port, macro: str, number: int) -> list[dict[str, str]]:
    """Initialisers of what a port has for each element, in the order of the array in C."""
    end = f"_{number}" if number > 1 else ""
    order = np.argsort(port.index.ravel())
    return [
        {"macro": f"{macro}_{what.upper()}S{end}", "numbers": _folded(values.ravel()[order])}
        for what, values in port.by_element.items()
    ]


def _folded(values: NDArray[np.float64]) -> str:
    """Numbers as lines of a macro."""
    texts = [repr(value) for value in values.tolist()]
    return ", \\\n  ".join(", ".join(texts[i : i + _ROW]) for i in range(0, len(texts), _ROW))
