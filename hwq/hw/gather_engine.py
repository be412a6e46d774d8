"""The engine of a gather: a ring of beats and the ROMs that read it, or beats dropped from a stream."""

from __future__ import annotations

import numpy as np

from hwq.arith import IntArray
from hwq.hw.gather_plan import crop_masks, gather_plan
from hwq.hw.netlist import Instance, Netlist, ParamValue, Stream
from hwq.hw.pack import constant_beat, field_words
from hwq.ir.types import TensorType
from hwq.ops import Gather

Field = tuple[IntArray, int]
"""Values and the bits of each."""


def gather_part(net: Netlist, op: Gather, x: TensorType, source: Stream, out: Stream) -> Instance:
    """The instance that makes `out` of `source`, which carries a tensor of type `x`."""
    params: dict[str, ParamValue] = {"IN_W": source.width, "OUT_W": out.width}
    if op.keeps_order:
        steps, beats = ([(mask.astype(np.int64), 1)] for mask in crop_masks(op, x, source.lanes))
        return Instance("hwq_crop", f"u_{op.name}", params | _roms(net, op, steps, beats), _ports(source, out))
    plan = gather_plan(op, x, source.lanes)
    take, release = _sized(plan.take), _sized(plan.release)
    steps, beats = (
        [(part % plan.ring, plan.address_bits), (pad.astype(np.int64), 1)]
        for part, pad in ((plan.step_source, plan.step_pad), (plan.beat_source, plan.beat_pad))
    )
    params |= {
        "IN_BEATS": plan.beats_in, "RING": plan.ring, "TAKE_W": take[1], "FREE_W": release[1],
        "SPARE": plan.beats_in - int(plan.need[-1]), "LEAD": plan.lead,
        "PAD": constant_beat(op.pad_value, x.bits, out.lanes),
        **_roms(net, op, [*steps, take, release], beats),
    }  # fmt: skip
    return Instance("hwq_gather", f"u_{op.name}", params, _ports(source, out))


def _roms(net: Netlist, op: Gather, steps: list[Field], beats: list[Field]) -> dict[str, ParamValue]:
    """The memories of the steps and of the beats of a step (hwq_pattern)."""

    def rom(name: str, fields: list[Field]) -> str:
        return net.rom(f"{op.name}_{name}", sum(bits for _, bits in fields), lambda: field_words(*fields))

    return {
        "STEPS": len(steps[0][0]), "BEATS": len(beats[0][0]),
        "STEP_FILE": rom("step", steps), "BEAT_FILE": rom("index", beats),
    }  # fmt: skip


def _sized(counts: IntArray) -> Field:
    return counts, int(counts.max()).bit_length()


def _ports(source: Stream, out: Stream) -> dict[str, Stream]:
    return {"s_axis": source, "m_axis": out}
