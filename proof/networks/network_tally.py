"""How much was compared: networks, operations, tensors, values and bits, by engine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from network_case import FRAMES, RTL_FRAMES, Case
from network_sources import Seen
from rtl_engines import ICARUS_RUNS, STALLS

from hwq.frontend.handlers import HANDLERS
from hwq.hw.netlist import Instance
from hwq.ir.op import REGISTRY
from hwq.ops import Linear

RUNS = {
    "verilator": RTL_FRAMES * len(STALLS), "icarus": RTL_FRAMES * len(ICARUS_RUNS),
}  # fmt: skip
"""Frames of a network on the RTL, all runs together."""


@dataclass(slots=True)
class Compared:
    """What one engine was compared on: a value is an integer of a tensor in one frame, a bit one of its type."""

    networks: int = 0
    tensors: int = 0
    values: int = 0
    bits: int = 0

    def add(self, case: Case, tensors: list[str], frames: int) -> None:
        """Count the `tensors` of a case."""
        self.networks += 1
        self.tensors += len(tensors)
        for name in tensors:
            type_ = case.program.types[name]
            self.values += frames * type_.pixels * type_.channels
            self.bits += frames * type_.pixels * type_.channels * type_.bits

    def join(self, other: Compared) -> None:
        """Add another count."""
        self.networks += other.networks
        self.tensors += other.tensors
        self.values += other.values
        self.bits += other.bits


@dataclass(slots=True)
class Tally:
    """All counts of a run."""

    engines: dict[str, Compared] = field(default_factory=dict)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    imported: Compared = field(default_factory=Compared)

    def draw(self, case: Case, seen: Seen) -> None:
        """Count what a network is made of."""
        p = case.program
        self._count("source", [case.source])
        self._count("operation", [op.kind for op in p.ops])
        self._count("onnx", list(seen.onnx.elements()))
        self._count("tensor bits", [str(type_.bits) for type_ in p.types.values()])
        self._count("weight bits", [str(op.weight_bits) for op in p.ops if isinstance(op, Linear)])
        self._count("inputs", [str(len(p.inputs))])
        self._count("outputs", [str(len(p.outputs))])
        self.imported.networks += seen.graphs
        self.imported.values += seen.values

    def compare(self, case: Case, rtl: bool) -> None:
        """Count what the engines compared of a network."""
        inner, outputs = case.inner(), case.outputs()
        for name, tensors in {"fast": inner, "golden": inner, "c": inner, "hls": outputs, "native": outputs}.items():
            self._engine(name).add(case, tensors, FRAMES)
        if rtl:
            self._count("module", [part.module for part in case.plan.net.parts if isinstance(part, Instance)])
            for name, frames in RUNS.items():
                self._engine(name).add(case, case.streams(), frames)

    def join(self, other: Tally) -> None:
        """Add the counts of another run."""
        for name, compared in other.engines.items():
            self._engine(name).join(compared)
        for name, counter in other.counts.items():
            self.counts.setdefault(name, Counter()).update(counter)
        self.imported.join(other.imported)

    def never(self) -> dict[str, list[str]]:
        """Operations and ONNX operators that were never drawn."""
        wanted = {"operation": REGISTRY, "onnx": HANDLERS}
        return {name: sorted(set(known) - set(self.counts.get(name, ()))) for name, known in wanted.items()}

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        engines = {
            name: {"networks": c.networks, "tensors": c.tensors, "values": c.values, "bits": c.bits}
            for name, c in self.engines.items()
        }
        counts = {name: dict(sorted(counter.items())) for name, counter in self.counts.items()}
        imported = {"graphs": self.imported.networks, "values": self.imported.values}
        return {"engines": engines, "imported": imported, "counts": counts, "never": self.never()}

    def text(self) -> str:
        """The tables that people read."""
        lines = [f"{'engine':10}{'networks':>10}{'tensors':>10}{'values':>14}{'bits':>14}"]
        for name, c in self.engines.items():
            lines.append(f"{name:10}{c.networks:>10,}{c.tensors:>10,}{c.values:>14,}{c.bits:>14,}")
        lines.append(f"{'import':10}{self.imported.networks:>10,}{'':10}{self.imported.values:>14,}")
        for name, counter in self.counts.items():
            key = (lambda item: (len(item[0]), item[0])) if name.endswith("bits") else lambda item: (-item[1], item[0])
            lines.append(
                f"{name}: " + ", ".join(f"{what} {count:,}" for what, count in sorted(counter.items(), key=key))
            )
        lines += [f"{name} never drawn: {', '.join(missing)}" for name, missing in self.never().items() if missing]
        return "\n".join(lines)

    def _engine(self, name: str) -> Compared:
        return self.engines.setdefault(name, Compared())

    def _count(self, name: str, items: list[str]) -> None:
        self.counts.setdefault(name, Counter()).update(items)
