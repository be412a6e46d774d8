"""Where Yosys puts a memory: logic, LUTs used as memory, or block RAM.

The choice is that of its pass `memory_libmap`: the cheapest, by costs that its libraries give each kind of memory.
Equal rules give equal block RAMs, so what is counted here is what synthesis makes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from functools import cache

MUX, DEMUX, PORT = 0.5, 0.5, 2.0
"""What it costs to choose between words, to choose what is written, and to have a port for reading."""


class Kind(Enum):
    """Who may do what: `ROM` is read by clock, `RAM` as well, `LIST` without one.

    Where LUTs are no memory Yosys makes a `LIST` a block RAM: its address comes from a register, which the block has.
    """

    ROM = "rom"
    RAM = "ram"
    LIST = "list"


class Place(Enum):
    """Where a memory lies."""

    LOGIC = "logic"
    LUTS = "distributed"
    BLOCKS = "block"


@dataclass(frozen=True, slots=True)
class Shape:
    """One way to use a cell: `widths`, each half as deep as the one before, the first 2^`address` deep.

    `cost` is for a cell; of LUTs as memory `scale` of it is for its bits.  `size` is LUTs, or block RAMs.
    """

    cost: float
    address: int
    widths: tuple[int, ...]
    size: float
    scale: float = 0.0


@dataclass(frozen=True, slots=True)
class Cells:
    """Memories of a family; `rom_bit` is the cost of a bit of a ROM in logic, that of a bit of a RAM is 1.

    A block RAM writes `byte` bits at once.
    """

    rom_bit: float
    blocks: tuple[Shape, ...]
    luts: tuple[Shape, ...] = ()
    byte: int = 9


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a memory lies, its cells in LUTs or block RAMs, and how many words it chooses between outside of them."""

    place: Place
    size: float
    banks: int


_NARROW, _WIDE = (1, 2, 4, 9, 18), (1, 2, 4, 9, 18, 36)
_XILINX = Cells(
    1 / 64,
    (
        Shape(129, 14, _WIDE, 0.5),
        Shape(257, 15, (*_WIDE, 72), 1),
        Shape(513, 16, _WIDE[:4], 2),
    ),
    (Shape(8, 5, (6,), 4, 7), Shape(8, 6, (3,), 4, 7), Shape(8, 5, (4,), 2, 8)),
)
_ULTRASCALE = replace(_XILINX, luts=(Shape(16, 5, (14,), 8, 16), Shape(16, 6, (7,), 8, 16)))
_LATTICE = Cells(1 / 16, (Shape(128, 14, _WIDE, 1),), (Shape(4, 4, (4,), 6),))
FAMILIES = {
    "xilinx7": _XILINX,
    "xilinx_us": _ULTRASCALE,
    "ecp5": _LATTICE,
    "gowin": _LATTICE,
    "ice40": Cells(1 / 16, (Shape(64, 11, (2, 4, 8, 16), 1),), byte=1),
}


@cache
def placed(family: str, kind: Kind, width: int, depth: int, style: str = "auto") -> Placed:
    """Where `depth` words of `width` bits go; `style` as the parameter of hwq_rom."""
    cells = FAMILIES[family]
    logic = Placed(Place.LOGIC, 0, 1)
    found: list[tuple[float, Placed]] = []
    if (kind is not Kind.LIST or not cells.luts) and style != "distributed":
        found += _best(Place.BLOCKS, cells.blocks, kind, width, depth, cells.byte)
    if style == "block" and found:
        return found[0][1]
    if kind is not Kind.ROM:
        found += _best(Place.LUTS, cells.luts, kind, width, depth)
    best, chosen = int(width * depth * (cells.rom_bit if kind is Kind.ROM else 1)), logic
    if style == "distributed" and kind is not Kind.ROM and found:
        return found[-1][1]
    for cost, option in found:
        if cost < best:
            best, chosen = int(cost), option
    return chosen


def _best(
    place: Place, shapes: tuple[Shape, ...], kind: Kind, width: int, depth: int, byte: int = 0
) -> list[tuple[float, Placed]]:
    """The cheapest of `shapes`, with its cost; nothing where there are none.  `byte` is that of blocks."""
    options = [_shaped(place, shape, kind, width, depth, byte) for shape in shapes]
    return [min(options, key=lambda option: option[0])] if options else []


def _shaped(place: Place, shape: Shape, kind: Kind, width: int, depth: int, whole: int) -> tuple[float, Placed]:
    """The cheapest width of one shape."""
    best: tuple[float, Placed] | None = None
    for step, unit in enumerate(shape.widths):
        banks = -(-depth >> (shape.address - step)) if depth else 1
        byte = min(whole, unit) if place is Place.BLOCKS and kind is Kind.RAM else unit if kind is not Kind.ROM else 1
        bits = banks * -(-width // byte) * byte
        count = -(-bits // unit)
        cost = (shape.cost - shape.scale) * count + shape.scale * banks * width / unit + PORT
        cost += (banks - 1) * width * MUX + (banks * DEMUX if banks > 1 and kind is not Kind.ROM else 0)
        if best is None or cost < int(best[0]):
            best = (cost, Placed(place, count * shape.size, banks))
    assert best is not None
    return best
