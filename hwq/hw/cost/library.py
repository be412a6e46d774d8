"""Features of the modules that engines are made of; each function follows the module of its name."""

from __future__ import annotations

from hwq.hw.cost.account import Account, bits, levels
from hwq.hw.fold import ceil_div
from hwq.hw.packing import factor_widths

PIECE = 17
"""Bits of an accumulator that one multiplier of a requantiser takes."""


def fifo(a: Account, width: int, depth: int) -> None:
    """hwq_fifo."""
    a.use("fifo")
    a.use("fifo.count", depth.bit_length())
    if depth > 1:
        a.use("fifo.pointers", 2 * bits(depth))
        if depth & (depth - 1):
            a.use("fifo.wrap", 2 * bits(depth))
    a.list(width, depth)


def credit(a: Account, width: int, depth: int, group: int = 1) -> None:
    """hwq_credit."""
    a.use("credit")
    a.use("credit.count", depth.bit_length())
    if group > 1:
        a.use("credit.group", depth.bit_length())
    fifo(a, width, depth)


def delay(a: Account, width: int, length: int) -> None:
    """hwq_delay."""
    if length == 1:
        a.use("delay.bits", width)
    elif length == 2:
        a.use("delay.bits", 2 * width)
    elif length > 2:
        a.use("delay")
        a.use("delay.pointers", 2 * bits(length - 1))
        a.use("delay.bits", width)
        a.ram(width, length - 1)


def loops(a: Account, *counts: int) -> None:
    """hwq_loops."""
    for count in counts:
        if count > 1:
            a.use("loop")
            a.use("loop.bits", bits(count))


def add_tree(a: Account, terms: int, term: int, out: int, times: int = 1, feature: str = "tree") -> None:
    """hwq_addtree, `times` of them: sums of two, and where the number is odd what is passed on."""
    for level in range(1, levels(terms) + 1):
        width, span = min(out, term + level), 1 << level
        sums = max(0, ceil_div(terms - span // 2, span))
        a.use(f"{feature}.bits", times * width * sums)
        a.use(f"{feature}.passed", times * width * (ceil_div(terms, span) - sums))


def requant(
    a: Account, lanes: int, acc: int, multiplied: bool, mantissa: int, word: int, shift: int, rounding: int,
    out: int, zero: int, constant: int | None = None, absorbed: bool = False,
) -> None:  # fmt: skip
    """hwq_requant; `constant` bits of a multiplier that is one.

    The first register is `absorbed` where a multiplier block stands before it.
    """
    scaled = acc + (mantissa if mantissa > 1 else 0)
    exponent = word - mantissa + 1
    factor = (scaled - acc + (1 << exponent) - 1 if mantissa else word) if multiplied else 0
    product = acc + factor
    quotient = max(product, shift) + 1 - shift
    a.use("requant.slow" if multiplied else "requant")
    a.use("requant.out", lanes * out)
    a.use("requant.quotient", lanes * quotient)
    if zero:
        a.use("requant.zero", lanes * out)
    if shift and rounding > 1:
        a.use(f"requant.round{rounding}", lanes)
        a.use("requant.carry", lanes * (product if rounding == 2 else product + shift))
    if not multiplied:
        a.use("requant.absorbed" if absorbed else "requant.acc", lanes * acc)
    elif mantissa and constant is not None:
        a.use("mantissa.constant", lanes * scaled)
        a.use("mantissa.constant.product", lanes * product)
    elif mantissa:
        _mantissa(a, lanes, scaled, mantissa, exponent, product)
    else:
        pieces = ceil_div(acc - 1, PIECE)
        widths = [PIECE + 1] * (pieces - 1) + [acc - PIECE * (pieces - 1)]
        for width in widths:
            a.multiply(width, word + 1 if constant is None else constant, lanes)
        a.use(f"requant.pieces{pieces}", lanes)
        a.use(f"requant.pieces{pieces}.bits", lanes * product)


def _mantissa(a: Account, lanes: int, scaled: int, mantissa: int, exponent: int, product: int) -> None:
    """Adders and a shifter in place of a multiplier."""
    a.use("mantissa.shift", lanes * product * exponent)
    a.use("mantissa.product", lanes * product)
    a.use("mantissa.bits", lanes * scaled)
    if mantissa > 1:
        a.use("mantissa.low", lanes * scaled)
    if mantissa > 2:
        a.use("mantissa.sum", lanes * scaled)
    if mantissa > 3:
        a.use("mantissa.high", lanes * scaled)


def weights(
    a: Account, pe: int, simd: int, weight: int, code: int, entries: int, by_channel: bool, sf: int, nf: int, style: str
) -> None:
    """hwq_weights."""
    a.rom(pe * simd * code, nf * sf, "weights", style)
    if entries:
        count = pe if by_channel else 1
        a.rom(count * entries * weight, nf if by_channel else 1, "weights")
        a.use("codes", pe * simd * weight)
        a.use("codes.choice" if by_channel and nf > 1 else "codes.constant", pe * simd * weight * (entries - 1))


def share(a: Account, layers: int, beat: int, sums: int, sf: int, nf: int, factors: int) -> None:
    """hwq_share, and what else an engine has for each of several layers: counters, the sums so far and their choice.

    A beat has `beat` bits, all sums have `sums`; the factors of a pixel are so many words.
    """
    for states in (sf, nf, nf * sf, nf, factors) * (layers - 1):
        a.counter(states)
    word = bits(layers * nf * sf)
    a.use("concat.inputs", layers)
    a.use("concat.choice", (layers - 1) * (beat + word + sums + bits(layers * nf) + bits(layers * factors)))
    a.use("mvau.acts", beat + word + layers * sums)


def macs(
    a: Account, pe: int, simd: int, act: int, signed: bool, weight: int, code: int, terms: int, binary: bool, acc: int,
    nf: int, inputs: int, rq: int, pack: int = 1, lowest: bool = True, logic: bool = False,
) -> None:  # fmt: skip
    """hwq_macs; `inputs` lanes of activations come in."""
    factor = act if signed else act + 1
    lanes, product = pe * simd, 1 if binary else factor + weight
    stages = ((1 if simd > 2 else 3 - levels(simd)) if binary else 3) + levels(simd)
    a.use("macs")
    a.use("macs.stages", stages)
    a.counter(nf)
    if binary:
        a.use("macs.gates", lanes)
    elif terms:
        _shift_add(a, lanes, inputs, factor, code, terms, product)
    elif logic:
        _mul_logic(a, lanes, inputs, factor, weight)
    else:
        kind = "soft"
        for count, groups in ((pack, pe // pack), (pe % pack, 1)):
            widths = factor_widths(weight, act, signed, lowest and count > 1, count)
            if count and groups and a.multiply(*widths, groups * simd):
                kind = "block"
        a.use(f"macs.{kind}.acts", inputs * act)
        a.use(f"macs.{kind}.weights", lanes * weight)
        a.use(f"macs.{kind}.products" if simd > 1 else f"macs.{kind}.alone", lanes * product)
    add_tree(a, simd, product, product + levels(simd), pe, "ones" if binary else "tree")
    a.use("macs.acc", pe * acc)
    if pe > rq:
        a.use("macs.serial")
        a.use("macs.serial.bits", pe * acc)
        a.use("macs.serial.count", bits(pe // rq + 1))


def _shift_add(a: Account, lanes: int, inputs: int, factor: int, code: int, terms: int, product: int) -> None:
    """hwq_shift_add."""
    a.use("powers.inputs", inputs * (factor + 1))
    a.use("powers.codes", lanes * code)
    a.use("powers.terms", lanes * terms * product)
    a.use("powers.shift", lanes * terms * product * max(1, code // terms - 1))
    a.use(f"powers.sum{terms}", lanes * product)


def _mul_logic(a: Account, lanes: int, inputs: int, factor: int, weight: int) -> None:
    """hwq_mul_logic, one for each of `inputs`; `factor` and `weight` are bits."""
    product = factor + weight
    if min(factor, weight) <= 2:
        other = weight if factor <= 2 else factor
        sides = min(2, factor, weight) * other
        a.use("logic.before", inputs * factor + lanes * weight)
        a.use("logic.picked", lanes * other)
        a.use("logic.bits", lanes * (sides + product))
        return
    odd, rows, row = weight % 2, ceil_div(weight, 2), factor + 2
    pairs = ceil_div(rows, 2)
    a.use("logic.multiples", inputs * (factor + 1))
    a.use("logic.first.bit" if odd else "logic.first.bits", lanes * row)
    a.use("logic.lower", lanes * row * (pairs - 1))
    a.use("logic.upper", lanes * row * (rows - pairs))
    sums = [row + 2 - odd] + [row if 2 * m + 1 == rows else row + 2 for m in range(1, pairs)]
    low = [1 - odd] + [row if 2 * m + 1 == rows else 2 for m in range(1, pairs)]
    ends = [factor + min(weight, 4 * m + 4 - odd) - (4 * m - 1 - odd) for m in range(1, pairs)]
    a.use("logic.sums", lanes * (sum(sums) - sum(low) + sum(ends)))
    a.use("logic.adders", lanes * (rows - 1))
    if pairs == 1:
        a.use("logic.before", inputs * factor + lanes * weight)
    a.use("logic.bits", lanes * (weight + product + (sum(sums) + pairs - 1 if pairs > 1 else 0)))
