"""What each layer of a build takes of a device, and when its result comes: the estimates as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from rich import box
from rich.table import Table

from hwq.hw.cost import part_cost, plan_cost
from hwq.hw.cost.clock import slowest
from hwq.hw.device import Device, Family
from hwq.hw.netlist import Fork, Instance
from hwq.hw.plan import Plan
from hwq.hw.resources import NOUNS, Resources

PORTS = "ports"
"""Name of the row for what belongs to no layer: the edges, and what stands before the outputs."""


@dataclass(frozen=True, slots=True)
class LayerCost:
    """A layer with its window unit, memories, and the converters and FIFOs before it.

    `first` and `last` are cycles from the first beat of a frame in to the first and the last beat of the layer out;
    `clock` is the least clock in MHz of its class (see `hwq.hw.cost.clock`), where that is known.
    """

    name: str
    resources: Resources
    cycles: int
    first: int
    last: int
    clock: int | None


def layer_costs(plan: Plan, family: Family) -> list[LayerCost]:
    """One row for each layer, in program order, and one for the ports; together they are `plan_cost`."""
    parts: dict[str | None, list[Instance | Fork]] = {op.name: [] for op in plan.program.ops} | {None: []}
    for part in plan.net.parts:
        parts[plan.layer_of(part.name)].append(part)
    rest, rows = plan_cost(plan, family), []
    for op in plan.program.ops:
        taken = reduce(add, (part_cost(part, family) for part in parts[op.name]), Resources())
        first, last = plan.latency.first[op.name], plan.latency.last[op.name]
        rows.append(LayerCost(op.name, taken, plan.cycles[op.name], first, last, _clock(parts[op.name])))
        rest -= taken
    return [*rows, LayerCost(PORTS, rest, plan.interval, 1, plan.frame_latency, _clock(parts[None]))]


def _clock(parts: Sequence[Instance | Fork]) -> int | None:
    """The least clock in MHz of what stands together."""
    found = slowest(parts)
    return None if found is None else found.value


def cost_table(plan: Plan, device: Device) -> Table:
    """The costs as a table; the last line has the shares of the device."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("layer", overflow="fold")
    for column in ("LUTs", "regis-\nters", "DSP", "block\nRAM", "cycles", "first\nout", "last\nout", "clock"):
        table.add_column(column, justify="right", no_wrap=True, vertical="bottom")
    for row in layer_costs(plan, device.family):
        times = (f"{row.cycles:,}", f"{row.first:,}", f"{row.last:,}")
        table.add_row(row.name, *_counts(row.resources), *times, _mhz(row.clock))
    whole = plan_cost(plan, device.family)
    table.add_section()
    table.add_row(
        "all", *_counts(whole), f"{plan.interval:,}", "", f"{plan.frame_latency:,}", _mhz(_clock(plan.net.parts))
    )
    shares = whole.share(device.resources)
    table.add_row(device.name, *(f"{shares[kind]:.1%}" if kind in shares else "" for kind in NOUNS), "", "", "", "")
    table.caption = "clock: the least MHz of designs of this class on an ECP5 of speed grade 6"
    table.caption_justify = "left"
    return table


def _mhz(clock: int | None) -> str:
    return "-" if clock is None else f"{clock}+"


def _counts(found: Resources) -> tuple[str, str, str, str]:
    return f"{found.luts:,.0f}", f"{found.registers:,.0f}", f"{found.dsps:,g}", f"{found.rams:g}"
