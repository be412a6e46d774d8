"""What each layer of a build takes of a device, and when its result comes: the estimates as a table."""

from __future__ import annotations

from dataclasses import dataclass

from rich import box
from rich.table import Table

from hwq.hw.cost import part_cost, plan_cost
from hwq.hw.device import Device, Family
from hwq.hw.plan import Plan
from hwq.hw.resources import NOUNS, Resources

PORTS = "ports"
"""Name of the row for what belongs to no layer: the edges, and what stands before the outputs."""


@dataclass(frozen=True, slots=True)
class LayerCost:
    """A layer with its window unit, memories, and the converters and FIFOs before it.

    `first` and `last` are cycles from the first beat of a frame in to the first and the last beat of the layer out.
    """

    name: str
    resources: Resources
    cycles: int
    first: int
    last: int


def layer_costs(plan: Plan, family: Family) -> list[LayerCost]:
    """One row for each layer, in program order, and one for the ports; together they are `plan_cost`."""
    sums = {op.name: Resources() for op in plan.program.ops}
    for part in plan.net.parts:
        name = plan.layer_of(part.name)
        if name is not None:
            sums[name] += part_cost(part, family)
    rest = plan_cost(plan, family)
    for each in sums.values():
        rest -= each
    rows = [
        LayerCost(name, found, plan.cycles[name], plan.latency.first[name], plan.latency.last[name])
        for name, found in sums.items()
    ]
    return [*rows, LayerCost(PORTS, rest, plan.interval, 1, plan.frame_latency)]


def cost_table(plan: Plan, device: Device) -> Table:
    """The costs as a table; the last line has the shares of the device."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("layer", overflow="fold")
    for column in ("LUTs", "registers", "DSP", "block RAM", "cycles", "first out", "last out"):
        table.add_column(column, justify="right")
    for row in layer_costs(plan, device.family):
        table.add_row(row.name, *_counts(row.resources), f"{row.cycles:,}", f"{row.first:,}", f"{row.last:,}")
    whole = plan_cost(plan, device.family)
    table.add_section()
    table.add_row("all", *_counts(whole), f"{plan.interval:,}", "", f"{plan.frame_latency:,}")
    shares = whole.share(device.resources)
    table.add_row(device.name, *(f"{shares[kind]:.1%}" if kind in shares else "" for kind in NOUNS), "", "", "")
    return table


def _counts(found: Resources) -> tuple[str, str, str, str]:
    return f"{found.luts:,.0f}", f"{found.registers:,.0f}", f"{found.dsps:,}", f"{found.rams:g}"
