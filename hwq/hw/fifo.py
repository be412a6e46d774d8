"""FIFO depths where streams join: deep enough that no deadlock is possible and no rate is lost.

Both follow from `Op.pixels_needed`, for the program as a whole: forks and joins may lie within each other in any way.

No deadlock: there is an order in which the pixels of one frame can be made, each as soon as its last input is there, in
which no FIFO holds more than it has room for.  Where data and room alone decide what happens next, as in every engine
here, what comes to its end in one order does in any (Kahn's process networks with bounded channels).

Full rate: in the steady state the pixels of a tensor come evenly, as late as those that they need ask for.  A FIFO
holds what comes before the join takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType

import numpy as np

from hwq.arith import IntArray
from hwq.hw.fold import Fold, ceil_div, is_global, opening_input
from hwq.hw.gather_plan import pixels_taken
from hwq.hw.sharing import engine_cycles
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ops import Dense, Gather, Normalise, Softmax

Folds = Mapping[str, Fold]
LATENCY = 32
"""Cycles, at most, that an operation's pipeline takes from its last beat in to the result."""
PIXELS_HELD: dict[type[Op], int] = {Normalise: 2, Softmax: 3}
"""Pixels, at most, in operations that need a whole one before they begin with it, beside those in their pipelines."""
WINDOWS_HELD = 4
"""Windows, at most, that wait to be read again at each array with a flat feed, and each that has its turn."""
FRAME = 1 << 40
"""Ticks of a frame in the steady state."""


class Branches:
    """How far each input of each operation of a program runs ahead of the operation's other inputs.

    `folds` say how gathers are built, and how long operations work.
    """

    def __init__(self, program: Program, folds: Folds = MappingProxyType({})) -> None:
        self._program, self._folds = program, folds
        self._shares = _shares(program, folds)
        self._makers = {op.name: op for op in program.ops}
        self._needed = {op.name: pixels_needed(program, op, folds.get(op.name)) for op in program.ops}

    def depths(self, join: Op, lanes: int) -> tuple[int, ...]:
        """Beats of `lanes` channels that the FIFO in front of each input of `join` holds; 0 where none is needed."""
        return tuple(self._depth(join, which, lanes) for which in range(len(join.inputs)))

    def held(self, join: Op) -> tuple[int, ...]:
        """Pixels that the FIFO in front of each input of `join` must hold lest the network come to a halt.

        Enough in whatever order pixels move, as tests/unit/test_fifo_proof.py shows by trying all; `depths` are more,
        for the rate.
        """
        return tuple(self._held(join, which) for which in range(len(join.inputs)))

    def _depth(self, join: Op, which: int, lanes: int) -> int:
        name = join.inputs[which]
        type_ = self._program.types[name]
        row = beats(type_.shape[1], type_.channels, lanes)
        if self._alone(join, which):
            if not join.takes_turns or (self._is_source(name) and self._readers(name) == 1):
                return 0
            return beats(self._early(join, which, latest=True), type_.channels, lanes) + row
        own = self._ancestors(name)
        slower = [(self._ancestors(other) - own) & self._makers.keys() for other in join.inputs]
        pixels = max(1, self._held(join, which), self._early(join, which))
        if pixels == 1 and not join.takes_turns and (not any(slower) or self._waits_in_rows(name)):
            return 0
        inside = max(self._inside(names, type_.channels, lanes) for names in slower)
        return beats(pixels, type_.channels, lanes) + max(row, inside)

    def _inside(self, names: Iterable[str], channels: int, lanes: int) -> int:
        """Beats of an input for what operations that only others depend on hold at full rate."""
        found = [self._makers[name] for name in names]
        folds = [self._folds[op.name] for op in found if op.name in self._folds]
        again = [fold.copies for fold in folds if fold.flat or fold.copies > 1]
        held = sum(PIXELS_HELD.get(type(op), 0) for op in found) + WINDOWS_HELD * sum(again)
        return beats(held, channels, lanes) + LATENCY * (len(found) + len(again))

    def _alone(self, join: Op, which: int) -> bool:
        """Whether an input shares nothing with the rest of the program but `join`: it can wait and hold up nobody."""
        links: dict[str, set[str]] = {name: set() for name in self._program.types}
        for op in self._program.ops:
            for number, name in enumerate(op.inputs):
                if (op, number) != (join, which):
                    links[name].add(op.name)
                    links[op.name].add(name)
        return join.name not in _reached(links, join.inputs[which])

    def _is_source(self, tensor: str) -> bool:
        """Whether nothing in the network has to work for `tensor`: an input, or a constant."""
        return tensor not in self._makers or tensor in self._program.constants

    def _readers(self, tensor: str) -> int:
        """Streams that carry `tensor`, to operations and out of the program."""
        inner = sum(op.inputs.count(tensor) for op in self._program.consumers(tensor))
        return inner + self._program.output_tensors().count(tensor)

    def _ancestors(self, tensor: str) -> set[str]:
        """`tensor` and all tensors that it depends on."""
        links = {name: set(self._makers[name].inputs if name in self._makers else ()) for name in self._program.types}
        return _reached(links, tensor)

    def _waits_in_rows(self, tensor: str) -> bool:
        """Whether a window unit that serves `tensor` alone keeps what makes it, while nobody takes it."""
        while not self._is_source(tensor):
            op = self._makers[tensor]
            if self._readers(tensor) > 1 or len(op.inputs) > 1:
                return False
            x = self._program.types[op.inputs[0]]
            if isinstance(op, Dense) or (hasattr(op, "window") and op.window.taps > 1 and not is_global(op, x)):
                return True
            tensor = op.inputs[0]
        return False

    def _taken(self, join: Op, which: int) -> tuple[IntArray, IntArray]:
        """For each pixel of an input the number of the output that completes it, and whether it waits for that one.

        What else an output needs is taken in as soon as the output before it has left; so is what none needs.
        """
        needed = self._needed[join.name][which]
        pixels = np.arange(1, self._program.types[join.inputs[which]].pixels + 1)
        output = np.searchsorted(needed, pixels)
        last = len(needed) - 1
        return output, (output <= last) & (needed[np.minimum(output, last)] == pixels)

    @cached_property
    def _order(self) -> dict[str, IntArray]:
        """Place of every pixel of every tensor in the order in which one frame is made.

        Inputs come in step with each other.  A pixel is made right after the last one that it needs, those of later
        operations first: so nothing but a join ever waits.
        """
        types = self._program.types
        sources = [name for name in types if self._is_source(name)]
        shares = [self._evenly(name) for name in sources]
        places = np.argsort(np.argsort(np.concatenate(shares), kind="stable"), kind="stable")
        ends = np.cumsum([len(share) for share in shares])[:-1]
        order: dict[str, IntArray] = dict(zip(sources, np.split(places, ends), strict=True))
        for op in self._program.ops:
            if op.inputs:
                after = np.maximum.accumulate(np.max(self._times(op, order), axis=0))
                order = {name: place + np.searchsorted(after, place) for name, place in order.items()}
                order[op.name] = after + 1 + np.arange(len(after))
        return order

    def _times(self, op: Op, times: dict[str, IntArray]) -> list[IntArray]:
        """For each input of `op`, when the last pixel of it comes that each output pixel needs; -1 for none."""
        return [
            np.where(needed > 0, times[name][needed - 1], -1)
            for name, needed in zip(op.inputs, self._needed[op.name], strict=True)
        ]

    def _held(self, join: Op, which: int) -> int:
        """Pixels of an input that are there at once, in the order of a single frame."""
        own, made = self._order[join.inputs[which]], self._order[join.name]
        output, waits = self._taken(join, which)
        left = np.concatenate([[-1], made])[np.where(waits, output + 1, output)]
        return int((np.searchsorted(own, left) - np.arange(len(own))).max())

    @cached_property
    def _starts(self) -> dict[str, int]:
        """When the first pixel of each tensor comes in the steady state, in ticks; the others follow evenly."""
        starts = dict.fromkeys(self._program.input_types, 0)
        for op in self._program.ops:
            steady = {name: starts[name] + self._evenly(name) for name in op.inputs}
            late = [int((times - self._evenly(op.name)).max()) for times in self._times(op, steady)]
            starts[op.name] = max(late, default=0) + self._work(op)
        return starts

    def _work(self, op: Op) -> int:
        """Ticks from the last pixel that a pixel of `op` needs to that pixel, in the steady state."""
        fold = self._folds.get(op.name)
        return int(self._shares.get(op.name, 0.0) * self._pitch(op.name) * (fold.copies if fold else 1))

    def _early(self, join: Op, which: int, latest: bool = False) -> int:
        """Pixels of an input that are there at once in the steady state; `latest` lets it begin as late as it may."""
        name = join.inputs[which]
        output, waits = self._taken(join, which)
        if not waits.any():
            return 0
        begin = self._starts[join.name] - self._work(join)
        left = begin + self._evenly(join.name)[output[waits]] - self._evenly(name)[waits]
        first = int(left.min()) if latest else self._starts[name]
        return (int(left.max()) - first) // self._pitch(name) + 1

    def _evenly(self, tensor: str) -> IntArray:
        """When the pixels of a tensor come after its first one, in ticks, in the steady state."""
        return np.arange(self._program.types[tensor].pixels) * self._pitch(tensor)

    def _pitch(self, tensor: str) -> int:
        """Ticks from one pixel of a tensor to the next."""
        return FRAME // self._program.types[tensor].pixels


def pixels_needed(program: Program, op: Op, fold: Fold | None = None) -> list[IntArray]:
    """For each input of `op` the pixels that must be in before each output pixel leaves, as hardware is built."""
    types = program.input_types_of(op)
    if isinstance(op, Gather) and fold is not None:
        return [pixels_taken(op, types[0], program.types[op.name], fold.lanes_in)]
    needed = [op.pixels_needed(which, *types) for which in range(len(types))]
    if op.takes_turns:
        start = opening_input(program, op)
        needed[start] = np.maximum(needed[start], min(start, 1))
    return needed


def _shares(program: Program, folds: Folds) -> dict[str, float]:
    """Of each operation with a fold the share of the time between two frames in which it works."""
    busy = engine_cycles(program, folds)
    return {name: own / max(busy.values()) for name, own in busy.items()}


def _reached(links: dict[str, set[str]], start: str) -> set[str]:
    """All that `links` lead to from `start`, itself included."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += links[name]
    return seen


def beats(pixels: int, channels: int, lanes: int) -> int:
    """Beats of `pixels` pixels."""
    return pixels * ceil_div(channels, lanes)
