"""Cells of a netlist as parts of a device: look-up tables, registers, multiplier blocks, block RAMs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from hwq.errors import CheckFailed
from hwq.hw.resources import Resources

_LUT, _MEMORY, _REGISTER, _CARRY, _DSP, _RAM, _FREE = "luts", "memory_luts", "registers", "carries", "dsps", "rams", ""

_XILINX = {
    r"LUT[1-6]": (_LUT, 1),
    r"FD[CPRS]E(_1)?": (_REGISTER, 1),
    r"CARRY[48]": (_CARRY, 1),
    r"DSP48E[12]": (_DSP, 1),
    r"RAMB36E[12]": (_RAM, 1),
    r"RAMB18E[12]": (_RAM, 0.5),
    r"SRL16E|SRLC32E|RAM32X1S|RAM64X1S": (_MEMORY, 1),
    r"RAM32X1D|RAM64X1D|RAM128X1S": (_MEMORY, 2),
    r"RAM32M|RAM64M|RAM128X1D|RAM256X1S": (_MEMORY, 4),
    r"RAM32M16|RAM64M8|RAM256X1D|RAM512X1S|RAM64X8SW": (_MEMORY, 8),
    # An inverter becomes part of a LUT beside it; the multiplexers F7 to F9 are no LUTs.
    r"INV|MUXF[789]|[IO]BUF|BUFG": (_FREE, 0),
}
CELLS: Mapping[str, Mapping[str, tuple[str, float]]] = {
    "xilinx7": _XILINX,
    "xilinx_us": _XILINX,
    "ice40": {
        r"SB_LUT4": (_LUT, 1),
        r"SB_DFF[NESR]*": (_REGISTER, 1),
        r"SB_CARRY": (_CARRY, 1),
        r"SB_MAC16": (_DSP, 1),
        r"SB_RAM40_4K\w*": (_RAM, 1),
        r"SB_GB|SB_IO": (_FREE, 0),
    },
    "ecp5": {
        r"LUT4": (_LUT, 1),
        # The carry chain is made of the LUTs of a slice.
        r"CCU2C": (_LUT, 2),
        # Four LUTs that hold 4 bits of 16 words, and the two of the slice beside them that writes them.
        r"TRELLIS_DPR16X4": (_MEMORY, 6),
        r"TRELLIS_FF": (_REGISTER, 1),
        r"MULT18X18D": (_DSP, 1),
        r"DP16KD|PDPW16KD": (_RAM, 1),
        r"PFUMX|L6MUX21|TRELLIS_IO|DCCA": (_FREE, 0),
    },
    "gowin": {
        r"LUT[1-4]|ALU": (_LUT, 1),
        r"RAM16\w+": (_MEMORY, 6),
        r"DFFN?[SRPC]?E?": (_REGISTER, 1),
        r"MULT9X9": (_DSP, 0.5),
        r"MULT18X18": (_DSP, 1),
        r"MULT36X36": (_DSP, 4),
        r"(SP|SDP|DP|pROM|SDPB|DPB)(X9B?)?": (_RAM, 1),
        r"MUX2_LUT[5678]|MUX2|INV|VCC|GND|[IO]BUF": (_FREE, 0),
    },
    "cyclone5": {
        # Two LUTs of up to 5 inputs, or one of 6, to an adaptive logic module.
        r"MISTRAL_ALUT[2-5]|MISTRAL_ALUT_ARITH": (_LUT, 1),
        r"MISTRAL_ALUT6": (_LUT, 2),
        r"MISTRAL_MLAB": (_MEMORY, 2),
        r"MISTRAL_FF": (_REGISTER, 1),
        r"MISTRAL_MUL(9X9|18X18)": (_DSP, 1),
        r"MISTRAL_MUL27X27": (_DSP, 2),
        r"MISTRAL_M10K": (_RAM, 1),
        r"MISTRAL_(NOT|IB|OB|IO|CLKBUF)": (_FREE, 0),
    },
}
"""For each family, patterns of cells: what they are, and how many of it one cell is."""
_NOTES = r"\$scopeinfo"
"""Cells by which Yosys remembers the instances that it has flattened."""


@dataclass(frozen=True, slots=True)
class CellCount:
    """What a netlist takes; `luts` compute, `memory_luts` are memory or shift registers.

    `carries` are cells beside the LUTs.  `others` are cells that are none of these, by type.
    """

    luts: int = 0
    memory_luts: int = 0
    registers: int = 0
    carries: int = 0
    dsps: int = 0
    rams: float = 0.0
    others: Mapping[str, int] = field(default_factory=dict)

    @property
    def resources(self) -> Resources:
        """The same in the units of a device."""
        return Resources(self.luts + self.memory_luts, self.registers, self.dsps, self.rams)


def count(cells: Mapping[str, int], family: str) -> CellCount:
    """Add up `cells`, numbers by type, as parts of a device of a family (`hwq.hw.device.Family.name`).

    Examples
    --------
    >>> count({"LUT6": 10, "RAM32M": 2, "RAMB18E1": 3, "FDRE": 7, "MUXF7": 1}, "xilinx7").resources
    Resources(luts=18, registers=7, dsps=0, rams=1.5)
    """
    sums = dict.fromkeys((_LUT, _MEMORY, _REGISTER, _CARRY, _DSP, _RAM, _FREE), 0.0)
    others = {}
    patterns = {**CELLS[family], _NOTES: (_FREE, 0)}
    for name, number in cells.items():
        for pattern, (kind, weight) in patterns.items():
            if re.fullmatch(pattern, name):
                sums[kind] += weight * number
                break
        else:
            others[name] = number
    whole = {kind: ceil(sums[kind]) for kind in (_LUT, _MEMORY, _REGISTER, _CARRY, _DSP)}
    return CellCount(**whole, rams=sums[_RAM], others=others)


def cells_by_type(report: Mapping[str, Any]) -> dict[str, int]:
    """Numbers of cells by type, of a whole design, from what Yosys writes for `stat -json`.

    Raises
    ------
    CheckFailed
        When the report is none of Yosys 0.40 or newer.
    """
    try:
        return {str(name): int(number) for name, number in report["design"]["num_cells_by_type"].items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CheckFailed(f"Yosys: its report lacks {error}, expected that of version 0.40 or newer.") from None
