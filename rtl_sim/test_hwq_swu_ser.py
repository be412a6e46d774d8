"""hwq_swu_ser against a plain window model: every loop order, border and ring size, and its cycle formula."""

from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from engine import QUIET_CYCLES
from streams import STALLS, StreamSink, StreamSource, params, read, reset, start_clock
from windows import random_frames, window_case, windows


def full_rate_rows(p: dict[str, int]) -> int:
    """The ROWS that the header of hwq_swu_ser asks for at full rate."""
    span = (p["KH"] - 1) * p["DH"] + 1
    below = (p["OH"] - 1) * p["SH"] + span - p["PT"] - p["H"]
    return max(span + p["SH"], 2 * span - 1 - p["PT"] - below, span + -(-3 // (p["W"] * p["CF"])))


def ser_case(rows: str = "full", folds: int = 1, groups: int = 1, **window: Any) -> dict[str, int]:
    """Parameters of one case; `rows`: minimal, overlap (of reading and writing), full (rate) or more."""
    p = window_case(**window)
    span = (p["KH"] - 1) * p["DH"] + 1
    rings = {"minimal": min(span, p["H"]), "overlap": span + p["SH"], "full": full_rate_rows(p)}
    ring = rings["full"] + 1 if rows == "more" else rings[rows]
    return {**p, "GROUPS": groups, "NF": folds, "ROWS": ring}


SAME = (1, 1, 1, 1)

CASES: list[dict[str, int]] = [
    ser_case(pads=SAME, beats=2, folds=2, pad=0x5A),
    ser_case(beats=3, groups=3, stride=(2, 2), size=(7, 5)),
    ser_case(size=(5, 5)),
    ser_case(size=(5, 5), rows="more", folds=2),
    ser_case(size=(9, 6), kernel=(4, 3), rows="overlap", beats=2),
    ser_case(size=(5, 4), rows="minimal", pads=SAME),
    ser_case(size=(5, 4), rows="minimal", beats=2, groups=2, pads=SAME),
    ser_case(size=(6, 6), stride=(2, 2), pads=(0, 0, 1, 1), beats=2),
    ser_case(size=(6, 5), stride=(2, 2), pads=(1, 1, 0, 1), pad=0xFF),
    ser_case(size=(6, 5), stride=(1, 2), dilation=(2, 1), pads=(2, 0, 1, 1)),
    ser_case(size=(5, 7), dilation=(2, 3)),
    ser_case(size=(5, 5), kernel=(5, 5), pads=(2, 2, 2, 2)),
    ser_case(size=(7, 6), kernel=(5, 2)),
    ser_case(size=(3, 4), kernel=(1, 1), beats=2, folds=3),
    ser_case(size=(3, 4), kernel=(1, 1)),
    ser_case(size=(5, 5), kernel=(1, 1), stride=(2, 2), beats=2),
    ser_case(size=(7, 5), kernel=(1, 1), stride=(3, 3)),
    ser_case(size=(1, 1), kernel=(1, 1), beats=6, folds=3),
    ser_case(size=(1, 1), kernel=(1, 1), beats=8),
    ser_case(size=(1, 1), kernel=(1, 1)),
    ser_case(size=(1, 1), kernel=(1, 1), beats=4, folds=2, rows="minimal"),
    ser_case(size=(1, 1), pads=SAME, pad=3),
    ser_case(size=(1, 1), pads=SAME, rows="minimal"),
    ser_case(size=(2, 3), pads=SAME, rows="minimal"),
    ser_case(size=(4, 3), kernel=(4, 3), folds=2),
    ser_case(size=(4, 3), kernel=(4, 3), rows="minimal"),
    ser_case(size=(1, 9), kernel=(1, 4), stride=(1, 2), pads=(0, 1, 0, 2), beats=2),
    ser_case(size=(3, 3), kernel=(1, 1), pads=(2, 1, 3, 2), beats=2, groups=2, pad=0x80),
    ser_case(size=(8, 3), kernel=(2, 2), stride=(3, 3)),
    ser_case(size=(6, 3), kernel=(2, 3), stride=(4, 1), pads=(3, 0, 0, 0)),
    ser_case(size=(4, 4), pads=SAME, data_w=1),
    ser_case(size=(4, 5), pads=SAME, beats=4, groups=2, folds=3, pad=0x3C),
    ser_case(size=(5, 4), kernel=(2, 3), stride=(2, 1), beats=6, groups=3, folds=2, rows="minimal"),
    ser_case(size=(6, 4), dilation=(2, 1), pads=(1, 0, 2, 1), beats=6, groups=2, rows="overlap"),
    ser_case(size=(4, 4), kernel=(1, 1), beats=3, groups=3, folds=4),
    ser_case(size=(1, 1), pads=SAME, beats=4, groups=2, folds=2, pad=7),
    ser_case(size=(1, 30), kernel=(1, 25), pads=(0, 12, 0, 12), beats=2, groups=2),
    ser_case(size=(12, 11), kernel=(11, 11), pads=(5, 5, 5, 5)),
    ser_case(size=(31, 2), kernel=(31, 1), pads=(15, 0, 15, 0)),
    ser_case(size=(1, 24), kernel=(1, 5), dilation=(1, 4), pads=(0, 16, 0, 0), beats=2, folds=2),
]


def expected(taps: Any, p: dict[str, int]) -> list[int]:
    """The output words, from windows of shape (frames, OH, OW, KH, KW, CF)."""
    groups = taps.reshape(*taps.shape[:5], p["GROUPS"], -1).transpose(0, 1, 2, 5, 3, 4, 6)
    flat = groups.reshape(*groups.shape[:4], 1, -1)
    return [int(word) for word in flat.repeat(p["NF"], axis=4).ravel()]


async def run(dut: Any, frames: int, stall: tuple[float, float], seed: int) -> list[int]:
    """Send frames, check every beat, and return the cycle at which each frame's last beat came."""
    p = params()
    data = random_frames(p, frames, seed)
    want = expected(windows(data, p), p)
    source = StreamSource(dut, stall=stall[0], seed=seed)
    sink = StreamSink(dut, stall=stall[1], seed=seed + 1)
    start_clock(dut)
    await reset(dut)
    cocotb.start_soon(source.send(data.ravel().tolist()))
    got = await sink.receive(len(want))
    bad = [index for index, pair in enumerate(zip(got, want, strict=True)) if pair[0] != pair[1]]
    assert not bad, f"{len(bad)} of {len(want)} beats differ, the first is {bad[0]}"
    return sink.cycles[len(want) // frames - 1 :: len(want) // frames]


@cocotb.test()
@cocotb.parametrize(pattern=sorted(STALLS))
async def matches_model(dut: Any, pattern: str) -> None:
    """Several frames back to back give the windows of the model, under each stall pattern."""
    await run(dut, 3, STALLS[pattern], seed=sorted(STALLS).index(pattern) + 10)


@cocotb.test()
async def no_border_before_its_frame(dut: Any) -> None:
    """Nothing follows the last frame or a reset: a border waits for the beat that begins its frame."""
    await run(dut, 2, STALLS["free"], seed=30)
    for when in ("after the last frame", "after a reset"):
        dut.m_axis_tready.value = 1
        for _ in range(QUIET_CYCLES):
            await RisingEdge(dut.clk)
            assert not read(dut.m_axis_tvalid), f"{when}: a beat of a frame that has not begun"
        await reset(dut)


@cocotb.test()
async def meets_cycle_formula(dut: Any) -> None:
    """Frames follow each other at the formula, plus at most a window's width and the missing rows."""
    p = params()
    ends = await run(dut, 5, STALLS["free"], seed=20)
    formula = max(p["OH"] * p["OW"] * p["KH"] * p["KW"] * p["NF"] * p["CF"], p["H"] * p["W"] * p["CF"])
    measured = (ends[-1] - ends[1]) / (len(ends) - 2)
    rows = f"rows={p['ROWS']} of {full_rate_rows(p)}"
    dut._log.info("HWQ_CYCLES measured=%.2f formula=%d %s", measured, formula, rows)
    if p["ROWS"] >= (p["KH"] - 1) * p["DH"] + 1 + p["SH"]:
        missing = max(full_rate_rows(p) - p["ROWS"], 0)
        assert formula <= measured <= formula + (p["KW"] + missing * p["W"]) * p["CF"]
