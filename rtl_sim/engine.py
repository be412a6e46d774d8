"""What the tests of the arithmetic engines share: a reference requantiser and the run of a stream engine.

The reference is written in exact fractions, on purpose in another way than `hwq.arith` and the RTL.
"""

import math
import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time
from streams import STALLS, StreamSink, StreamSource, pack, read, reset, start_clock

#: Length of the clock period that `start_clock` makes.
PERIOD_NS = 10

#: Cycles after the last expected beat in which no other may come.
QUIET_CYCLES = 40

Params = Mapping[str, int]


def rounded(value: Fraction, rounding: int) -> int:
    """`value` rounded by code: 0 floor, 1 half up, 2 half to even, 3 half away from zero."""
    half = Fraction(1, 2)
    if rounding == 0:
        return math.floor(value)
    if rounding == 1:
        return math.floor(value + half)
    if rounding == 2:
        return round(value)
    return math.floor(value + half) if value >= 0 else math.ceil(value - half)


def requantised(acc: int, mul: int, params: Params) -> int:
    """Rule R on one accumulator, with SHIFT, ROUND, ZERO, QMIN and QMAX of `params`."""
    value = rounded(Fraction(acc * mul, 1 << params["SHIFT"]), params["ROUND"]) + params["ZERO"]
    return min(max(value, params["QMIN"]), params["QMAX"])


def act_range(bits: int, signed: int) -> tuple[int, int]:
    """Least and greatest value of an activation of `bits` bits."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def live_masks(channels: int, lanes: int, bits: int) -> list[int]:
    """For each beat of a pixel, the bits of its lanes that carry a channel."""
    counts = [min(lanes, channels - first) for first in range(0, channels, lanes)]
    return [(1 << (bits * count)) - 1 for count in counts]


async def check_engine(
    dut: Any,
    pattern: str,
    inputs: Mapping[str, Sequence[int]],
    expected: Sequence[int],
    masks: Sequence[int] = (-1,),
    cycles_per_beat: int = 1,
    startup: int = 0,
) -> list[int]:
    """Send `inputs` (words by stream prefix) with a pattern of `STALLS`; the output has to be `expected`.

    Beat i of the output is compared under `masks[i % len(masks)]`. Where nothing stalls, each input also has
    to be taken at its full rate, a beat in `cycles_per_beat` cycles, the first `startup` cycles after a reset; 0 asks
    for no rate. Returns the cycles in which the beats of the output were taken.
    """
    source_stall, sink_stall = STALLS[pattern]
    start_clock(dut)
    sources = {prefix: StreamSource(dut, prefix, source_stall, seed) for seed, prefix in enumerate(inputs, 1)}
    sink = StreamSink(dut, "m_axis", sink_stall, seed=99)
    await reset(dut)
    receiving = cocotb.start_soon(sink.receive(len(expected), masks))
    start = get_sim_time("ns")
    sending = [cocotb.start_soon(source.send(inputs[prefix])) for prefix, source in sources.items()]
    for prefix, task in zip(inputs, sending, strict=True):
        await task
        beats, cycles = len(inputs[prefix]), (get_sim_time("ns") - start) / PERIOD_NS
        if pattern == "free" and cycles_per_beat:
            assert cycles == startup + beats * cycles_per_beat, f"{prefix}: {beats} beats took {cycles} cycles"
    got = await receiving
    want = [word & masks[index % len(masks)] for index, word in enumerate(expected)]
    for index, (left, right) in enumerate(zip(got, want, strict=True)):
        assert left == right, f"output beat {index}: got {left:#x}, want {right:#x}"
    for _ in range(QUIET_CYCLES):
        await RisingEdge(dut.clk)
        assert not int(dut.m_axis_tvalid.value), "a beat more than expected"
    return sink.cycles


async def check_layers(
    dut: Any,
    pattern: str,
    frames: Sequence[tuple[Sequence[int], Sequence[int]]],
    masks: Sequence[int],
    widths: tuple[int, int],
) -> None:
    """Send each layer its beats, in and out of which of `frames` they are, side by side in words of `widths` bits.

    Every layer stalls by itself.  Where none does, the engine takes a beat in every cycle.
    """
    stall, rng = STALLS[pattern], random.Random(pattern)
    beats, want = [list(words) for words, _ in frames], [list(words) for _, words in frames]
    got: list[list[int]] = [[] for _ in frames]
    total = sum(map(len, beats))
    offered = [False] * len(frames)
    dut.s_axis_tvalid.value = 0
    dut.m_axis_tready.value = 0
    start_clock(dut)
    await reset(dut)
    cycles = sent = 0
    while any(len(words) < len(wanted) for words, wanted in zip(got, want, strict=True)):
        offered = [
            bool(words) and (held or rng.random() >= stall[0]) for words, held in zip(beats, offered, strict=True)
        ]
        ready = [rng.random() >= stall[1] for _ in frames]
        dut.s_axis_tvalid.value = pack(offered, 1)
        dut.s_axis_tdata.value = pack([words[0] if words else 0 for words in beats], widths[0])
        dut.m_axis_tready.value = pack(ready, 1)
        await RisingEdge(dut.clk)
        taken, valid = read(dut.s_axis_tready), read(dut.m_axis_tvalid)
        for layer in range(len(frames)):
            if taken >> layer & 1 and offered[layer]:
                beats[layer].pop(0)
                offered[layer] = False
                sent += 1
            if valid >> layer & 1 and ready[layer]:
                mask = masks[len(got[layer]) % len(masks)] << (layer * widths[1])
                got[layer].append(read(dut.m_axis_tdata, mask) >> (layer * widths[1]))
        cycles += 1
        assert cycles < 200 * total, "it hangs"
        full = sent + 2 >= min(cycles, total)
        assert pattern != "free" or full or any(not words for words in beats), f"{sent} beats in {cycles} cycles"
    for layer, wanted in enumerate(want):
        masked = [word & masks[index % len(masks)] for index, word in enumerate(wanted)]
        assert got[layer] == masked, f"layer {layer}"


async def first_result(dut: Any, words: Sequence[int]) -> int:
    """Cycles from the last of `words`, sent at once into an empty engine, to the first result in its output FIFO."""
    start_clock(dut)
    source = StreamSource(dut)
    dut.m_axis_tready.value = 0
    await reset(dut)
    await source.send(words)
    cycles = -1
    while not int(dut.m_axis_tvalid.value):
        await RisingEdge(dut.clk)
        cycles += 1
    return cycles


def factor(mul: int, case: Params) -> int:
    """What the word `mul` multiplies by: itself, or the odd mantissa of MANT_W bits and the exponent in it."""
    bits = case.get("MANT_W", 0)
    return (2 * mul + 1) % (1 << bits) << (mul >> (bits - 1)) if bits else mul


def powers(word: int, terms: int, bits: int) -> list[int]:
    """The signed powers of two, or zeros, in a stored weight: `terms` of `bits` bits each."""
    found = []
    for term in range(terms):
        magnitude = word >> (term * bits) & ((1 << (bits - 1)) - 1)
        power = 1 << (magnitude - 1) if magnitude else 0
        found.append(-power if word >> (term * bits + bits - 1) & 1 else power)
    return found
