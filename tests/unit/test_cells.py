"""Cells of netlists as parts of devices."""

from __future__ import annotations

import re

import pytest

from hwq.errors import CheckFailed
from hwq.hw.device import devices
from hwq.hw.resources import Resources
from hwq.synth.cells import CELLS, CellCount, cells_by_type, count

FOUND = {
    "xilinx7": ({"LUT2": 3, "LUT6": 4, "SRL16E": 2, "RAM64M": 1, "FDRE": 9, "FDSE_1": 1, "CARRY4": 5, "DSP48E1": 6,
                 "RAMB36E1": 2, "RAMB18E1": 1, "INV": 8}, CellCount(7, 6, 10, 5, 6, 2.5)),
    "xilinx_us": ({"RAM32M16": 1, "DSP48E2": 2, "RAMB18E2": 1, "CARRY8": 3}, CellCount(0, 8, 0, 3, 2, 0.5)),
    "ice40": ({"SB_LUT4": 5, "SB_DFFESR": 2, "SB_DFF": 1, "SB_CARRY": 4, "SB_MAC16": 1, "SB_RAM40_4KNR": 2},
              CellCount(5, 0, 3, 4, 1, 2)),
    "ecp5": ({"LUT4": 5, "CCU2C": 3, "PFUMX": 2, "TRELLIS_DPR16X4": 2, "TRELLIS_FF": 4, "MULT18X18D": 1, "DP16KD": 3},
             CellCount(11, 12, 4, 0, 1, 3)),
    "gowin": ({"LUT1": 1, "ALU": 6, "RAM16SDP4": 1, "DFFRE": 2, "DFFNSE": 1, "DFF": 1, "MULT9X9": 3, "MULT36X36": 1,
               "SDPX9B": 1, "pROM": 1, "SP": 1, "MUX2_LUT5": 4}, CellCount(7, 6, 4, 0, 6, 3)),
    "cyclone5": ({"MISTRAL_ALUT6": 2, "MISTRAL_ALUT_ARITH": 3, "MISTRAL_FF": 4, "MISTRAL_MUL18X18": 3,
                  "MISTRAL_M10K": 2, "MISTRAL_MLAB": 1}, CellCount(7, 2, 4, 0, 3, 2)),
}  # fmt: skip


@pytest.mark.parametrize("family", FOUND)
def test_each_family_is_counted(family: str) -> None:
    cells, expected = FOUND[family]
    assert count(cells, family) == expected


def test_every_family_of_a_device_has_a_table() -> None:
    families = {one.family.name for one in devices().values()} - {"asic"}
    assert families <= CELLS.keys() == FOUND.keys()


def test_no_cell_fits_two_patterns() -> None:
    for family, (cells, _) in FOUND.items():
        for cell in cells:
            assert sum(bool(re.fullmatch(pattern, cell)) for pattern in CELLS[family]) == 1, (family, cell)


def test_what_is_unknown_is_named() -> None:
    found = count({"LUT4": 1, "URAM288": 2, "$scopeinfo": 7}, "xilinx_us")
    assert (found.others, found.resources) == ({"URAM288": 2}, Resources(1, 0, 0, 0))


def test_reports() -> None:
    assert cells_by_type({"design": {"num_cells_by_type": {"LUT4": 3}}}) == {"LUT4": 3}
    for damaged in ({}, {"design": 3}, {"design": {"num_cells_by_type": {"LUT4": "many"}}}):
        with pytest.raises(CheckFailed, match=r"expected that of version 0\.40"):
            cells_by_type(damaged)
