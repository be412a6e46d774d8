"""hwq_dwc: lanes keep their order within a pixel, pixels do not mix, and the narrower side never waits."""

import random
from typing import Any

import cocotb
from streams import STALLS, StreamSink, StreamSource, pack, params, reset, start_clock

# IN_N, OUT_N, CHANNELS
SHAPES = [
    (2, 6, 10), (6, 2, 10), (1, 4, 8), (4, 1, 8), (1, 4, 5), (4, 1, 6), (2, 8, 20), (8, 2, 22), (2, 7, 7),
    (7, 2, 7), (3, 5, 4), (5, 3, 4), (4, 6, 4), (6, 4, 4), (3, 3, 7), (1, 1, 1), (2, 16, 5),
    (16, 3, 10), (1, 3, 3),
]  # fmt: skip
CASES: list[dict[str, int]] = [
    {"LANE_W": 5, "IN_N": into, "OUT_N": out, "CHANNELS": channels} for into, out, channels in SHAPES
]


def beats(pixels: list[list[int]], lanes: int, bits: int, fill: random.Random | None = None) -> list[int]:
    """The beats of a stream of `lanes` lanes; unused lanes are 0, or random with `fill`."""
    words = []
    for pixel in pixels:
        spare = -len(pixel) % lanes
        values = pixel + [fill.getrandbits(bits) if fill else 0 for _ in range(spare)]
        words += [pack(values[start : start + lanes], bits) for start in range(0, len(values), lanes)]
    return words


@cocotb.test()
@cocotb.parametrize(pattern=sorted(STALLS))
async def converts(dut: Any, pattern: str) -> None:
    """Random pixels under each stall pattern; unused input lanes hold noise."""
    p, stall, rng = params(), STALLS[pattern], random.Random(pattern)
    bits, channels = p["LANE_W"], p["CHANNELS"]
    pixels = [[rng.getrandbits(bits) for _ in range(channels)] for _ in range(25)]
    sent, want = beats(pixels, p["IN_N"], bits, rng), beats(pixels, p["OUT_N"], bits)
    masks = beats([[-1] * channels], p["OUT_N"], bits)
    source, sink = StreamSource(dut, stall=stall[0]), StreamSink(dut, stall=stall[1])
    start_clock(dut)
    await reset(dut)
    cocotb.start_soon(source.send(sent))
    assert await sink.receive(len(want), masks) == want
    if pattern == "free":
        narrow = max(len(sent), len(want)) // len(pixels)
        assert sink.cycles[-1] - sink.cycles[len(masks) - 1] == (len(pixels) - 1) * narrow
