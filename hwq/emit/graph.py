"""The modules of adder graphs: each sum a wire of exactly its bits, extended by hand and never by a tool."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hwq.emit.render import render
from hwq.hw.adder_graph import Output, Pipeline, side_by_side


def graph_name(top: str, instance: str) -> str:
    """The module of the graph beside `instance` of a network."""
    return f"{top}_{instance.removeprefix('u_')}_graph"


def graph_module(name: str, pipeline: Pipeline, header: str) -> str:
    """The SystemVerilog text of a pipelined graph."""
    text, graph = _Text(pipeline), pipeline.graph
    sums = sum(node.is_sum for node in graph.nodes)
    return render(
        "build/graph.sv.j2",
        header=header,
        summary=f"acc of hwq_adders: {sums} sums, {graph.levels} adders one behind the other at most, "
        f"{pipeline.stages - 1} cycles.",
        name=name,
        x_width=graph.input_bits,
        acc_width=graph.output_bits,
        wires=text.wires(),
        lanes=[text.lane(out) for out in reversed(graph.outputs)],
    )


class _Text:
    """Nodes of a pipeline as Verilog."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline, self.nodes = pipeline, pipeline.graph.nodes
        self.kept = dict(pipeline.kept())

    def wires(self) -> list[dict[str, Any]]:
        """Each node that is no constant, with its registers."""
        found = []
        for place, node in enumerate(self.nodes):
            if node.low < node.high:
                names = [f"n{place}", *(f"n{place}_q{k}" for k in range(1, self.kept.get(place, 0) + 1))]
                copies = [{"name": new, "source": old} for old, new in pairwise(names)]
                value = self._sum(place) if node.is_sum else f"x[{place * node.width}+:{node.width}]"
                found.append({"name": names[0], "top": node.width - 1, "value": value, "copies": copies})
        return found

    def lane(self, out: Output) -> str:
        """An output, as wide as all are."""
        width = self.pipeline.graph.width - out.shift
        bits = self._bits(out.node, 0, width, self.pipeline.stages - 1)
        text = f"~{bits}" if out.inverted else bits
        return f"{{{text}, {out.shift}'d0}}" if out.shift else text

    def _sum(self, place: int) -> str:
        node, stage = self.nodes[place], self.pipeline.made[place]
        shift, upper = node.shift, node.width - node.shift
        if upper <= 0:
            return self._bits(node.a, 0, node.width, stage)
        second = self._bits(node.b, 0, upper, stage)
        low = f", {self._bits(node.a, 0, shift, stage)}" if shift else ""
        if side_by_side(self.nodes[node.a], node):
            return f"{{{second}{low}}}"
        total = f"{self._bits(node.a, shift, upper, stage)} {'-' if node.minus else '+'} {second}"
        return f"{{{total}{low}}}" if shift else total

    def _bits(self, place: int, low: int, width: int, stage: int) -> str:
        """Bits `low` to `low + width - 1` of a node in a stage, its sign or zeros above it."""
        node = self.nodes[place]
        if node.low == node.high:
            return f"{width}'d{node.low >> low & ((1 << width) - 1)}"
        name = f"n{place}" + (f"_q{stage - self.pipeline.made[place]}" if stage > self.pipeline.made[place] else "")
        fill = f"{name}[{node.width - 1}]" if node.signed else "1'b0"
        own = min(node.width - low, width)
        if own <= 0:
            return f"{{{width}{{{fill}}}}}"
        part = name if own == node.width else f"{name}[{low}+:{own}]"
        return part if own == width else f"{{{{{width - own}{{{fill}}}}}, {part}}}"
