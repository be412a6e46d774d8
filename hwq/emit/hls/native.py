"""A program in C++ that runs samples through a network, for this machine alone."""

from __future__ import annotations

from typing import Any

from hwq.emit.hls.build import kernels, own_texts
from hwq.emit.hls.names import check_kernels
from hwq.emit.hls.streams import channels
from hwq.emit.render import render
from hwq.emit.rtl import header
from hwq.hw.plan import Edge, Plan

MAIN = "hls/run.cpp"
"""The file with the function `main`."""


def native_texts(plan: Plan) -> dict[str, str]:
    """Relative path and content of every file: kernels, integers of the machine, network, memories, and `MAIN`.

    `MAIN` reads and writes samples as numpy holds them in `TensorType.dtype`, a file for each port.

    Raises
    ------
    BadInput
        When an operation has no kernel.
    """
    check_kernels(plan)
    top = plan.program.name
    found = kernels() | {name: text for name, text in own_texts(plan).items() if name != f"hls/tb_{top}.cpp"}
    inputs = [_port(plan, edge, "rb") for edge in plan.inputs]
    outputs = [_port(plan, edge, "wb") for edge in plan.outputs]
    found[MAIN] = render("build/hls/run.cpp.j2", header=header(plan), top=top, inputs=inputs, outputs=outputs)
    return found


def _port(plan: Plan, edge: Edge, mode: str) -> dict[str, Any]:
    type_ = plan.program.types[edge.port.tensor]
    return {
        "prefix": edge.prefix,
        "lane": channels(plan).of[edge.inner.name].lane,
        "pixels": type_.pixels,
        "channels": type_.channels,
        "lanes": edge.lanes,
        "width": edge.tdata_width,
        "mode": mode,
    }
