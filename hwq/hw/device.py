"""Devices: what FPGAs hold, from devices.toml."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from hwq.errors import BadInput
from hwq.hw.resources import Resources


@dataclass(frozen=True, slots=True)
class Family:
    """What the parts of a family's devices are; devices.toml says what each field means."""

    name: str
    vendor: str
    lut_inputs: int
    dsp: tuple[int, int]
    ram_kbit: int
    ram_halves: bool
    ram_shapes: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Device:
    """One device: how many of each part it has, and the clock in MHz that is taken where none is given."""

    name: str
    title: str
    family: Family
    part: str
    luts: int
    registers: int
    dsps: int
    rams: int
    clock: float

    @property
    def resources(self) -> Resources:
        """All that it has."""
        return Resources(self.luts, self.registers, self.dsps, self.rams)


def device(name: str) -> Device:
    """The device called `name`.

    Raises
    ------
    BadInput
        When there is none; says which names are near, and where all are.
    """
    known = devices()
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5) or list(known)
        raise BadInput(f"--device {name:.80}: unknown, expected one of {', '.join(known)}. Perhaps {near[0]}?")
    return known[name]


@cache
def devices() -> dict[str, Device]:
    """All devices by name, in the order of the file."""
    text = tomllib.loads(resources.files("hwq.hw").joinpath("devices.toml").read_text("utf-8"))
    families = {
        name: Family(name, **body | {"dsp": tuple(body["dsp"]), "ram_shapes": tuple(map(tuple, body["ram_shapes"]))})
        for name, body in text["family"].items()
    }
    return {name: Device(name, **body | {"family": families[body["family"]]}) for name, body in text["device"].items()}
