"""Output registers of block RAM in a netlist of Yosys for Lattice ECP5.

A DP16KD has registers at its outputs, but Yosys never uses them: the second register of hwq_rom becomes flip-flops, and
the way to them is what takes longest.  This moves such flip-flops into the block.  Results and cycles stay as they are.

    python3 ram_registers.py netlist.json          changes the file

Needs nothing but Python, so that a copy can lie beside the scripts of a build.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

WIDE = 36
"""Data bits of a block that reads with both of its ports at once, on the clock of port B."""
Cell = dict[str, Any]
Bit = int | str


def use_ram_registers(design: dict[str, Any]) -> int:
    """Move registers behind block RAMs of `design`, the JSON netlist of Yosys, into them; returns how many.

    Those of a block move together, if nothing but them reads it, and if they have its clock, one enable or none, and no
    reset.
    """
    return sum(_module(module) for module in design["modules"].values())


def edit(path: Path) -> None:
    """Do so in a file."""
    design = json.loads(path.read_text("utf-8"))
    use_ram_registers(design)
    path.write_text(json.dumps(design), "utf-8")


def _module(module: dict[str, Any]) -> int:
    cells: dict[str, Cell] = module["cells"]
    readers: dict[Bit, list[str]] = defaultdict(list)
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                for bit in bits:
                    readers[bit].append(name)
    for name, port in module["ports"].items():
        for bit in port["bits"]:
            readers[bit].append(name)
    moved = 0
    for ram in [cell for cell in cells.values() if cell["type"] == "DP16KD"]:
        for ports in ("AB",) if int(ram["parameters"]["DATA_WIDTH_B"], 2) == WIDE else ("A", "B"):
            moved += _port(ram, ports, cells, readers)
    return moved


def _port(ram: Cell, ports: str, cells: dict[str, Cell], readers: dict[Bit, list[str]]) -> int:
    """Move the registers behind one port of a block, or behind both where they read together."""
    pins = ram["connections"]
    outputs = [pin for pin in pins if pin[:2] == "DO" and pin[2] in ports and readers[pins[pin][0]]]
    (clock,) = pins[f"CLK{ports[-1]}"]
    found: dict[str, str] = {}
    enables: set[Bit] = set()
    for pin in outputs:
        names = readers[pins[pin][0]]
        if len(names) != 1 or names[0] not in cells or not _plain(cells[names[0]], pins[pin], clock):
            return 0
        found[pin] = names[0]
        enables.add(_enable(cells[names[0]]))
    if len(enables) != 1:
        return 0
    for pin, name in found.items():
        pins[pin] = cells.pop(name)["connections"]["Q"]
    for port in ports:
        ram["parameters"][f"REGMODE_{port}"] = "OUTREG"
        pins[f"CLK{port}"], pins[f"OCE{port}"] = [clock], [*enables]
    return len(found)


def _plain(cell: Cell, source: list[Bit], clock: Bit) -> bool:
    """Whether `cell` is a register of `source` on `clock` without reset."""
    if cell["type"] != "TRELLIS_FF":
        return False
    pins, values = cell["connections"], {key: value.strip() for key, value in cell["parameters"].items()}
    return (
        pins["DI"] == source
        and pins["CLK"] == [clock]
        and (values["CLKMUX"], values["REGSET"]) == ("CLK", "RESET")
        and values["CEMUX"] in ("1", "CE")
        and pins.get("LSR", ["0"]) == ["0"]
    )


def _enable(cell: Cell) -> Bit:
    """The bit that lets a register take its input."""
    bit: Bit = cell["connections"]["CE"][0] if cell["parameters"]["CEMUX"].strip() == "CE" else "1"
    return bit


if __name__ == "__main__":
    edit(Path(sys.argv[1]))
