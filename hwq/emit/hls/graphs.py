"""Adder graphs as C++: each sum a constant of exactly its bits."""

from __future__ import annotations

from hwq.hw.adder_graph import AdderGraph, Node


def statements(graph: AdderGraph) -> list[str]:
    """The sums of `graph`, of the lanes of a beat `x` and into the lanes of `acc`."""
    read = {out.node for out in graph.outputs} | {
        place for node in graph.nodes if node.is_sum for place in (node.a, node.b)
    }
    lines = [
        f"const {_type(node)} n{place} = {_value(graph, place)};"
        for place, node in enumerate(graph.nodes)
        if node.low < node.high and place in read
    ]
    for lane, out in enumerate(graph.outputs):
        text = _operand(graph, out.node)
        if out.inverted:
            text = f"(hwq::Int<1>(-1) - {text})"
        lines.append(f"acc.lane[{lane}] = {_scaled(text, out.shift)};")
    return lines


def _type(node: Node) -> str:
    return f"hwq::{'' if node.signed else 'U'}Int<{node.width}>"


def _value(graph: AdderGraph, place: int) -> str:
    node = graph.nodes[place]
    if not node.is_sum:
        return f"x.lane[{place}]"
    second = _scaled(_operand(graph, node.b), node.shift)
    return f"{_operand(graph, node.a)} {'-' if node.minus else '+'} {second}"


def _operand(graph: AdderGraph, place: int) -> str:
    node = graph.nodes[place]
    return f"n{place}" if node.low < node.high else f"{_type(node)}({node.low})"


def _scaled(text: str, shift: int) -> str:
    return f"hwq::scaled<{shift}>({text})" if shift else text
