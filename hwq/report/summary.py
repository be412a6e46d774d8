"""Summary: everything about a build that a person wants to know, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hwq.hw.bound import Bound
from hwq.hw.cost import is_known, plan_cost
from hwq.hw.device import Device
from hwq.hw.fold import Feed, Fold, Multiplier
from hwq.hw.plan import Plan
from hwq.hw.resources import Resources
from hwq.hw.sharing import groups
from hwq.hw.work import mac_count, macs
from hwq.ops import Linear
from hwq.report.storage import Storage, storage, weights_text
from hwq.verify.check import Verification


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One operation: what it is, how exact, how large, how fast.

    What layers on one engine share stands at the first of them: multipliers, memories, and how busy they are.
    `weights` says how they are stored (see `weights_text`), "" where there are none; `storage` is what they take.
    """

    name: str
    kind: str
    source: str
    output: str
    format: str
    scale: float
    zero_point: int
    weights: str
    storage: Storage | None
    sqnr_db: float | None
    acc_bits: int | None
    rom_bits: int
    macs: int
    folding: str
    multipliers: int
    cycles: int
    utilisation: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A build: totals, layers, and what was verified.

    `limited_by` names the layers, or else the ports, that take all of the cycles of a frame; `estimate` is what the
    design takes of `device`, by formula.
    """

    name: str
    options: dict[str, Any]
    layers: tuple[LayerRow, ...]
    macs: int
    storage: Storage
    rom_bits: int
    fifo_bits: int
    multipliers: int
    multiplier_blocks: int
    shift_add_lanes: int
    xnor_lanes: int
    logic_lanes: int
    requant_multipliers: int
    cycles_formula: int
    limited_by: tuple[str, ...]
    utilisation: float
    device: Device | None = None
    estimate: Resources | None = None
    bound: Bound | None = None
    verified: tuple[Verification, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def summarise(plan: Plan, verified: Sequence[Verification] = ()) -> Summary:
    """The summary of a plan and of the checks that its build passed."""
    program = plan.program
    layers = tuple(_row(plan, index) for index in range(len(program.ops)))
    return Summary(
        name=program.name,
        options=dict(program.info.get("options", {})),
        layers=layers,
        macs=mac_count(program),
        storage=sum((row.storage for row in layers if row.storage), Storage()),
        rom_bits=plan.rom_bits,
        fifo_bits=plan.fifo_bits,
        multipliers=plan.multipliers,
        multiplier_blocks=plan.multiplier_blocks,
        shift_add_lanes=plan.shift_add_lanes,
        xnor_lanes=plan.xnor_lanes,
        logic_lanes=plan.logic_lanes,
        requant_multipliers=plan.requant_multipliers,
        cycles_formula=plan.interval,
        limited_by=_limits(plan),
        utilisation=plan.utilisation,
        device=plan.device,
        estimate=plan_cost(plan, plan.device.family) if plan.device and is_known(plan.device.family) else None,
        bound=plan.bound,
        verified=tuple(verified),
    )


def _limits(plan: Plan) -> tuple[str, ...]:
    layers = tuple(name for name, cycles in plan.engine_cycles.items() if cycles == plan.interval)
    edges = (*plan.inputs, *plan.outputs)
    return layers or tuple(f"port {edge.prefix}" for edge in edges if edge.beats == plan.interval)


def _row(plan: Plan, index: int) -> LayerRow:
    program = plan.program
    op = program.ops[index]
    fold, form, work = plan.folds[op.name], program.formats[op.name], macs(program, op)
    multipliers = fold.multipliers if op.name in plan.engines else 0
    sharing = groups(program, plan.folds).get(fold.engine, [op])
    files = {
        f"rom/{op.name}_{kind}.mem" for kind in ("weight", "table", "bias", "mul", "row", "curve", "tanh", "threshold")
    }
    rom_bits = sum(rom.bits for rom in plan.net.roms if rom.file in files)
    return LayerRow(
        name=op.name,
        kind=op.kind,
        source=str(program.info.get("source", {}).get(op.name, "")),
        output=str(program.types[op.name]),
        format=str(form),
        scale=form.scale,
        zero_point=form.zero_point,
        weights=weights_text(op) if isinstance(op, Linear) else "",
        storage=storage(op) if isinstance(op, Linear) else None,
        sqnr_db=program.info.get("sqnr_db", {}).get(op.name),
        acc_bits=getattr(op, "acc_bits", None),
        rom_bits=rom_bits,
        macs=work,
        folding=_folding(fold) if op.name in plan.engines else f"on {fold.engine}",
        multipliers=multipliers,
        cycles=plan.cycles[op.name],
        utilisation=sum(macs(program, each) for each in sharing) / (plan.interval * multipliers)
        if multipliers
        else None,
    )


def _folding(fold: Fold) -> str:
    if not fold.pe:
        return f"{fold.lanes_in} lane{'s' if fold.lanes_in > 1 else ''}"
    copies = f"{fold.copies} x " if fold.copies > 1 else ""
    feed = "" if fold.feed in (Feed.SERIAL, Feed.LOOP) else f" {fold.feed.value}"
    made = "" if fold.multiplier is Multiplier.AUTO else f" {fold.multiplier.value}"
    return f"{copies}{fold.pe}x{fold.simd}{feed}{made}"
