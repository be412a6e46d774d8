"""Features of the engines of other operations; each function follows the module of its name."""

from __future__ import annotations

from hwq.hw.cost.account import Account, bits, levels
from hwq.hw.cost.engines import Engine, Params, constant, number, requant_of, swu_ser
from hwq.hw.cost.library import add_tree, credit, fifo, macs, requant
from hwq.hw.fold import ceil_div

EXP, ENTRY = 16, 16
"""Bits of an exponential of hwq_softmax, and of an entry of hwq_normalise's table."""


def product(a: Account, p: Params) -> None:
    """hwq_product."""
    lanes, wide, other = number(p, "LANES"), number(p, "A_W"), number(p, "B_W")
    a.use("product")
    a.use("product.acts", lanes * (wide + other))
    factors = []
    for side, width in (("A", wide), ("B", other)):
        moved = bool(number(p, f"ZERO_{side}"))
        factors.append(width + (moved or not p.get(f"{side}_SIGNED", 1)))
        if moved:
            a.use("product.less", lanes * (width + 1))
    block = a.multiply(factors[0], factors[1], lanes)
    requant_of(a, p, lanes, wide + other + 2, absorbed=block)
    credit(a, lanes * number(p, "OUT_W"), (7 if p.get("MUL_EN", 0) else 5) + 2)


def extremum(a: Account, p: Params) -> None:
    """hwq_extremum."""
    values = number(p, "LANES") * number(p, "ACT_W")
    a.use("extremum")
    a.use("extremum.bits", values)
    credit(a, values, 3)


def prelu(a: Account, p: Params) -> None:
    """hwq_prelu."""
    lanes, width, factor = number(p, "LANES"), number(p, "D_W"), number(p, "FACTOR_W")
    by_channel = bool(p.get("BY_CHANNEL", 0))
    a.use("prelu")
    a.use("prelu.bits", lanes * width)
    a.use("prelu.choice", lanes * factor)
    if by_channel:
        beats = ceil_div(number(p, "CHANNELS"), lanes)
        a.use("prelu.wait", lanes * width)
        a.counter(beats)
        a.rom(lanes * factor, beats, "slopes")
    block = a.multiply(width, factor, lanes)
    requant_of(a, p, lanes, width + factor, False, block)
    credit(a, lanes * number(p, "OUT_W"), (7 if by_channel else 6) + 2)


def interpolate(a: Account, width: int, out: int, step: int, fraction: int, entry: int, delta: int, times: int) -> None:
    """hwq_interpolate, `times` of them."""
    for _ in range(times):
        a.rom(entry + (delta if step else 0), 1 << (width - step), "table")
    a.use("curve", times)
    a.use("curve.out", times * out)
    a.use("curve.sum", times * (entry + step))
    if fraction or step:
        a.use("curve.round", times * (entry + step))
    if step:
        a.use("curve.line", times)
        a.use("curve.entry", times * entry)
        a.use("curve.step", times * step)
        a.multiply(delta, step + 1, times)


def table(a: Account, p: Params) -> None:
    """hwq_table."""
    lanes, step = number(p, "LANES"), number(p, "STEP")
    curve(a, p, "", number(p, "IN_W"), number(p, "OUT_W"), lanes)
    a.use("table")
    credit(a, lanes * number(p, "OUT_W"), (8 if step else 5) + 2)


def curve(a: Account, p: Params, prefix: str, width: int, out: int, times: int = 1) -> None:
    """An interpolation whose parameters have a prefix."""
    step, fraction = number(p, f"{prefix}STEP"), number(p, f"{prefix}FRACTION")
    interpolate(a, width, out, step, fraction, number(p, f"{prefix}ENTRY_W"), number(p, f"{prefix}DELTA_W"), times)


def threshold(a: Account, p: Params) -> None:
    """hwq_threshold."""
    lanes, act, count, out = number(p, "LANES"), number(p, "ACT_W"), number(p, "N"), number(p, "OUT_W")
    by_channel, width = bool(p.get("BY_CHANNEL", 0)), act + (1 if p.get("ACT_SIGNED", 1) else 2)
    beats = ceil_div(number(p, "CHANNELS"), lanes) if by_channel else 1
    a.use("threshold")
    a.use("threshold.acts", 2 * lanes * act)
    a.use("threshold.compared" if beats > 1 else "threshold.constant", lanes * count * width)
    a.use("threshold.reached", lanes * count)
    a.counter(beats)
    a.rom((lanes if by_channel else 1) * count * width, beats, "thresholds")
    add_tree(a, count, 1, out, lanes, "reached")
    a.use("threshold.out", lanes * out)
    credit(a, lanes * out, 6 + levels(count))


def concat(a: Account, p: Params) -> None:
    """hwq_concat."""
    width, count = number(p, "W"), number(p, "N")
    a.use("concat")
    a.use("concat.inputs", count)
    a.use("concat.count", number(p, "COUNT_W"))
    a.counter(number(p, "ROUNDS"))
    a.use("concat.choice", width * (count - 1))
    fifo(a, width, 2)


def const(a: Account, p: Params) -> None:
    """hwq_const."""
    width, beats = number(p, "W"), number(p, "BEATS")
    a.use("const")
    a.counter(beats)
    a.rom(width, beats, "constants")
    credit(a, width, 4)


def topk(a: Account, p: Params) -> None:
    """hwq_topk."""
    k, act, out = number(p, "K"), number(p, "ACT_W"), number(p, "OUT_W")
    a.use("topk")
    a.counter(number(p, "CHANNELS"))
    a.use("topk.values", k * (act + 1))
    a.use("topk.indices", k * out)
    a.use("topk.input", act + 1 + out)
    a.use("topk.count", k.bit_length())
    credit(a, out, k + 4, k)


def pattern(a: Account, p: Params, step: int, beat: int) -> None:
    """hwq_pattern."""
    a.use("pattern")
    a.counter(number(p, "STEPS"))
    a.counter(number(p, "BEATS"))
    a.rom(step, number(p, "STEPS"), "pattern")
    a.rom(beat, number(p, "BEATS"), "pattern")


def gather(a: Account, p: Params) -> None:
    """hwq_gather."""
    width, ring = number(p, "OUT_W"), number(p, "RING")
    address, take, free = bits(ring), number(p, "TAKE_W"), number(p, "FREE_W")
    pattern(a, p, free + take + address + 1, address + 1)
    a.use("gather")
    a.use("gather.address", address)
    a.use("gather.moves", take + free)
    a.use("gather.count", (ring + number(p, "IN_BEATS")).bit_length() + 1)
    a.use("gather.bits", width)
    credit(a, address + 1 + take + free, 8)
    a.ram(width, ring)
    credit(a, width, 4)


def crop(a: Account, p: Params) -> None:
    """hwq_crop."""
    a.use("crop")
    pattern(a, p, 1, 1)
    credit(a, 1, 6)
    fifo(a, number(p, "OUT_W"), 2)


def matmul(a: Account, p: Params) -> None:
    """hwq_matmul."""
    pe, simd, rq, t, n = (number(p, name) for name in ("PE", "SIMD", "RQ", "T", "N"))
    wide, other, acc = number(p, "A_W"), number(p, "B_W"), number(p, "ACC_W")
    moved_a = wide + (0 if p.get("A_SIGNED", 1) and not number(p, "ZERO_A") else 1)
    moved_b = other + (0 if p.get("B_SIGNED", 1) and not number(p, "ZERO_B") else 1)
    sf, nf = ceil_div(number(p, "K"), simd), ceil_div(n, pe)
    address, group = (2 * nf * sf - 1).bit_length(), pe // rq
    a.use("matmul")
    a.use("matmul.address", address)
    a.use("matmul.pes", pe)
    for states in (sf, n, sf, nf, t):
        a.counter(states)
    a.use("matmul.acts", simd * moved_a)
    a.use("matmul.words", simd * moved_b)
    a.use("matmul.weights", pe * simd * moved_b)
    swu_ser(a, {"DATA_W": simd * wide, "H": 1, "W": 1, "CF": sf, "KH": 1, "KW": 1, "OH": 1, "OW": 1, "NF": nf,
                "ROWS": 1 + (sf + 2) // sf})  # fmt: skip
    for _ in range(pe):
        a.ram(simd * moved_b, 2 * nf * sf)
    macs(a, pe, simd, moved_a, True, moved_b, moved_b, 0, False, acc, nf, simd, rq)
    requant_of(a, p, rq, acc)
    latency = 6 + levels(simd) + (2 if group > 1 else 1) + (5 if p.get("MUL_EN", 0) else 3)
    credit(a, rq * number(p, "OUT_W"), latency + group + 1, group)


def softmax(a: Account, p: Params) -> None:
    """hwq_softmax."""
    lanes, act, channels, step = number(p, "LANES"), number(p, "ACT_W"), number(p, "CHANNELS"), number(p, "STEP")
    entries, out = number(p, "ENTRIES"), number(p, "OUT_W")
    beats, quotient, depth = ceil_div(channels, lanes), number(p, "RECIP_W") - 14, levels(lanes)
    period, total = max(beats, quotient + 1), EXP + channels.bit_length()

    def held(span: int) -> int:
        return span // period * beats + min(span % period, beats) + 2

    waiting, exps = held(beats + depth + 4), held(beats + (7 if step else 4) + depth + 1 + quotient + 4)
    a.use("softmax")
    a.use("softmax.values", (2 * lanes) * (act + 1))
    a.use("softmax.total", total)
    a.use("softmax.divider", 2 * total + 2 * quotient)
    a.use("softmax.exps", lanes * EXP)
    a.counter(beats)
    fifo(a, lanes * act + 1, waiting)
    fifo(a, act + 1, waiting // beats + 1)
    for _ in range(lanes):
        a.rom(EXP * (2 if step else 1), entries, "table")
    a.use("softmax.below", lanes * (act + bits(entries)))
    if step:
        a.use("softmax.lines", lanes)
        a.use("softmax.steps", lanes * step)
        a.multiply(EXP + 1, step + 1, lanes)
    credit(a, lanes * EXP + 1, exps)
    add_tree(a, lanes, EXP + 1, total)
    fifo(a, total, exps // beats + 1)
    requant(a, lanes, quotient + 1, True, 0, EXP, number(p, "RECIP_W") - out, 1, out, 0)
    credit(a, lanes * out, 7)


def normalise(a: Account, p: Params) -> None:
    """hwq_normalise."""
    lanes, act, channels, index = number(p, "LANES"), number(p, "ACT_W"), number(p, "CHANNELS"), number(p, "INDEX_W")
    out, fraction, eps = number(p, "OUT_W"), number(p, "FRACTION"), number(p, "EPS")
    beats, depth = ceil_div(channels, lanes), levels(lanes)
    spread = (1 << act) - 1
    count, total = channels.bit_length() + 1, act + levels(channels) + 1
    difference = ((channels - 1) * spread).bit_length() + 1
    pairs = ((channels * (channels * channels >> 2) * spread * spread + eps).bit_length() + 1) // 2
    top = max(pairs, -fraction)
    gap, waiting, differences = bits(pairs), beats + depth + 6, beats + depth + 14
    a.use("normalise")
    a.use("normalise.values", lanes * (act + 1))
    a.use("normalise.total", total)
    a.use("normalise.differences", lanes * difference)
    a.use("normalise.variance", 2 * pairs)
    a.use("normalise.shift", 2 * pairs * gap)
    a.use("normalise.raised", lanes * (top + 1) * gap)
    a.counter(beats)
    fifo(a, lanes * act + 1, waiting)
    add_tree(a, lanes, act + 1, total)
    fifo(a, total, waiting // beats + 1)
    constant(a, act + 1, channels, lanes)
    a.multiply(difference, difference, lanes)
    a.use("normalise.scaled", lanes * (act + 1 + count))
    credit(a, lanes * difference + 1, differences)
    add_tree(a, lanes, 2 * difference, 2 * pairs)
    a.rom(ENTRY, 3 << index, "table")
    fifo(a, gap + ENTRY, differences // beats + 1)
    requant(a, lanes, top + 1, True, 0, ENTRY, top + fraction, 1, out, 0)
    credit(a, lanes * out, 8)


OTHER: dict[str, Engine] = {
    "hwq_product": product, "hwq_extremum": extremum, "hwq_prelu": prelu, "hwq_table": table,
    "hwq_threshold": threshold, "hwq_concat": concat, "hwq_const": const, "hwq_topk": topk, "hwq_gather": gather,
    "hwq_crop": crop, "hwq_matmul": matmul, "hwq_softmax": softmax, "hwq_normalise": normalise,
}  # fmt: skip
