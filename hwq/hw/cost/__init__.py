"""What parts of a design take of a device: LUTs, registers, multiplier blocks and block RAMs, by formula.

A part is an account of features, such as bits of an adder tree, which follow from its module and its parameters; each
costs so many LUTs and registers on a family of devices, as Yosys makes them.  Those numbers are in coefficients.toml,
which `python benchmarks/cost.py` writes.  Multiplier blocks and block RAMs are not fitted: the account applies the
rules by which Yosys makes them.
"""

from __future__ import annotations

import tomllib
from functools import cache, reduce
from importlib import resources
from operator import add

from hwq.errors import BadInput
from hwq.hw.cost.account import Account, Coefficients
from hwq.hw.cost.engines import CONVOLUTIONAL
from hwq.hw.cost.others import OTHER
from hwq.hw.cost.recurrent import RECURRENT
from hwq.hw.device import Family
from hwq.hw.netlist import Fork, Instance
from hwq.hw.plan import Edge, Plan
from hwq.hw.resources import Resources

LIKE = {"xilinx_us": "xilinx7"}
"""Families that have the coefficients of another one: equal look-up tables and registers."""

GRAPH_LUTS = 0.92
"""LUTs for a bit of the adders of a graph, as Yosys makes them of two perceptrons."""

ENGINES = CONVOLUTIONAL | OTHER | RECURRENT


def part_cost(part: Instance | Fork, family: Family) -> Resources:
    """What one part of a netlist takes; `luts` are those used as memory included."""
    return account(part, family).total(_coefficients(family.name))


def plan_cost(plan: Plan, family: Family) -> Resources:
    """What a whole network takes: its parts, and its edges."""
    parts = [part_cost(part, family) for part in plan.net.parts]
    edges = [part_cost(_edge(edge, module), family) for edge, module in _edges(plan)]
    return reduce(add, [*parts, *edges], Resources())


def account(part: Instance | Fork, family: Family) -> Account:
    """The features of a part."""
    found = Account(family.name, family.lut_inputs)
    if isinstance(part, Fork):
        ENGINES["hwq_fork"](found, {"N": len(part.targets)})
    else:
        ENGINES[part.module](found, part.params)
        if part.graph:
            found.luts += GRAPH_LUTS * part.graph.graph.adder_bits
            found.use("delay.bits", part.graph.register_bits)
    return found


def _edges(plan: Plan) -> list[tuple[Edge, str]]:
    inputs = [(edge, "hwq_frame_in") for edge in plan.inputs]
    return inputs + [(edge, "hwq_frame_out") for edge in plan.outputs]


def _edge(edge: Edge, module: str) -> Instance:
    return Instance(module, edge.prefix, {"W": edge.stream.width, "BEATS": edge.beats}, {})


def is_known(family: Family) -> bool:
    """Whether there are coefficients of a family."""
    return LIKE.get(family.name, family.name) in _all()


@cache
def _coefficients(family: str) -> Coefficients:
    """LUTs and registers of each feature on a family."""
    found = _all().get(LIKE.get(family, family))
    if found is None:
        raise BadInput(f"family {family}: no costs are known, expected one of {', '.join([*_all(), *LIKE])}")
    return {name: (luts, registers) for name, (luts, registers) in found.items()}


@cache
def _all() -> dict[str, dict[str, list[float]]]:
    return tomllib.loads(resources.files("hwq.hw.cost").joinpath("coefficients.toml").read_text("utf-8"))
