"""The network in C++: a plan as the plain values that the templates print."""

from __future__ import annotations

from typing import Any

from hwq.emit.hls.graphs import statements
from hwq.emit.hls.streams import Channels, channels
from hwq.emit.hls.units import Array, Unit, units
from hwq.emit.render import render
from hwq.emit.rtl import header
from hwq.hw.netlist import Instance
from hwq.hw.plan import Edge, Plan


def network(plan: Plan) -> dict[str, str]:
    """Name and text of the header and the source of the network, and of its testbench, without folders."""
    found = channels(plan)
    calls = units(plan, found)
    values = {
        "header": header(plan),
        "top": plan.program.name,
        "summary": f"{len(plan.program.ops)} operations, {plan.multipliers} multipliers.",
        "kernels": sorted({unit.header for unit in calls} | {"hwq_frame.hpp"}),
        "inputs": [_edge(plan, edge, found) for edge in plan.inputs],
        "outputs": [_edge(plan, edge, found) for edge in plan.outputs],
        "units": [_unit(unit, plan.program.name) for unit in calls],
        "channels": found.unique,
        "arrays": _memories(calls),
    }
    top = plan.program.name
    return {
        f"{top}.hpp": render("build/hls/network.hpp.j2", **values),
        f"{top}.cpp": render("build/hls/network.cpp.j2", **values),
        f"tb_{top}.cpp": render("build/hls/tb.cpp.j2", **values),
    }


def _edge(plan: Plan, edge: Edge, found: Channels) -> dict[str, Any]:
    type_ = plan.program.types[edge.port.tensor]
    channel = found.of[edge.inner.name]
    return {
        "prefix": edge.prefix,
        "vectors": edge.port.tensor if edge in plan.inputs else edge.prefix,
        "width": edge.tdata_width,
        "beats": edge.beats,
        "inner": channel.variable,
        "comment": f"{edge.lanes} of {type_.channels} channels, {type_}, {plan.program.formats[edge.port.tensor]}",
    }


def _unit(unit: Unit, top: str) -> dict[str, Any]:
    names = {array.name: f"{top}__{array.name}" for array in unit.arrays}
    graph = unit.part.graph if isinstance(unit.part, Instance) else None
    return {
        "name": unit.name,
        "kernel": unit.kernel,
        "constants": unit.constants,
        "arguments": [names.get(argument, argument) for argument in unit.arguments],
        "graph": None if graph is None else {
            "statements": statements(graph.graph), "lanes": len(graph.graph.outputs), "width": graph.graph.width,
        },
    }  # fmt: skip


def arrays(plan: Plan) -> list[Array]:
    """All memories of the network, each file once."""
    return _memories(units(plan, channels(plan)))


def _memories(calls: list[Unit]) -> list[Array]:
    return list({array.file: array for unit in calls for array in unit.arrays}.values())
