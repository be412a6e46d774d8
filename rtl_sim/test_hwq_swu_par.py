"""hwq_swu_par against a plain window model: every border, and a beat every cycle whatever the padding."""

from itertools import pairwise
from typing import Any

import cocotb
from streams import STALLS, StreamSink, StreamSource, pack, params, reset, start_clock
from windows import random_frames, window_case, windows

SAME = (1, 1, 1, 1)

CASES: list[dict[str, int]] = [
    window_case(pads=SAME, beats=2, pad=0x5A),
    window_case(size=(7, 5), stride=(2, 2), beats=3),
    window_case(size=(5, 5)),
    window_case(size=(5, 4), pads=SAME),
    window_case(size=(6, 6), stride=(2, 2), pads=(0, 0, 1, 1), beats=2),
    window_case(size=(6, 5), stride=(2, 2), pads=(1, 1, 0, 1), pad=0xFF),
    window_case(size=(6, 5), stride=(1, 2), dilation=(2, 1), pads=(2, 0, 1, 1)),
    window_case(size=(7, 8), dilation=(2, 3), beats=2),
    window_case(size=(5, 5), kernel=(5, 5), pads=(2, 2, 2, 2)),
    window_case(size=(7, 6), kernel=(5, 2)),
    window_case(size=(3, 4), kernel=(1, 1), beats=2),
    window_case(size=(5, 5), kernel=(1, 1), stride=(2, 2)),
    window_case(size=(8, 3), kernel=(2, 2), stride=(3, 3)),
    window_case(size=(1, 1), kernel=(1, 1)),
    window_case(size=(1, 1), kernel=(1, 1), beats=4),
    window_case(size=(4, 3), kernel=(4, 3), beats=2),
    window_case(size=(1, 9), kernel=(1, 4), stride=(1, 2), pads=(0, 1, 0, 2), beats=2),
    window_case(size=(6, 3), kernel=(2, 3), pads=(1, 2, 0, 0)),
    window_case(size=(6, 3), kernel=(2, 3), pads=(0, 0, 1, 2), pad=7),
    window_case(size=(2, 2), pads=SAME),
    window_case(pads=SAME, data_w=1),
]


async def run(dut: Any, frames: int, stall: tuple[float, float], seed: int) -> list[int]:
    """Send frames, check every window, and return the cycle at which each frame's last window came."""
    p = params()
    data = random_frames(p, frames, seed)
    taps = windows(data, p).transpose(0, 1, 2, 5, 3, 4).reshape(-1, p["KH"] * p["KW"])
    want = [pack(window.tolist(), p["DATA_W"]) for window in taps]
    source = StreamSource(dut, stall=stall[0], seed=seed)
    sink = StreamSink(dut, stall=stall[1], seed=seed + 1)
    start_clock(dut)
    await reset(dut)
    cocotb.start_soon(source.send(data.ravel().tolist()))
    got = await sink.receive(len(want))
    bad = [index for index, pair in enumerate(zip(got, want, strict=True)) if pair[0] != pair[1]]
    assert not bad, f"{len(bad)} of {len(want)} windows differ, the first is {bad[0]}"
    return sink.cycles[len(want) // frames - 1 :: len(want) // frames]


@cocotb.test()
@cocotb.parametrize(pattern=sorted(STALLS))
async def matches_model(dut: Any, pattern: str) -> None:
    """Several frames back to back give the windows of the model, under each stall pattern."""
    await run(dut, 4, STALLS[pattern], seed=sorted(STALLS).index(pattern) + 10)


@cocotb.test()
async def takes_a_beat_every_cycle(dut: Any) -> None:
    """Frames follow each other at H*W*CF cycles, padded or not."""
    p = params()
    ends = await run(dut, 5, STALLS["free"], seed=20)
    # The last frame is let out by empty shifts; they cost no more than beats.
    assert {after - before for before, after in pairwise(ends)} == {p["H"] * p["W"] * p["CF"]}
