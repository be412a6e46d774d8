"""Plan: a program with its folding, its streams and its memories; many plans of one program give equal results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from hwq.hw.bound import Bound
from hwq.hw.device import Device
from hwq.hw.engines import build, requant_multipliers
from hwq.hw.feed import converted_lanes, queue, width_converter
from hwq.hw.fifo import Branches, beats
from hwq.hw.fold import Fold, Multiplier, ceil_div, cycles
from hwq.hw.latency import Latency, latency
from hwq.hw.linear_engine import shared
from hwq.hw.netlist import Fork, Instance, Netlist, Stream
from hwq.hw.pack import is_binary
from hwq.hw.sharing import engine_cycles, groups, owns
from hwq.hw.work import linear_ops, macs
from hwq.ir.op import Op
from hwq.ir.port import Port
from hwq.ir.program import Program
from hwq.ops import PowerSums


@dataclass(frozen=True, slots=True)
class Edge:
    """An AXI4-Stream port of the network: `lanes` elements of `bits` bits a beat, `beats` beats a frame."""

    port: Port
    prefix: str
    stream: Stream
    inner: Stream
    lanes: int
    bits: int
    beats: int

    @property
    def tdata_width(self) -> int:
        """Width of tdata, a whole number of bytes."""
        return ceil_div(self.stream.width, 8) * 8


@dataclass(frozen=True, eq=False)
class Plan:
    """What is built: `folds` for each operation, the netlist, and the ports; for what device, if that was said."""

    program: Program
    folds: Mapping[str, Fold]
    net: Netlist
    inputs: tuple[Edge, ...]
    outputs: tuple[Edge, ...]
    device: Device | None = None
    bound: Bound | None = None

    @cached_property
    def cycles(self) -> dict[str, int]:
        """Cycles a frame of each operation, by formula, with its engine for itself."""
        program = self.program
        return {
            op.name: cycles(op, self.folds[op.name], program.input_types_of(op), program.types[op.name])
            for op in program.ops
        }

    @cached_property
    def engine_cycles(self) -> dict[str, int]:
        """Cycles a frame of the engine of each operation, all layers that share it together."""
        return engine_cycles(self.program, self.folds)

    @cached_property
    def engines(self) -> dict[str, Fold]:
        """The foldings of all engines, by operation; of those that layers share by the first one."""
        return {name: fold for name, fold in self.folds.items() if owns(name, fold)}

    def layer_of(self, part: str) -> str | None:
        """The operation that a part of the netlist belongs to: parts are named after it, with more behind "__"."""
        name = part.removeprefix("u_")
        while name and name not in self.folds:
            name = name.rpartition("__")[0]
        return name or None

    @property
    def interval(self) -> int:
        """Initiation interval in cycles: the slowest operation or port."""
        return max([*self.engine_cycles.values(), *(edge.beats for edge in (*self.inputs, *self.outputs))])

    @cached_property
    def latency(self) -> Latency:
        """Cycles from the first beat of a frame in to those of each tensor out, by formula, in an empty pipeline."""
        return latency(self.program, self.folds, {edge.port.tensor: edge.lanes for edge in self.inputs})

    @property
    def frame_latency(self) -> int:
        """Cycles from the first beat of a frame in to the last one out, by formula, in an empty pipeline."""
        return max(self.latency.last[edge.port.tensor] for edge in self.outputs)

    @property
    def multipliers(self) -> int:
        """Multipliers of all MAC arrays, `shift_add_lanes` and `xnor_lanes` included."""
        return sum(fold.multipliers for fold in self.engines.values())

    @property
    def multiplier_blocks(self) -> int:
        """Multipliers of all MAC arrays that are built: one for products that share it, none for other lanes."""
        return sum(fold.blocks for fold in self.engines.values()) - self.shift_add_lanes - self.xnor_lanes

    @property
    def shift_add_lanes(self) -> int:
        """Those of `multipliers` that are shifts and adders, because their weights are sums of powers of two."""
        return sum(
            self.folds[op.name].multipliers for op in linear_ops(self.program) if isinstance(op.coding, PowerSums)
        )

    @property
    def xnor_lanes(self) -> int:
        """Those of `multipliers` that are gates, because weights and inputs are bits."""
        layers = linear_ops(self.program)
        return sum(self.folds[op.name].multipliers for op in layers if is_binary(op, self.program.first_type(op)))

    @property
    def logic_lanes(self) -> int:
        """Those of `multipliers` that are made of adders and look-up tables, because their fold asks for that."""
        return sum(fold.multipliers for fold in self.engines.values() if fold.multiplier is Multiplier.LOGIC)

    @property
    def requant_multipliers(self) -> int:
        """Multipliers of all requantisers, and of products."""
        return sum(requant_multipliers(op, self.folds[op.name]) for op in self.program.ops if op.name in self.engines)

    @property
    def utilisation(self) -> float:
        """Share of the MAC arrays' multiplications that a frame needs: MACs / (interval * multipliers)."""
        return self.array_macs / (self.interval * self.multipliers) if self.multipliers else 0.0

    @property
    def array_macs(self) -> int:
        """Multiply-accumulates of one frame that multipliers do: all but those of adder graphs."""
        return sum(macs(self.program, op) for op in self.program.ops if self.folds[op.name].multipliers)

    @property
    def rom_bits(self) -> int:
        """Bits in all memory files."""
        return sum(rom.bits for rom in self.net.roms)

    @property
    def fifo_bits(self) -> int:
        """Bits in the FIFOs that balance branches."""
        fifos = (part for part in self.net.parts if isinstance(part, Instance) and part.module.startswith("hwq_fifo"))
        return sum(int(part.params["W"]) * int(part.params["DEPTH"]) for part in fifos)

    @property
    def buffer_bits(self) -> int:
        """Bits in the rings of gathers."""
        rings = (part for part in self.net.parts if isinstance(part, Instance) and part.module == "hwq_gather")
        return sum(int(part.params["OUT_W"]) * int(part.params["RING"]) for part in rings)


def make_plan(
    program: Program, folds: Mapping[str, Fold], device: Device | None = None, bound: Bound | None = None
) -> Plan:
    """The plan of `program` under `folds` (one for each operation)."""
    return replace(_Planner(program, folds).plan(), device=device, bound=bound)


class _Planner:
    """Builds the netlist in program order."""

    def __init__(self, program: Program, folds: Mapping[str, Fold]) -> None:
        self.program, self.folds, self.net = program, folds, Netlist()
        self.branches = Branches(program, folds)
        self.readers: dict[str, list[Stream]] = {}
        self.outputs: list[Edge] = []

    def plan(self) -> Plan:
        inputs = tuple(self._input(port) for port in self.program.inputs)
        for op in self.program.ops:
            lanes = self.folds[op.name].lanes_in
            depths = self.branches.depths(op, lanes) if len(op.inputs) > 1 else (0,) * len(op.inputs)
            sources = [self._read(name, op, depth) for name, depth in zip(op.inputs, depths, strict=True)]
            self._publish(build(self.net, self.program, op, self.folds[op.name], sources))
        for name, layers in groups(self.program, self.folds).items():
            shared(self.net, self.program, name, layers, self.folds[name])
        for port in self.program.outputs:
            self.outputs.append(self._output(port))
        return Plan(self.program, self.folds, self.net, inputs, tuple(self.outputs))

    def _input(self, port: Port) -> Edge:
        """The stream that enters: the lanes that its reader takes, or the next number that divides the channels."""
        type_ = self.program.types[port.tensor]
        wanted = max((self.folds[op.name].lanes_in for op in self.program.consumers(port.tensor)), default=1)
        lanes = _divisor(type_.channels, wanted)
        inner = self.net.tensor(port.tensor, port.tensor, type_, lanes)
        self._publish(inner)
        prefix = "s_axis" if len(self.program.inputs) == 1 else f"s_axis_{port.tensor}"
        count = beats(type_.pixels, type_.channels, lanes)
        return Edge(port, prefix, Stream(prefix, inner.width), inner, lanes, type_.bits, count)

    def _output(self, port: Port) -> Edge:
        """The stream that leaves: the lanes of its source, or the next number that divides the channels."""
        type_ = self.program.types[port.tensor]
        source = self.readers[port.tensor].pop(0)
        lanes = _divisor(type_.channels, source.lanes)
        again = sum(edge.port.tensor == port.tensor for edge in self.outputs)
        label = f"{port.tensor}__{again + 1}" if again else port.tensor
        inner = self._converted(source, lanes, type_.channels, f"{label}__out")
        prefix = "m_axis" if len(self.program.outputs) == 1 else f"m_axis_{label}"
        count = beats(type_.pixels, type_.channels, lanes)
        return Edge(port, prefix, Stream(prefix, inner.width), inner, lanes, type_.bits, count)

    def _publish(self, stream: Stream) -> None:
        """Offer `stream` to every reader of its tensor, through a fork where there are several."""
        assert stream.tensor is not None
        ports = sum(port.tensor == stream.tensor for port in self.program.outputs)
        count = ports + sum(op.inputs.count(stream.tensor) for op in self.program.consumers(stream.tensor))
        if count <= 1:
            self.readers[stream.tensor] = [stream]
            return
        type_ = self.program.types[stream.tensor]
        copies = [self.net.tensor(f"{stream.name}__to{i}", stream.tensor, type_, stream.lanes) for i in range(count)]
        self.net.parts.append(Fork(f"u_{stream.name}__fork", stream, tuple(copies)))
        self.readers[stream.tensor] = copies

    def _read(self, tensor: str, op: Op, depth: int) -> Stream:
        """The next copy of `tensor`, in the lanes that `op` reads, through a FIFO of `depth` beats.

        The FIFO comes last: what reads it in bursts does not wait for a converter of fewer lanes.
        """
        source = self.readers[tensor].pop(0)
        name, channels = f"{op.name}__{source.name}", self.program.types[tensor].channels
        stream = self._converted(source, self.folds[op.name].lanes_in, channels, name)
        return self._fifo(stream, depth, f"{name}__fifo") if depth else stream

    def _fifo(self, source: Stream, depth: int, name: str) -> Stream:
        assert source.tensor is not None
        out = self.net.tensor(name, source.tensor, self.program.types[source.tensor], source.lanes)
        queue(self.net, source, out, depth)
        return out

    def _converted(self, source: Stream, lanes: int, channels: int, name: str) -> Stream:
        """`source` in beats of `lanes` channels; by way of a common multiple where neither divides the other."""
        for target in converted_lanes(source.lanes, lanes, channels)[1:]:
            source = self._width_converter(
                source, target, channels, f"{name}__{'lanes' if target == lanes else 'wide'}"
            )
        return source

    def _width_converter(self, source: Stream, lanes: int, channels: int, name: str) -> Stream:
        assert source.tensor is not None
        type_ = self.program.types[source.tensor]
        out = self.net.tensor(name, source.tensor, type_, lanes)
        width_converter(self.net, source, out, type_.bits, channels)
        return out


def _divisor(channels: int, wanted: int) -> int:
    """The smallest divisor of `channels` that is at least `wanted`."""
    return next(n for n in range(min(wanted, channels), channels + 1) if channels % n == 0)
