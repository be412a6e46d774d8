"""Units: the parts of a netlist as calls of kernels, and their parameters as constants of C++."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hwq.emit.hls.roms import LAYOUTS, Layout, layout_of
from hwq.emit.hls.streams import FIFOS, Channels, counts
from hwq.hw.netlist import Fork, Instance, Rom
from hwq.hw.plan import Plan

LINE = 112
"""Characters of a line of constants, about."""
KEYWORDS = {"const": "constant"}
"""Kernels that cannot have the name of their module."""
_OUT_FIRST = ("hwq_concat",)
"""Kernels of any number of inputs, which come last."""
_WORD = re.compile(r"(-?)64'sd(\d+)")


@dataclass(frozen=True, slots=True)
class Array:
    """A memory of C++: the name of the array, and how its words are made."""

    name: str
    rom: Rom
    layout: Layout
    style: str

    @property
    def file(self) -> str:
        """The file of its initialiser, from the build folder."""
        return self.rom.file.removesuffix(".mem") + ".inc"


@dataclass(frozen=True, slots=True)
class Unit:
    """One call of a kernel."""

    name: str
    kernel: str
    constants: tuple[str, ...]
    arguments: tuple[str, ...]
    arrays: tuple[Array, ...]
    part: Fork | Instance

    @property
    def header(self) -> str:
        """The file of its kernel."""
        module = next((old for old, new in KEYWORDS.items() if new == self.kernel), self.kernel)
        return f"hwq_{module}.hpp"


def units(plan: Plan, found: Channels) -> list[Unit]:
    """All calls, in the order in which a frame passes; FIFOs are none."""
    return [
        _fork(part, found) if isinstance(part, Fork) else _unit(plan, part, found)
        for part in plan.net.parts
        if isinstance(part, Fork) or part.module not in FIFOS
    ]


def _fork(part: Fork, found: Channels) -> Unit:
    streams = [found.of[stream.name].variable for stream in (part.source, *part.targets)]
    turns = f"static constexpr int TURNS = {found.turns[part.name]};"
    return Unit(part.name, "fork", (turns,), tuple(streams), (), part)


def _unit(plan: Plan, part: Instance, found: Channels) -> Unit:
    module = part.module.removeprefix("hwq_")
    came = [found.of[s.name].variable for port in part.ports if port != "m_axis" for s in part.streams(port)]
    made = [found.of[s.name].variable for s in part.streams("m_axis")]
    arrays = dict(_arrays(plan, part, found))
    roms = [arrays[param].name if param in arrays else "hwq::absent" for param in LAYOUTS.get(part.module, ())]
    streams = [*made, *came] if part.module in _OUT_FIRST else [*came, *made]
    return Unit(
        part.name,
        KEYWORDS.get(module, module),
        tuple(_wrapped(_constants(part, found))),
        (*streams, *roms),
        tuple(arrays.values()),
        part,
    )


def _arrays(plan: Plan, part: Instance, found: Channels) -> Iterator[tuple[str, Array]]:
    roms = {rom.file: rom for rom in plan.net.roms}
    out = found.of[part.streams("m_axis")[0].name].type_
    for param in LAYOUTS.get(part.module, ()):
        file = part.params.get(param)
        if file:
            rom = roms[str(file)]
            name = f"{rom.file.removeprefix('rom/').removesuffix('.mem')}__rom"
            style = str(part.params.get("WGT_STYLE", "auto")) if param == "WGT_FILE" else "auto"
            yield param, Array(name, rom, layout_of(part, param, out), _STYLES[style])


_STYLES = {"auto": "auto", "block": "bram", "distributed": "lutram"}


def _constants(part: Instance, found: Channels) -> dict[str, tuple[str, str]]:
    """C++ type and value of each parameter that is a number, and how often the kernel works in a frame."""
    made: dict[str, tuple[str, str]] = {}
    for name, value in part.params.items():
        if name == "PAD":
            made[name] = ("int", str(_lane(str(value), part, found)))
        elif name == "COUNTS":
            made[name] = ("int", "")
        elif isinstance(value, int):
            made[name] = ("int", str(value))
        elif wide := _WORD.fullmatch(value):
            made[name] = ("long long", f"{wide[1]}{wide[2]}LL")
    return made | {"TURNS": ("int", str(found.turns[part.name]))} | _counts(part)


def _counts(part: Instance) -> dict[str, tuple[str, str]]:
    if "COUNTS" not in part.params:
        return {}
    return {"COUNTS": ("int", "{" + ", ".join(str(count) for count in counts(part)) + "}")}


def _lane(beat: str, part: Instance, found: Channels) -> int:
    """One lane of a beat that has the same value in all."""
    type_ = found.of[part.streams("s_axis")[0].name].type_
    value = int(beat.partition("'h")[2], 16) & ((1 << type_.bits) - 1)
    return value - (1 << type_.bits) if type_.signed and value >> (type_.bits - 1) else value


def _wrapped(constants: dict[str, tuple[str, str]]) -> Iterator[str]:
    """Declarations, integers side by side."""
    plain = [f"{name} = {value}" for name, (kind, value) in constants.items() if kind == "int" and "{" not in value]
    line = "static constexpr int "
    for text in plain:
        if len(line) + len(text) > LINE:
            yield line.rstrip(", ") + ";"
            line = "static constexpr int "
        line += f"{text}, "
    yield line.rstrip(", ") + ";"
    for name, (kind, value) in constants.items():
        if kind != "int":
            yield f"static constexpr {kind} {name} = {value};"
        elif "{" in value:
            yield f"static constexpr int {name}[] = {value};"
