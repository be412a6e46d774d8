"""Features of the engines that networks of convolutions are made of; each function follows the module of its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hwq.hw.cost.account import Account, bits, levels
from hwq.hw.cost.library import credit, delay, fifo, loops, macs, requant, share, weights
from hwq.hw.fold import ceil_div
from hwq.hw.netlist import ParamValue

Params = Mapping[str, ParamValue]
Engine = Callable[[Account, Params], None]


def number(p: Params, name: str, default: int = 0) -> int:
    """An integer parameter; those that a netlist leaves out have `default`."""
    value = p.get(name, default)
    return value if isinstance(value, int) else literal(value)


def literal(text: str) -> int:
    """The value of a sized literal.

    Examples
    --------
    >>> literal("-64'sd12"), literal("16'h1f")
    (-12, 31)
    """
    sign, _, body = text.rpartition("'")
    digits = body.lstrip("s")
    value = int(digits[1:], 16 if digits[0] == "h" else 10)
    return -value if sign.startswith("-") else value


def requant_of(
    a: Account, p: Params, lanes: int, acc: int, multiplied: bool | None = None, absorbed: bool = False
) -> None:
    """The requantiser of an engine; `absorbed` as there."""
    requant(
        a, lanes, acc, bool(p.get("MUL_EN", 0)) if multiplied is None else multiplied, number(p, "MANT_W"),
        number(p, "M_W", 1), number(p, "SHIFT"), number(p, "ROUND"), number(p, "OUT_W"), number(p, "ZERO"),
        odd_width(number(p, "MUL")) if "MUL" in p else None, absorbed,
    )  # fmt: skip


def mvau(a: Account, p: Params) -> None:
    """hwq_mvau."""
    pe, simd, rq = number(p, "PE"), number(p, "SIMD"), number(p, "RQ")
    act, acc, weight = number(p, "ACT_W"), number(p, "ACC_W"), number(p, "WGT_W")
    sf, nf, channels = number(p, "SF"), number(p, "NF"), number(p, "CHANNELS")
    terms, entries, code = number(p, "TERMS"), number(p, "ENTRIES"), number(p, "CODE_W", weight)
    binary, multiplied = bool(p.get("BINARY", 0)), bool(p.get("MUL_EN", 0))
    inputs, layers = (pe if p.get("DEPTHWISE", 0) else 1) * simd, number(p, "LAYERS", 1)
    group, stage = pe // rq, 3 if entries else 2
    a.use("mvau")
    for states in (sf, nf, nf * sf):
        a.counter(states)
    a.use("mvau.acts", inputs * act * (stage - 1))
    lane = code if terms else weight
    weights(a, pe, simd, lane, code, entries, bool(p.get("CHANNEL_TABLES", 0)), sf, layers * nf,
            str(p.get("WGT_STYLE", "auto")))  # fmt: skip
    a.rom(pe * acc, layers * nf, "biases")
    macs(a, pe, simd, act, bool(p.get("ACT_SIGNED", 1)), weight, lane, terms, binary, acc, nf, inputs, rq,
         number(p, "PACK", 1), bool(p.get("LOWEST", 1)), bool(p.get("LOGIC", 0)))  # fmt: skip
    if multiplied:
        beats = ceil_div(channels, rq)
        a.counter(beats)
        a.rom(rq * number(p, "M_W"), layers * beats, "factors")
    requant_of(a, p, rq, acc)
    lanes = (1 if simd > 2 else 3 - levels(simd)) if binary else 3
    latency = stage + lanes + levels(simd) + (2 if group > 1 else 1) + (5 if multiplied else 3)
    if layers > 1:
        share(a, layers, inputs * act, pe * acc, sf, nf, ceil_div(channels, rq) if multiplied else 1)
        latency += 1
    for _ in range(layers):
        credit(a, rq * number(p, "OUT_W"), latency + group + 1 + (layers > 1), group)


def adders(a: Account, p: Params) -> None:
    """hwq_adders; the graph beside it is counted by its bits. Bits that rounding down drops are not kept."""
    lanes, acc, shift, out = number(p, "LANES"), number(p, "ACC_W"), number(p, "SHIFT"), number(p, "OUT_W")
    if not number(p, "ROUND"):
        acc, shift = max(2, acc - shift), 0
    requant(a, lanes, acc, False, 0, 1, shift, number(p, "ROUND"), out, number(p, "ZERO"))
    a.use("delay.bits", number(p, "IN_W") + 1)
    credit(a, lanes * out, number(p, "STAGES") + 5)


def swu_ser(a: Account, p: Params) -> None:
    """hwq_swu_ser."""
    data, h, w, cf = number(p, "DATA_W"), number(p, "H"), number(p, "W"), number(p, "CF")
    kh, kw, sh, sw = number(p, "KH"), number(p, "KW"), number(p, "SH", 1), number(p, "SW", 1)
    dh, dw, pt, pl = number(p, "DH", 1), number(p, "DW", 1), number(p, "PT"), number(p, "PL")
    oh, ow, groups, rows = number(p, "OH"), number(p, "OW"), number(p, "GROUPS", 1), number(p, "ROWS")
    row = w * cf
    ring = rows * row
    ahead = bits((h + oh * sh + pt + kh * dh + rows) * row + (ow * sw + kw * dw + pl) * cf) + 2
    fill = bits(ring + h * row + 1) + 1
    place = bits(h + oh * sh + pt + kh * dh) + bits(w + ow * sw + pl + kw * dw) + 4
    a.use("serial")
    a.use("serial.address", bits(ring))
    a.use("serial.fill", fill)
    a.use("serial.ahead", ahead)
    if ring & (ring - 1):
        a.use("serial.wrap", bits(ring))
    if kh * kw > 1 or pt > 0 or pl > 0:
        a.use("serial.padded")
        a.use("serial.place", place)
    a.use("serial.data", data)
    loops(a, cf // groups, kw, kh, number(p, "NF", 1), groups, ow, oh)
    a.ram(data, ring)
    a.use("delay.bits", data)
    credit(a, data, 5)


def swu_par(a: Account, p: Params) -> None:
    """hwq_swu_par."""
    data, h, w, cf = number(p, "DATA_W"), number(p, "H"), number(p, "W"), number(p, "CF")
    kh, kw, sh, sw = number(p, "KH"), number(p, "KW"), number(p, "SH", 1), number(p, "SW", 1)
    dh, dw, pt, pl = number(p, "DH", 1), number(p, "DW", 1), number(p, "PT"), number(p, "PL")
    oh, ow = number(p, "OH"), number(p, "OW")
    first = (((kh - 1) * dh - pt) * w + (kw - 1) * dw - pl) * cf + 1
    step = (sh * w - (ow - 1) * sw) * cf - (cf - 1)
    a.use("parallel")
    a.use("parallel.shift", 2 * (bits(first + 2 * h * w * cf + step + 1) + 1))
    a.use("parallel.data", data)
    if oh * ow > 1:
        a.use("parallel.place", bits(h + oh * sh + pt + kh * dh) + bits(w + ow * sw + pl + kw * dw) + 4)
        a.use("parallel.taps", kh + kw)
        a.use("parallel.masked", kh * kw * data)
    loops(a, cf, ow, oh)
    if kh > 1:
        delay(a, (kh - 1) * data, dh * w * cf)
    for _ in range(kh * (kw - 1)):
        delay(a, data, dw * cf)
    a.use("delay.bits", data + kh * kw + 2)
    credit(a, kh * kw * data, 3)


def dwc(a: Account, p: Params) -> None:
    """hwq_dwc."""
    lane, n, m, channels = number(p, "LANE_W"), number(p, "IN_N"), number(p, "OUT_N"), number(p, "CHANNELS")
    narrow, wide = max(ceil_div(channels, n), ceil_div(channels, m)), min(ceil_div(channels, n), ceil_div(channels, m))
    if narrow == wide:
        return
    up = n < m
    parts = narrow if wide == 1 else max(n, m) // min(n, m)
    last = narrow - (wide - 1) * parts
    kind = "up" if up else "down"
    a.use(f"convert.{kind}")
    a.use("convert.bits", min(parts * min(n, m), max(n, m)) * lane)
    if up:
        a.use("convert.parts", parts)
    else:
        a.use("convert.shift", min((parts - 1) * min(n, m), max(n, m) - min(n, m)) * lane)
    a.counter(parts)
    if parts != last:
        a.use("convert.partial")
        a.counter(wide)
        if up:
            a.use("convert.cleared", (parts - last) * min(n, m) * lane)


def pool(a: Account, p: Params) -> None:
    """hwq_pool."""
    lanes, act, acc = number(p, "LANES"), number(p, "ACT_W"), number(p, "ACC_W")
    largest, multiplied = bool(p.get("MAX", 0)), bool(p.get("MUL_EN", 0)) and not p.get("MAX", 0)
    a.use("pool")
    a.counter(number(p, "TAPS"))
    a.use("pool.acts", lanes * (act + 1))
    if largest:
        a.use("pool.largest", lanes * (act + 1))
    else:
        a.use("pool.sum", lanes * acc)
        requant_of(a, p, lanes, acc)
    credit(a, lanes * number(p, "OUT_W"), (2 if largest else 7 if multiplied else 5) + 2)


def gap(a: Account, p: Params) -> None:
    """hwq_gap."""
    lanes, act, acc = number(p, "LANES"), number(p, "ACT_W"), number(p, "ACC_W")
    beats = ceil_div(number(p, "CHANNELS"), lanes)
    a.use("gap")
    a.counter(beats)
    a.counter(number(p, "PIXELS"))
    a.use("gap.acts", lanes * (act + 1))
    a.use("gap.sum", lanes * acc)
    if beats > 1:
        a.use("delay.bits", lanes * acc)
    for _ in range(lanes):
        a.list(acc, beats)
    requant_of(a, p, lanes, acc)
    credit(a, lanes * number(p, "OUT_W"), (7 if p.get("MUL_EN", 0) else 5) + 2)


def signed_width(value: int) -> int:
    """Bits of a signed constant."""
    return (~value if value < 0 else value).bit_length() + 1


def odd_width(factor: int) -> int:
    """Bits of the odd part of a constant factor, signed: Yosys multiplies by that and shifts.

    Examples
    --------
    >>> [odd_width(factor) for factor in (-40, 6, 8, 0)]
    [4, 3, 2, 0]
    """
    return signed_width(factor // (factor & -factor)) if factor else 0


def add(a: Account, p: Params) -> None:
    """hwq_add."""
    lanes, widths = number(p, "LANES"), (number(p, "A_W"), number(p, "B_W"))
    factors = (number(p, "MA", 1), number(p, "MB", 1))
    products = [width + signed_width(factor) for width, factor in zip(widths, factors, strict=True)]
    acc = max(*products, signed_width(number(p, "BIAS"))) + 2
    a.use("add")
    signs = (p.get("A_SIGNED", 1), p.get("B_SIGNED", 1))
    for width, signed, factor, product in zip(widths, signs, factors, products, strict=True):
        kind = "block" if constant(a, width if signed else width + 1, factor, lanes) else "wires"
        a.use(f"add.{kind}", lanes * (width + product))
    a.use("add.sum" if not a.dsps else "add.sum.block", lanes * acc)
    requant_of(a, p, lanes, acc, False)
    credit(a, lanes * number(p, "OUT_W"), 8)


def constant(a: Account, width: int, factor: int, lanes: int) -> bool:
    """Products with a constant, nothing for a power of two; whether they are multiplier blocks."""
    if abs(factor) & (abs(factor) - 1):
        return a.multiply(width, odd_width(factor), lanes)
    if factor < 0:
        a.use("product.negative", lanes * width)
    return False


def rescale(a: Account, p: Params) -> None:
    """hwq_rescale."""
    lanes, acc = number(p, "LANES"), number(p, "ACC_W")
    a.use("rescale")
    a.use("rescale.sum", lanes * acc)
    requant_of(a, p, lanes, acc)
    credit(a, lanes * number(p, "OUT_W"), (6 if p.get("MUL_EN", 0) else 4) + 2)


def argmax(a: Account, p: Params) -> None:
    """hwq_argmax."""
    lanes, act, out = number(p, "LANES"), number(p, "ACT_W"), number(p, "OUT_W")
    a.use("argmax")
    a.counter(ceil_div(number(p, "CHANNELS"), lanes))
    a.use("argmax.acts", lanes * (act + 1))
    a.use("argmax.nodes", (lanes - 1) * (act + 1))
    a.use("argmax.indices", (lanes - 1) * levels(lanes))
    a.use("argmax.best", act + 1)
    a.use("argmax.index", out * (2 + levels(lanes)))
    credit(a, out, levels(lanes) + 4)


def fifo_bram(a: Account, p: Params) -> None:
    """hwq_fifo_bram."""
    width, depth = number(p, "W"), number(p, "DEPTH")
    a.use("deep")
    a.use("deep.pointers", 2 * bits(depth))
    a.use("deep.count", 2 * depth.bit_length())
    a.ram(width, depth)
    fifo(a, width, 2)


def frame_in(a: Account, p: Params) -> None:
    """hwq_frame_in; its data may be zeros instead."""
    a.use("entry")
    a.use("entry.data", number(p, "W"))
    a.counter(number(p, "BEATS"))


def frame_out(a: Account, p: Params) -> None:
    """hwq_frame_out."""
    a.use("exit")
    a.counter(number(p, "BEATS"))


def fork(a: Account, p: Params) -> None:
    """hwq_fork."""
    a.use("fork", number(p, "N"))


def deal(a: Account, p: Params) -> None:
    """hwq_deal: like a fork that counts beats."""
    a.use("fork", number(p, "N"))
    a.counter(number(p, "BEATS"))


CONVOLUTIONAL: dict[str, Engine] = {
    "hwq_mvau": mvau, "hwq_adders": adders, "hwq_swu_ser": swu_ser, "hwq_swu_par": swu_par, "hwq_dwc": dwc,
    "hwq_pool": pool, "hwq_gap": gap, "hwq_add": add, "hwq_rescale": rescale, "hwq_argmax": argmax,
    "hwq_fifo_bram": fifo_bram, "hwq_frame_in": frame_in, "hwq_frame_out": frame_out, "hwq_fork": fork,
    "hwq_deal": deal,
    "hwq_fifo": lambda a, p: fifo(a, number(p, "W"), number(p, "DEPTH")),
}  # fmt: skip
