"""The engine of thresholds, and its memory."""

from __future__ import annotations

from collections.abc import Sequence

from hwq.arith import signed_bits
from hwq.hw.fold import Fold
from hwq.hw.netlist import Instance, Netlist, Stream
from hwq.hw.pack import hex_words, padded
from hwq.hw.params import Params
from hwq.ir.program import Program
from hwq.ops import Threshold


def threshold(net: Netlist, program: Program, op: Threshold, fold: Fold, sources: Sequence[Stream]) -> Stream:
    """Comparators and an adder tree for each lane (rule B1)."""
    x = program.types[op.inputs[0]]
    rows, count = op.thresholds.shape
    bits = signed_bits((x.range[0] - 1, x.range[1] + 1))
    lanes = fold.lanes_in if rows > 1 else 1

    def words() -> list[str]:
        return hex_words(padded(op.thresholds, 0, lanes).reshape(-1, lanes * count), bits)

    params: Params = {
        "LANES": fold.lanes_in, "CHANNELS": x.channels, "ACT_W": x.bits, "ACT_SIGNED": int(x.signed), "N": count,
        "BY_CHANNEL": int(rows > 1), "FILE": net.rom(f"{op.name}_threshold", lanes * count * bits, words),
        "LOW": op.low, "OUT_W": op.bits,
    }  # fmt: skip
    out = net.tensor(op.name, op.name, program.types[op.name], fold.lanes_out)
    net.parts.append(Instance("hwq_threshold", f"u_{op.name}", params, {"s_axis": sources[0], "m_axis": out}))
    return out
