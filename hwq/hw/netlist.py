"""Netlist: the instances and streams of a plan, as plain data that a template prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hwq.hw.adder_graph import Pipeline
from hwq.ir.types import TensorType

ParamValue = int | str


@dataclass(frozen=True, slots=True)
class Stream:
    """A valid/ready stream of `width` bits; where it carries a tensor, `lanes` channels of it a beat."""

    name: str
    width: int
    tensor: str | None = None
    lanes: int = 0


@dataclass(frozen=True, slots=True)
class Instance:
    """One module of the library; `ports` maps port prefixes (`s_axis`, `m_axis`, `a_axis`) to streams.

    A port of several like streams carries them side by side, the first in the lowest bits.  A `graph` is a module that
    is made for this instance and stands beside it.
    """

    module: str
    name: str
    params: Mapping[str, ParamValue]
    ports: Mapping[str, Stream | tuple[Stream, ...]]
    graph: Pipeline | None = None

    def streams(self, port: str) -> tuple[Stream, ...]:
        """The streams of one port."""
        streams = self.ports[port]
        return (streams,) if isinstance(streams, Stream) else streams


@dataclass(frozen=True, slots=True)
class Fork:
    """One stream to several; all targets share the data of the source."""

    name: str
    source: Stream
    targets: tuple[Stream, ...]


@dataclass(frozen=True)
class Rom:
    """A memory file of words, each of `width` bits; they are made when they are asked for."""

    file: str
    width: int
    make: Callable[[], list[str]] = field(repr=False)

    @cached_property
    def words(self) -> list[str]:
        """The words, in hexadecimal."""
        return self.make()

    @property
    def bits(self) -> int:
        """Size in bits."""
        return self.width * len(self.words)


@dataclass(slots=True)
class Netlist:
    """Everything inside the network module, in program order."""

    parts: list[Instance | Fork] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    roms: list[Rom] = field(default_factory=list)
    shared: dict[str, list[tuple[Stream, Stream]]] = field(default_factory=dict)
    """By engine, the streams into it and out of it of each layer so far."""

    def stream(self, name: str, width: int) -> Stream:
        """A new stream that carries no tensor of the program."""
        return self._added(Stream(name, width))

    def tensor(self, name: str, tensor: str, type_: TensorType, lanes: int) -> Stream:
        """A new stream that carries `tensor`, `lanes` channels a beat."""
        return self._added(Stream(name, lanes * type_.bits, tensor, lanes))

    def rom(self, name: str, width: int, make: Callable[[], list[str]]) -> str:
        """A new memory file of what `make` returns; returns the path to open, relative to the build folder."""
        file = f"rom/{name}.mem"
        self.roms.append(Rom(file, width, make))
        return file

    def _added(self, stream: Stream) -> Stream:
        self.streams.append(stream)
        return stream
