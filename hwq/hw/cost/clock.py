"""Clock classes: the clock that an engine reaches at least, by place and route for a Lattice ECP5-85 of speed grade 6.

From the designs that `benchmarks/fmax.py` measures (docs/hardware.md, *Clock*).  On other devices figures differ, but
what is slow is the same: adders one behind the other, and weights in so many LUTs that their address has far to go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from hwq.hw.cost.memory import Kind, Place, placed
from hwq.hw.netlist import Fork, Instance

MEASURED = {
    "hwq_add", "hwq_adders", "hwq_concat", "hwq_deal", "hwq_dwc", "hwq_fifo", "hwq_fifo_bram", "hwq_gap", "hwq_mvau",
    "hwq_pool", "hwq_swu_par", "hwq_swu_ser",
}  # fmt: skip
"""Modules that are in the designs that were measured."""
FAR = 8192
"""Bits of weights in LUTs from which on their address is the slowest path."""
SHORT, LONG = 2, 4
"""Adders one behind the other in the stages of graphs that were measured."""
CROWD = 3
"""Layers of one engine; of more it takes longer to find who is next."""
FAMILY = "ecp5"


class ClockClass(Enum):
    """The least clock in MHz."""

    FAST = 150
    MIDDLE = 120
    SLOW = 100
    SLOWEST = 75


def clock_class(part: Instance | Fork) -> ClockClass | None:
    """The class of a part of a netlist; None where nothing like it was measured."""
    if isinstance(part, Fork):
        return ClockClass.FAST
    if part.module not in MEASURED:
        return None
    if part.module == "hwq_mvau" and (_far(part.params) or int(part.params.get("LAYERS", 1)) > CROWD):
        return ClockClass.SLOW
    if part.graph and part.graph.step > SHORT:
        return ClockClass.SLOWEST if part.graph.step <= LONG else None
    return ClockClass.MIDDLE if part.graph else ClockClass.FAST


def slowest(parts: Iterable[Instance | Fork]) -> ClockClass | None:
    """The class of what stands together; None where a part has none."""
    classes = [clock_class(part) for part in parts]
    known = [one for one in classes if one is not None]
    return min(known, key=lambda one: one.value, default=ClockClass.FAST) if len(known) == len(classes) else None


def _far(p: Mapping[str, int | str]) -> bool:
    """Whether the weights of a hwq_mvau are many bits in LUTs."""
    width = int(p["PE"]) * int(p["SIMD"]) * int(p.get("CODE_W", p["WGT_W"]))
    depth = int(p["SF"]) * int(p["NF"]) * int(p.get("LAYERS", 1))
    style = str(p.get("WGT_STYLE", "auto"))
    return depth > 1 and width * depth > FAR and placed(FAMILY, Kind.ROM, width, depth, style).place is Place.LOGIC
