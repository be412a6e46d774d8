"""Candidates: ways of building each operation within a number of cycles, with what each takes of a device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import accumulate
from operator import add

from hwq.hw.adders_engine import STAGES, adders_fold, graph_work
from hwq.hw.cost import part_cost
from hwq.hw.device import Family
from hwq.hw.engines import build
from hwq.hw.fold import STAGE, Fold, Multiplier, RomStyle
from hwq.hw.fold import cycles as cycles_of
from hwq.hw.netlist import Netlist, Stream
from hwq.hw.options import Made, Option, all_options, intervals, slowest
from hwq.hw.packing import multiplied, packed
from hwq.hw.resources import NOUNS, Resources
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ops import Linear

KEPT = 24
"""Foldings of an operation that are looked at, those of least cost; and a third as many of fewest multipliers."""
GRAPH_WORK = 2e6
"""Work on the graphs of layers that are thought of as adder graphs, those of least work: together some seconds."""
KINDS = tuple(NOUNS)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A folding with its store of weights, and what the engine takes."""

    fold: Fold
    taken: Resources

    @property
    def amounts(self) -> tuple[float, ...]:
        """`taken` in the order of `KINDS`."""
        return tuple(getattr(self.taken, kind) for kind in KINDS)


class Candidates:
    """All candidates of a program on a family of devices; what engines take is found once."""

    def __init__(self, program: Program, family: Family) -> None:
        self._program, self._family = program, family
        self._options = all_options(program)
        self._graphs = dict(_graphs(program, STAGES.get(family.name, STAGE)))
        self._taken: dict[tuple[str, Fold], Resources] = {}

    @cached_property
    def intervals(self) -> list[int]:
        """Cycles a frame that may be asked for, rising (see `hwq.hw.options.intervals`)."""
        return intervals(self._options)

    @property
    def slowest(self) -> str:
        """What can be no faster than the least of `intervals`."""
        return slowest(self._options)

    def within(self, cycles: int) -> dict[str, list[Candidate]]:
        """For each operation the candidates that take at most `cycles` and that no other is better than in all."""
        return {op.name: _front(self._of(op, cycles)) for op in self._program.ops}

    def _of(self, op: Op, cycles: int) -> Iterator[Candidate]:
        fast = [option for option in self._options[op.name] if option.cycles <= cycles]
        frugal = sorted(fast, key=lambda option: option.fold.multipliers)
        for option in {option.fold: option for option in (*fast[:KEPT], *frugal[: KEPT // 3])}.values():
            for fold in self._choices(op, option):
                yield self._candidate(op, fold)
        graph = self._graph(op, cycles)
        if graph:
            yield self._candidate(op, graph)

    def _candidate(self, op: Op, fold: Fold) -> Candidate:
        key = (op.name, fold)
        if key not in self._taken:
            self._taken[key] = engine_cost(self._program, op, fold, self._family)
        return Candidate(fold, self._taken[key])

    def _graph(self, op: Op, cycles: int) -> Fold | None:
        """The folding as an adder graph, if there is one that is fast enough."""
        graph = self._graphs.get(op.name)
        return graph[0] if graph and graph[1] <= cycles else None

    def _choices(self, op: Op, option: Option) -> list[Fold]:
        """A folding with its weights in block RAM and in LUTs, its products packed or not, or themselves from LUTs."""
        if not isinstance(op, Linear):
            return [option.fold]
        x = self._program.first_type(op)
        packs = sorted({1, min(option.fold.pe, packed(op, x, self._family))})
        folds = [replace(option.fold, pack=pack) for pack in packs]
        if multiplied(op, x):
            folds.append(replace(option.fold, multiplier=Multiplier.LOGIC))
        return [replace(fold, rom=style) for fold in folds for style in (RomStyle.BLOCK, RomStyle.DISTRIBUTED)]


def engine_cost(program: Program, op: Op, fold: Fold, family: Family) -> Resources:
    """What the engine of `op` takes, without what joins it to others."""
    net = Netlist()
    types = program.types
    sources = [Stream(name, fold.lanes_in * types[name].bits, name, fold.lanes_in) for name in op.inputs]
    build(net, program, op, fold, sources)
    return reduce(add, (part_cost(part, family) for part in net.parts), Resources())


def _graphs(program: Program, stage: int) -> Iterator[tuple[str, Made]]:
    """The layers that may be adder graphs, each with its folding and the cycles that it takes."""
    layers = sorted((graph_work(op), place, op) for place, op in enumerate(program.ops) if isinstance(op, Linear))
    for so_far, (_, _, op) in zip(accumulate(work for work, _, _ in layers), layers, strict=True):
        if so_far > GRAPH_WORK:
            return
        xs = program.input_types_of(op)
        fold = adders_fold(op, xs[0], stage)
        if fold:
            yield op.name, (fold, cycles_of(op, fold, xs, program.types[op.name]))


def _front(found: Iterator[Candidate]) -> list[Candidate]:
    """Those that no other equals or beats in everything that is taken."""
    front: list[Candidate] = []
    for one in sorted(found, key=lambda candidate: candidate.amounts):
        if not any(_covers(other.amounts, one.amounts) for other in front):
            front.append(one)
    return front


def _covers(a: Sequence[float], b: Sequence[float]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True))
