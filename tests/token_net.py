"""A network as tokens: every order in which its pixels can move.

Beside the FIFOs an engine holds the window that it works on and one pixel that it has made; one with several inputs
holds none of them, but takes what it needs at once.  Hardware whose lanes are channels, so that a pixel is a beat,
holds no less; and what holds more can do whatever holds less does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from hwq.arith import IntArray
from hwq.hw.fifo import pixels_needed
from hwq.hw.fold import Fold
from hwq.ir.program import Program

State = tuple[int, ...]
"""Pixels so far, without whole frames that all have done: made of each tensor; then, of each edge, let in and taken."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A stream of a tensor (its number) to an input of an operation, or out; `depth` pixels wait in its FIFO."""

    tensor: int
    depth: int


class TokenNet:
    """The moves of `program` whose joins have FIFOs of `depths` pixels in front of their inputs, by name."""

    def __init__(self, program: Program, depths: Mapping[str, tuple[int, ...]]) -> None:
        names = list(program.types)
        self.frame = [program.types[name].pixels for name in names]
        self.edges: list[Edge] = []
        self.inputs: list[dict[int, IntArray]] = [{} for _ in names]
        for op in program.ops:
            held = depths.get(op.name, (0,) * len(op.inputs))
            needed = pixels_needed(program, op, Fold(program.first_type(op).channels, 1))
            number = names.index(op.name)
            self.inputs[number] = dict(zip(count(len(self.edges)), needed, strict=False))
            self.edges += [Edge(names.index(name), depth) for name, depth in zip(op.inputs, held, strict=True)]
        self.inner = len(self.edges)
        self.edges += [Edge(names.index(port.tensor), 0) for port in program.outputs]
        of_edges = [self.frame[edge.tensor] for edge in self.edges]
        self.frames = [*self.frame, *of_edges, *of_edges]
        self.readers = {t: [e for e, edge in enumerate(self.edges) if edge.tensor == t] for t in range(len(names))}

    @property
    def start(self) -> State:
        """Nothing has moved."""
        return (0,) * (len(self.frame) + 2 * len(self.edges))

    def moves(self, state: State) -> Iterator[State]:
        """Every state that one move leads to."""
        made, entered, taken = self._parts(state)
        for number, edge in enumerate(self.edges):
            if entered[number] < made[edge.tensor] and entered[number] - taken[number] < edge.depth:
                yield self._after(state, [len(made) + number])
        for tensor, pixels in enumerate(made):
            inputs = {edge: self._limit(tensor, edge, pixels) - taken[edge] for edge in self.inputs[tensor]}
            wanted = [edge for edge, pixels in inputs.items() if pixels > 0]
            free = all(entered[edge] == pixels for edge in self.readers[tensor])
            if free and (not wanted or len(inputs) > 1) and all(self._there(edge, state) for edge in wanted):
                yield self._after(state, [tensor, *self._take(wanted, state)])
            elif len(inputs) == 1 and wanted and self._there(wanted[0], state):
                yield self._after(state, self._take(wanted, state))
        for edge in range(self.inner, len(self.edges)):
            if self._there(edge, state):
                yield self._after(state, self._take([edge], state))

    def _parts(self, state: State) -> tuple[State, State, State]:
        tensors, edges = len(self.frame), len(self.edges)
        return state[:tensors], state[tensors : tensors + edges], state[tensors + edges :]

    def _limit(self, tensor: int, edge: int, pixels: int) -> int:
        """Pixels of `edge` that must be in before pixel number `pixels` of `tensor` is made."""
        frames, within = divmod(pixels, self.frame[tensor])
        return frames * self.frame[self.edges[edge].tensor] + int(self.inputs[tensor][edge][within])

    def _there(self, number: int, state: State) -> bool:
        """Whether a pixel of an edge can be taken: out of its FIFO, or where there is none from who made it."""
        made, entered, taken = self._parts(state)
        edge = self.edges[number]
        return taken[number] < (entered[number] if edge.depth else made[edge.tensor])

    def _take(self, edges: list[int], state: State) -> list[int]:
        """The counters that move when a pixel of each of `edges` is taken."""
        first = len(self.frame)
        direct = [first + edge for edge in edges if not self.edges[edge].depth]
        return [*direct, *(first + len(self.edges) + edge for edge in edges)]

    def _after(self, state: State, counters: list[int]) -> State:
        moved = list(state)
        for counter in counters:
            moved[counter] += 1
        done = min(pixels // frame for pixels, frame in zip(moved, self.frames, strict=True))
        return tuple(pixels - done * frame for pixels, frame in zip(moved, self.frames, strict=True))


def deadlocks(program: Program, depths: Mapping[str, tuple[int, ...]], limit: int) -> tuple[bool, int]:
    """Whether some order of moves ends where nothing moves, and how many states were seen.

    Inputs that come at any time and outputs that are taken at any time are moves like others, so the orders are those
    of all stalls, over any number of frames.

    Raises
    ------
    AssertionError
        When there are more than `limit` states.
    """
    net = TokenNet(program, depths)
    seen, waiting = {net.start}, [net.start]
    while waiting:
        following = list(net.moves(waiting.pop()))
        if not following:
            return True, len(seen)
        fresh = [state for state in following if state not in seen]
        seen.update(fresh)
        waiting += fresh
        assert len(seen) <= limit
    return False, len(seen)
