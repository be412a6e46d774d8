"""hwq_tb_check: counts the beats that differ, and only in lanes that carry a channel."""

import random
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from streams import params, read, reset, start_clock

LANE_W = 6
FRAMES = 5


def check_case(lanes: int, channels: int) -> dict[str, Any]:
    """Parameters for a stream of FRAMES pixels."""
    return {"W": LANE_W * lanes, "LANES": lanes, "CHANNELS": channels, "FILE": "want.mem"}


CASES: list[dict[str, Any]] = [check_case(4, 6), check_case(1, 1), check_case(3, 9), check_case(5, 3)]


def pixel_beats_of(p: dict[str, Any]) -> int:
    """Beats of a pixel."""
    return int(-(-p["CHANNELS"] // p["LANES"]))


def beats_of(p: dict[str, Any]) -> int:
    """Beats of the whole file."""
    return FRAMES * pixel_beats_of(p)


def words(p: dict[str, Any]) -> list[int]:
    """The expected words, the same here and in the memory file."""
    rng = random.Random(p["W"])
    return [rng.getrandbits(p["W"]) for _ in range(beats_of(p))]


def prepare(p: dict[str, Any], folder: Path) -> None:
    """Write the memory file."""
    (folder / p["FILE"]).write_text("".join(f"{word:x}\n" for word in words(p)), encoding="ascii")


async def watch(dut: Any, beats: list[int]) -> tuple[int, int]:
    """Move beats past the checker, with idle and stalled cycles of noise, and return its two counts."""
    rng = random.Random(1)
    dut.tvalid.value, dut.tready.value, dut.tdata.value = 0, 0, 0
    start_clock(dut)
    await reset(dut)
    for beat in beats:
        while rng.random() < 0.4:
            valid, noise = rng.getrandbits(1), rng.getrandbits(params()["W"])
            dut.tvalid.value, dut.tready.value, dut.tdata.value = valid, 1 - valid, noise
            await RisingEdge(dut.clk)
        dut.tvalid.value, dut.tready.value, dut.tdata.value = 1, 1, beat
        await RisingEdge(dut.clk)
    dut.tvalid.value = 0
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    return read(dut.beats), read(dut.mismatches)


@cocotb.test()
async def accepts_equal_beats(dut: Any) -> None:
    """The expected words, with noise in the lanes that carry nothing, are no mismatch."""
    p, rng = params(), random.Random(2)
    pixel_beats = pixel_beats_of(p)
    spare = p["LANES"] * pixel_beats - p["CHANNELS"]
    beats = words(p)
    for index in range(pixel_beats - 1, beats_of(p), pixel_beats):
        beats[index] ^= rng.getrandbits(p["W"]) >> (p["W"] - spare * LANE_W) << (p["W"] - spare * LANE_W)
    assert await watch(dut, beats) == (beats_of(p), 0)


@cocotb.test()
@cocotb.parametrize(lane=[0, -1])
async def counts_each_wrong_beat(dut: Any, lane: int) -> None:
    """One bit wrong in the first or the last channel of a pixel is one mismatch a beat."""
    p = params()
    pixel_beats = pixel_beats_of(p)
    channel = lane % p["CHANNELS"]
    beats = words(p)
    for frame in range(FRAMES):
        beats[frame * pixel_beats + channel // p["LANES"]] ^= 1 << (channel % p["LANES"] * LANE_W)
    assert await watch(dut, beats) == (beats_of(p), FRAMES)


@cocotb.test()
async def counts_extra_beats(dut: Any) -> None:
    """Beats beyond the file are mismatches."""
    p = params()
    beats = words(p)
    assert await watch(dut, [*beats, beats[-1], beats[-1]]) == (beats_of(p) + 2, 2)
