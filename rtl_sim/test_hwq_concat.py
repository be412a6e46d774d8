"""hwq_concat: the beats of each input in their turn, none lost and none before its turn, at full rate."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from streams import STALLS, StreamSink, params, read, reset, start_clock

ROUNDS = 30
# bits of a beat, beats of each input in a round, rounds of a frame, the input that opens it
SHAPES: list[tuple[int, list[int], int, int]] = [
    (8, [1, 1], 6, 0), (5, [3, 1, 2], 5, 1), (1, [4], 2, 0), (16, [1, 7], 3, 1), (3, [2] * 5, 1, 0),
    (12, [15, 1], 1, 1), (2, [1, 2, 1, 3, 1, 1, 2, 1] * 2, 10, 15),
]  # fmt: skip


def _packed(counts: list[int], bits: int) -> int:
    return sum(count << (bits * index) for index, count in enumerate(counts))


CASES: list[dict[str, Any]] = [
    {"W": bits, "N": len(counts), "ROUNDS": rounds, "START": start, "COUNT_W": 4, "COUNTS": _packed(counts, 4),
     "counts": counts}
    for bits, counts, rounds, start in SHAPES
]  # fmt: skip


async def feed(dut: Any, words: list[list[int]], bits: int, stall: float, rng: random.Random) -> None:
    """Offer the words of every input at once, each input with its own pauses; a word stays until it is taken."""
    sent, offered = [0] * len(words), [False] * len(words)
    while any(count < len(own) for count, own in zip(sent, words, strict=True)):
        for index, own in enumerate(words):
            offered[index] = sent[index] < len(own) and (offered[index] or rng.random() >= stall)
        heads = [own[count] if valid else 0 for own, count, valid in zip(words, sent, offered, strict=True)]
        dut.s_axis_tvalid.value = sum(valid << index for index, valid in enumerate(offered))
        dut.s_axis_tdata.value = sum(word << (bits * index) for index, word in enumerate(heads))
        await RisingEdge(dut.clk)
        ready = read(dut.s_axis_tready)
        for index in range(len(words)):
            if offered[index] and ready >> index & 1:
                sent[index], offered[index] = sent[index] + 1, False
    dut.s_axis_tvalid.value = 0


@cocotb.test()
@cocotb.parametrize(pattern=sorted(STALLS))
async def takes_turns(dut: Any, pattern: str) -> None:
    """Random words of all inputs come out round by round."""
    p, stall, rng = params(), STALLS[pattern], random.Random(pattern)
    counts: list[int] = p["counts"]  # type: ignore[assignment]
    words = [[rng.getrandbits(p["W"]) for _ in range(count * ROUNDS)] for count in counts]
    want = []
    for turn in range(ROUNDS):
        for count, own in zip(counts, words, strict=True):
            want += own[turn * count : (turn + 1) * count]
    sink = StreamSink(dut, stall=stall[1])
    dut.s_axis_tvalid.value = 0
    start_clock(dut)
    await reset(dut)
    cocotb.start_soon(feed(dut, words, p["W"], stall[0], rng))
    assert await sink.receive(len(want)) == want
    if pattern == "free":
        assert sink.cycles[-1] - sink.cycles[0] == len(want) - 1
    for _ in range(10):
        await RisingEdge(dut.clk)
        assert not read(dut.m_axis_tvalid), "a beat more than expected"


@cocotb.test()
async def opens_with_its_input(dut: Any) -> None:
    """All inputs but the one that opens a frame offer beats without end: a frame comes for each that it brings."""
    p = params()
    counts: list[int] = p["counts"]  # type: ignore[assignment]
    others = (1 << p["N"]) - 1 - (1 << p["START"])
    beats = p["ROUNDS"] * counts[p["START"]]
    dut.s_axis_tvalid.value = dut.m_axis_tready.value = dut.s_axis_tdata.value = 0
    start_clock(dut)
    await reset(dut)
    dut.m_axis_tready.value = 1
    got = given = 0
    for frame in range(3):
        dut.s_axis_tvalid.value = others
        for _ in range(20):
            await RisingEdge(dut.clk)
            got += read(dut.m_axis_tvalid)
        assert got == frame * p["ROUNDS"] * sum(counts)
        dut.s_axis_tvalid.value = others | 1 << p["START"]
        while given < (frame + 1) * beats:
            await RisingEdge(dut.clk)
            got += read(dut.m_axis_tvalid)
            given += read(dut.s_axis_tready) >> p["START"] & 1
        dut.s_axis_tvalid.value = others
        for _ in range(40):
            await RisingEdge(dut.clk)
            got += read(dut.m_axis_tvalid)
