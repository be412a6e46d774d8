"""Adder graphs: products of a constant matrix and a vector out of shifts and adders alone, and their pipelines.

Each sum knows the exact interval of its values, since what it is of the inputs is known: none is wider than need be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from hwq.arith import IntArray, Interval, signed_bits


@dataclass(frozen=True, slots=True)
class Node:
    """`a + b * 2^shift`, or where `minus` `a - b * 2^shift`; without operands an input, or the constant `low = high`.

    `depth` is the number of adders on the longest way to it.
    """

    low: int
    high: int
    depth: int = 0
    a: int = -1
    b: int = -1
    shift: int = 0
    minus: bool = False

    @property
    def is_sum(self) -> bool:
        """Whether it has operands."""
        return self.a >= 0

    @property
    def signed(self) -> bool:
        """Whether the top bit of its values is their sign."""
        return self.low < 0

    @property
    def width(self) -> int:
        """Bits of its values, at least one."""
        return signed_bits((self.low, self.high)) if self.signed else max(1, self.high.bit_length())


@dataclass(frozen=True, slots=True)
class Output:
    """`node * 2^shift`; where `inverted` all bits of the node are, which makes it `-node - 1`."""

    node: int
    shift: int
    inverted: bool


@dataclass(frozen=True)
class AdderGraph:
    """Nodes, the `inputs` first and operands before what is made of them, and which of them leave."""

    inputs: int
    nodes: tuple[Node, ...]
    outputs: tuple[Output, ...]

    @cached_property
    def levels(self) -> int:
        """The most adders one behind the other."""
        return max((self.nodes[out.node].depth for out in self.outputs), default=0)

    @cached_property
    def adder_bits(self) -> int:
        """Bits of all adders: those of their sums that are not just bits of an operand."""
        return sum(adder_bits(self.nodes[n.a], self.nodes[n.b], n) for n in self.nodes if n.is_sum)

    @property
    def width(self) -> int:
        """Bits of the widest output, as a signed number; two at least, as a requantiser has them."""
        return max(2, *(self.output_width(out) for out in self.outputs))

    @property
    def input_bits(self) -> int:
        """Bits of all inputs side by side."""
        return self.inputs * self.nodes[0].width

    @property
    def output_bits(self) -> int:
        """Bits of all outputs side by side, each as wide as the widest."""
        return len(self.outputs) * self.width

    def output_width(self, out: Output) -> int:
        """Bits of an output, as a signed number."""
        node = self.nodes[out.node]
        low, high = (~node.high, ~node.low) if out.inverted else (node.low, node.high)
        return signed_bits((low, high)) + out.shift

    def evaluate(self, x: IntArray) -> IntArray:
        """The outputs (n, outputs) of int64 inputs (n, inputs)."""
        values = list(x.T)
        for node in self.nodes[self.inputs :]:
            if node.is_sum:
                term = values[node.b] << node.shift
                values.append(values[node.a] + (-term if node.minus else term))
            else:
                values.append(np.full(len(x), node.low))
        columns = [(~values[out.node] if out.inverted else values[out.node]) << out.shift for out in self.outputs]
        return np.stack(columns, axis=1)


def adder_bits(a: Node, b: Node, total: Node) -> int:
    """Bits of an adder that need logic.

    Those of `a` below `b * 2^shift` are bits of the sum as they are; if `a` has no others the two stand side by side.
    """
    return 0 if side_by_side(a, total) else max(0, total.width - total.shift)


def side_by_side(a: Node, total: Node) -> bool:
    """Whether a sum is the bits of its operands beside each other, because `a` ends below `b * 2^shift`."""
    return not total.minus and not a.signed and a.high >> total.shift == 0


class Builder:
    """A graph under construction, for inputs of the interval `values` each; equal sums are one node."""

    def __init__(self, inputs: int, values: Interval) -> None:
        self.inputs, self.values = inputs, values
        self.nodes = [Node(*values) for _ in range(inputs)]
        self.widths = [node.width for node in self.nodes]
        self._factors = list(np.eye(inputs, dtype=np.int64))
        self._offsets = [0] * inputs
        self._constants: dict[int, int] = {}
        self._known: dict[tuple[int, int, int, bool], int] = {}

    def constant(self, value: int) -> int:
        """The node that is `value`."""
        if value not in self._constants:
            self._constants[value] = self._added(Node(value, value), np.zeros(self.inputs, np.int64), value)
        return self._constants[value]

    def sum(self, a: int, b: int, shift: int, minus: bool) -> int:
        """The node that is `a + b * 2^shift`, or `a - b * 2^shift`."""
        key = (a, b, shift, minus)
        if key not in self._known:
            sign = -1 if minus else 1
            factors = self._factors[a] + sign * (self._factors[b] << shift)
            offset = self._offsets[a] + sign * (self._offsets[b] << shift)
            low, high = self.values
            up, down = int(np.maximum(factors, 0).sum()), int(np.minimum(factors, 0).sum())
            ends = up * low + down * high + offset, up * high + down * low + offset
            depth = max(self.nodes[a].depth, self.nodes[b].depth) + 1
            self._known[key] = self._added(Node(*ends, depth, a, b, shift, minus), factors, offset)
        return self._known[key]

    def finished(self, outputs: Sequence[Output]) -> AdderGraph:
        """The graph of all that `outputs` need."""
        needed = {out.node for out in outputs}
        for place in range(len(self.nodes) - 1, self.inputs - 1, -1):
            node = self.nodes[place]
            if place in needed and node.is_sum:
                needed |= {node.a, node.b}
        kept = [*range(self.inputs), *sorted(place for place in needed if place >= self.inputs)]
        new = {old: place for place, old in enumerate(kept)}
        return AdderGraph(
            self.inputs,
            tuple(
                replace(node, a=new[node.a], b=new[node.b]) if node.is_sum else node
                for node in (self.nodes[old] for old in kept)
            ),
            tuple(replace(out, node=new[out.node]) for out in outputs),
        )

    def _added(self, node: Node, factors: IntArray, offset: int) -> int:
        self.nodes.append(node)
        self.widths.append(node.width)
        self._factors.append(factors)
        self._offsets.append(offset)
        return len(self.nodes) - 1


@dataclass(frozen=True)
class Pipeline:
    """A graph with registers between stages: node n is made in stage `made[n]` and last read in stage `read[n]`.

    Stage 0 is that of the inputs; outputs are read in the last stage, with no register behind them.
    """

    graph: AdderGraph
    stages: int
    made: tuple[int, ...]
    read: tuple[int, ...]

    @property
    def step(self) -> int:
        """The most adders one behind the other in a stage."""
        inside = [0] * len(self.made)
        for place, node in enumerate(self.graph.nodes):
            if node.is_sum:
                operands = [each for each in (node.a, node.b) if self.made[each] == self.made[place]]
                inside[place] = 1 + max((inside[each] for each in operands), default=0)
        return max(inside, default=0)

    @property
    def register_bits(self) -> int:
        """Bits of all registers."""
        return sum(self.graph.nodes[place].width * count for place, count in self.kept())

    def kept(self) -> Iterator[tuple[int, int]]:
        """Each node that is read in a later stage, and by how many stages; constants need no registers."""
        for place, (node, made, read) in enumerate(zip(self.graph.nodes, self.made, self.read, strict=True)):
            if read > made and node.low < node.high:
                yield place, read - made


def pipelined(graph: AdderGraph, step: int) -> Pipeline:
    """`graph` with at most `step` adders in a stage, the cuts where they take the fewest registers."""
    stages = max(1, -(-graph.levels // step))
    spare = stages * step - graph.levels
    found = [_cut(graph, stages, step, early) for early in range(min(spare, step - 1) + 1)]
    return min(found, key=lambda pipeline: pipeline.register_bits)


def _cut(graph: AdderGraph, stages: int, step: int, early: int) -> Pipeline:
    """The pipeline whose first stage has `step - early` adders one behind the other, all others `step`."""
    made = [max(0, -(-(node.depth + early) // step) - 1) if node.is_sum else 0 for node in graph.nodes]
    read = [-1] * len(graph.nodes)
    for out in graph.outputs:
        read[out.node] = stages - 1
    for node, stage in zip(graph.nodes, made, strict=True):
        for operand in (node.a, node.b) if node.is_sum else ():
            read[operand] = max(read[operand], stage)
    return Pipeline(graph, stages, tuple(made), tuple(read))
