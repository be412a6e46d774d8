"""hwq_frame_in: passes frames, fills those that are too short, cuts those that are too long, and reports both."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from streams import STALLS, StreamSink, StreamSource, params, read, reset, start_clock

CASES: list[dict[str, int]] = [{"W": 8, "BEATS": beats} for beats in (5, 1, 2, 8)] + [{"W": 1, "BEATS": 3}]
FRAMES = 6


async def run(dut: Any, lengths: list[int], stall: tuple[float, float]) -> int:
    """Send frames of these lengths, check what leaves, and return `frame_error`."""
    p, rng = params(), random.Random(11)
    frames = [[rng.getrandbits(p["W"]) for _ in range(length)] for length in lengths]
    words = [word for frame in frames for word in frame]
    lasts = [int(beat == len(frame) - 1) for frame in frames for beat in range(len(frame))]
    zeros = [0] * p["BEATS"]
    want = [word for frame in frames for word in (frame + zeros)[: p["BEATS"]]]
    source, sink = StreamSource(dut, stall=stall[0]), StreamSink(dut, stall=stall[1])
    start_clock(dut)
    await reset(dut)
    sending = cocotb.start_soon(source.send(words, lasts))
    assert await sink.receive(len(want)) == want
    await sending
    await RisingEdge(dut.clk)
    return read(dut.frame_error)


@cocotb.test()
@cocotb.parametrize(pattern=sorted(STALLS))
async def accepts(dut: Any, pattern: str) -> None:
    """Frames with tlast on their last beat raise no error."""
    assert await run(dut, FRAMES * [params()["BEATS"]], STALLS[pattern]) == 0


@cocotb.test()
@cocotb.parametrize(pattern=sorted(STALLS), change=["shortest", "short", "long", "double", "endless"])
async def recovers(dut: Any, pattern: str, change: str) -> None:
    """One wrong frame is reported, stays reported, and leaves all others as they are."""
    beats = params()["BEATS"]
    wrong = {"shortest": 1, "short": beats - 1, "long": beats + 1, "double": 2 * beats, "endless": 5 * beats + 3}[
        change
    ]
    wrong = max(wrong, 1)
    lengths = FRAMES * [beats]
    lengths[2] = wrong
    assert await run(dut, lengths, STALLS[pattern]) == int(wrong != beats)


@cocotb.test()
@cocotb.parametrize(pattern=sorted(STALLS), seed=range(3))
async def frames_of_any_length(dut: Any, pattern: str, seed: int) -> None:
    """Each tlast ends one frame, whatever the lengths."""
    beats, rng = params()["BEATS"], random.Random(seed)
    lengths = [rng.choice((beats, rng.randint(1, 2 * beats + 2))) for _ in range(40)]
    assert await run(dut, lengths, STALLS[pattern]) == int(set(lengths) != {beats})


@cocotb.test()
@cocotb.parametrize(length=[1, 2, 9], taken=[1, 2])
async def reset_ends_a_broken_frame(dut: Any, length: int, taken: int) -> None:
    """Reset while zeros go out, or beats are dropped, or in a whole frame: the next beat is the first of a frame."""
    beats = params()["BEATS"]
    source, sink = StreamSource(dut), StreamSink(dut)
    start_clock(dut)
    await reset(dut)
    sending = cocotb.start_soon(source.send([1] * length, [*[0] * (length - 1), 1]))
    await sink.receive(min(taken, beats))
    sending.cancel()
    source.valid.value = 0
    await reset(dut)
    assert read(dut.frame_error) == 0
    assert await run(dut, FRAMES * [beats], STALLS["random"]) == 0
