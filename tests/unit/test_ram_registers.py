"""Registers behind block RAMs of an ECP5 netlist move into them, or stay for a reason."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hwq.synth import ram_registers
from hwq.synth.ram_registers import use_ram_registers

CLOCK, ENABLE, OTHER = 2, 3, 4
FIRST = 10
"""Bit numbers: the RAM's outputs from FIRST, those of the registers from FIRST + 100."""
Module = dict[str, Any]


def register(bit: int, **changes: Any) -> dict[str, Any]:
    """A register of output `bit` of the RAM, as Yosys writes it; `changes` to its pins and parameters."""
    pins = {"CLK": CLOCK, "LSR": "0", "DI": FIRST + bit, "Q": FIRST + 100 + bit}
    values = {"CEMUX": "1 ", "CLKMUX": "CLK", "LSRMUX": "LSR", "REGSET": "RESET"}
    pins |= {key: value for key, value in changes.items() if key not in values}
    return {
        "type": "TRELLIS_FF",
        "parameters": values | {key: value for key, value in changes.items() if key in values},
        "port_directions": {pin: "output" if pin == "Q" else "input" for pin in pins},
        "connections": {pin: [bit] for pin, bit in pins.items()},
    }


def module(width: int, *registers: dict[str, Any]) -> Module:
    """A RAM of 18 outputs at each port, bit 0 at DOA0 and bit 18 at DOB0, and registers."""
    outputs = {f"DO{port}{n}": FIRST + 18 * (port == "B") + n for port in "AB" for n in range(18)}
    pins = {"CLKA": "0", "CLKB": CLOCK, "OCEA": "0", "OCEB": "1", **outputs}
    ram = {
        "type": "DP16KD",
        "parameters": {"DATA_WIDTH_B": f"{width:032b}", "REGMODE_A": "NOREG", "REGMODE_B": "NOREG"},
        "port_directions": {pin: "output" if pin in outputs else "input" for pin in pins},
        "connections": {pin: [bit] for pin, bit in pins.items()},
    }
    return {"cells": {"ram": ram, **{f"q{n}": cell for n, cell in enumerate(registers)}}, "ports": {}}


def moved(module: Module) -> tuple[int, dict[str, Any]]:
    """How many registers moved, and the RAM."""
    return use_ram_registers({"modules": {"top": module}}), module["cells"]["ram"]


def test_both_ports_of_a_wide_block_move_together() -> None:
    net = module(36, register(0), register(18))
    count, ram = moved(net)
    assert (count, list(net["cells"])) == (2, ["ram"])
    assert (ram["parameters"]["REGMODE_A"], ram["parameters"]["REGMODE_B"]) == ("OUTREG", "OUTREG")
    pins = ram["connections"]
    assert (pins["DOA0"], pins["DOB0"], pins["DOB1"]) == ([FIRST + 100], [FIRST + 118], [FIRST + 19])
    assert [pins[pin] for pin in ("CLKA", "CLKB", "OCEA", "OCEB")] == [[CLOCK], [CLOCK], ["1"], ["1"]]


def test_ports_of_a_narrow_block_move_alone() -> None:
    count, ram = moved(module(18, register(0), register(18, CEMUX="CE", CE=ENABLE)))
    assert (count, ram["parameters"]["REGMODE_A"], ram["parameters"]["REGMODE_B"]) == (1, "NOREG", "OUTREG")
    assert (ram["connections"]["OCEA"], ram["connections"]["OCEB"]) == (["0"], [ENABLE])


@pytest.mark.parametrize(
    "other",
    [
        register(1, CLK=OTHER),
        register(1, LSR=OTHER),
        register(1, REGSET="SET"),
        register(1, CLKMUX="INV"),
        register(1, CEMUX="INV", CE=ENABLE),
        register(1, CEMUX="CE", CE=ENABLE),
        register(1) | {"type": "LUT4"},
        register(0),
    ],
    ids=["clock", "reset", "set", "falling edge", "not enable", "enable", "no register", "two readers"],
)
def test_one_reader_that_does_not_fit_keeps_all(other: dict[str, Any]) -> None:
    net = module(36, register(0), other)
    assert moved(net)[0] == 0
    assert net["cells"]["ram"]["parameters"]["REGMODE_B"] == "NOREG"


def test_an_output_of_the_module_reads_too() -> None:
    net = module(36, register(0))
    net["ports"]["y"] = {"direction": "output", "bits": [FIRST + 1]}
    assert moved(net)[0] == 0


def test_the_copy_in_a_build_does_the_same(tmp_path: Path) -> None:
    script, file = tmp_path / "ram_registers.py", tmp_path / "netlist.json"
    script.write_text(inspect.getsource(ram_registers))
    net = module(36, register(0), register(18))
    file.write_text(json.dumps({"modules": {"top": net}}))
    subprocess.run([sys.executable, "-I", script, file], check=True)
    assert moved(net)[0] == 2 and json.loads(file.read_text()) == {"modules": {"top": net}}
