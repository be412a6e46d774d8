"""Features of the engines of recurrent layers; each function follows the module of its name."""

from __future__ import annotations

from hwq.hw.cost.account import Account, bits, levels
from hwq.hw.cost.engines import Engine, Params, number
from hwq.hw.cost.library import credit, macs, requant
from hwq.hw.cost.others import curve
from hwq.hw.fold import ceil_div


def recur(a: Account, p: Params, rows: int, reset_gain: int, vector: int, signed: bool) -> None:
    """hwq_recur; `reset_gain` bits of a gain on what comes from the vector, 0 for none."""
    pe, simd, units, acc, x = (number(p, name) for name in ("PE", "SIMD", "UNITS", "ACC_W", "X_W"))
    weight, factor, word = number(p, "WGT_W"), number(p, "FACTOR_W"), number(p, "M_W")
    sf, nf = ceil_div(units, simd), ceil_div(rows, pe)
    a.use("recur")
    for states in (simd, sf, number(p, "STEPS"), sf, nf, nf * sf, rows):
        a.counter(states)
    for _ in range(simd):
        a.list(vector, 2 * sf)
    a.use("recur.lanes", simd * vector)
    a.rom(pe * simd * weight, nf * sf, "weights")
    a.rom(pe * acc, nf, "biases")
    a.rom(factor + word, rows, "factors")
    macs(a, pe, simd, vector, signed, weight, weight, 0, False, acc, nf, simd, 1)
    credit(a, acc, 6 + levels(simd) + (1 if pe > 1 else 0) + pe + 1, pe)
    a.multiply(x + 1, factor + 1)
    a.use("recur.x", 2 * (x + 1))
    a.use("recur.words", 2 * word)
    if reset_gain:
        a.multiply(acc, reset_gain)
        a.use("recur.reset", acc)
    a.use("recur.sum", acc)
    requant(
        a, 1, acc, bool(p.get("MUL_EN", 0)), number(p, "MANT_W"), word, number(p, "GATE_SHIFT"),
        number(p, "GATE_ROUND"), number(p, "P_W"), number(p, "GATE_ZERO"),
    )  # fmt: skip


def blend(a: Account, pairs: tuple[tuple[int, int, int], ...], shift: int, rounding: int, out: int, zero: int) -> None:
    """hwq_blend; `pairs` are widths of two factors, as far as they differ, and the shift of their product."""
    acc = max(left + right + up for left, right, up in pairs) + len(pairs) + 1
    a.use("blend")
    blocks = [a.multiply(left, right) for left, right, _ in pairs]
    if len(pairs) > 1:
        a.use("blend.sum", acc)
    requant(a, 1, acc, False, 0, 1, shift, rounding, out, zero, None, all(blocks))


def lstm(a: Account, p: Params) -> None:
    """hwq_lstm."""
    units, out, gate, cell, tanh = (
        number(p, "UNITS"),
        number(p, "OUT_W"),
        extended(p, "CURVE_"),
        number(p, "CELL_W"),
        extended(p, "TANH_"),
    )
    recur(a, p, 4 * units, 0, out, bool(p.get("OUT_SIGNED", 1)))
    latency, curved, curved_cell = gates(a, p), ways(p, "CURVE_"), ways(p, "TANH_")
    a.use("lstm")
    a.use("lstm.gates", 3 * gate)
    curve(a, p, "CURVE_", number(p, "P_W") + 1, number(p, "CURVE_W"))
    a.list(cell, units)
    a.use("recurrent.held", cell)
    a.use("recurrent.row", (bits(units) + 3))
    a.ram(bits(units) + 3, latency + curved)
    a.ram(bits(units), 5)
    blend(
        a, ((gate, cell, number(p, "CELL_SA")), (gate, gate, number(p, "CELL_SB"))), number(p, "CELL_SHIFT"),
        number(p, "CELL_ROUND"), cell, number(p, "CELL_ZERO"),
    )  # fmt: skip
    curve(a, p, "TANH_", cell, number(p, "TANH_W"))
    a.ram(gate, 5 + curved_cell)
    blend(a, ((gate, tanh, 0),), number(p, "SHIFT"), number(p, "ROUND"), out, number(p, "ZERO"))
    credit(a, out, (latency + curved + curved_cell + 10) // 4 + 3)


def gru(a: Account, p: Params) -> None:
    """hwq_gru."""
    units, out, gate, after = (
        number(p, "UNITS"),
        number(p, "OUT_W"),
        extended(p, "CURVE_"),
        bool(p.get("RESET_AFTER", 0)),
    )
    state, fraction = extended(p, "OUT_"), number(p, "FRACTION")
    recur(a, p, 3 * units, gate + 1 if after else 0, out, bool(p.get("OUT_SIGNED", 1)))
    latency, curved = gates(a, p), ways(p, "CURVE_")
    a.use("gru")
    curve(a, p, "CURVE_", number(p, "P_W") + 1, number(p, "CURVE_W"))
    for width in (gate, state, *((gate,) if after else ())):
        a.list(width, units)
    a.use("recurrent.held", state)
    a.use("gru.gates", gate)
    a.use("recurrent.row", bits(units) + 3)
    a.ram(bits(units) + 3, latency + curved)
    a.ram(bits(units), 5)
    if after:
        requant(a, 1, gate + 1 + state, False, 0, 1, fraction, 1, out, 0)
    else:
        blend(a, ((gate + 1, state, 0),), fraction, 1, out, 0)
    blend(
        a, ((gate, state, number(p, "SA")), (gate + 1, gate, number(p, "SB"))), number(p, "SHIFT"), number(p, "ROUND"),
        out, number(p, "ZERO"),
    )  # fmt: skip
    credit(a, out, latency + curved + 7)


def rnn(a: Account, p: Params) -> None:
    """hwq_rnn."""
    out = number(p, "OUT_W")
    recur(a, p, number(p, "UNITS"), 0, out, bool(p.get("OUT_SIGNED", 1)))
    a.use("rnn")
    curve(a, p, "CURVE_", number(p, "P_W"), out)
    credit(a, out, gates(a, p) + ways(p, "CURVE_") + 2)


def extended(p: Params, prefix: str) -> int:
    """Bits of a value that may have no sign, with one."""
    return number(p, f"{prefix}W") + (0 if p.get(f"{prefix}SIGNED", 1) else 1)


def gates(a: Account, p: Params) -> int:
    """Cycles from a row to its gate."""
    return 9 if p.get("MUL_EN", 0) else 7


def ways(p: Params, prefix: str) -> int:
    """Cycles of an interpolation."""
    return 8 if number(p, f"{prefix}STEP") else 5


RECURRENT: dict[str, Engine] = {"hwq_lstm": lstm, "hwq_gru": gru, "hwq_rnn": rnn}
