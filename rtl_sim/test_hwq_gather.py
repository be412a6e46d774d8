"""hwq_gather against plain lists: sums of a step's and a beat's part, padding, rings small and large, and its rate."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge
from engine import QUIET_CYCLES
from streams import STALLS, StreamSink, StreamSource, params, read, reset, start_clock

FRAMES = 4


def sources(case: dict[str, Any]) -> list[list[int | None]]:
    """For each step, the input beat of each of its beats; None is padding."""
    return [[None if a is None or b is None else a + b for b in case["b"]] for a in case["a"]]


def counts(case: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Beats of a block that must be in before each step, and that are given back before it, and after the last."""
    grid = [[place for place in step if place is not None] for step in sources(case)]
    need = [max([1, *(place + 1 for step in grid[: s + 1] for place in step)]) for s in range(len(grid))]
    free = [min([case["IN_BEATS"], *(place for step in grid[s:] for place in step)]) for s in range(len(grid))]
    lead = free[0] % case["IN_BEATS"]
    return need, [lead, *free[1:], case["IN_BEATS"] + lead]


def gather_case(
    in_beats: int,
    a: Sequence[int | None],
    b: Sequence[int | None],
    ring: int = 0,
    bits: tuple[int, int] = (8, 8),
    pad: int = 0,
) -> dict[str, Any]:
    """Parameters of one case; without `ring` it is two blocks and what hides the latency: full rate."""
    case: dict[str, Any] = {"IN_BEATS": in_beats, "a": list(a), "b": list(b)}
    need, free = counts(case)
    case |= {
        "LEAD": free[0],
        "RING": ring or 2 * in_beats + 8,
        "full": int(not ring),
        "SPARE": in_beats - need[-1],
        "PAD": pad,
    }
    case |= {"IN_W": bits[0], "OUT_W": bits[1], "TAKE_W": in_beats.bit_length(), "FREE_W": in_beats.bit_length()}
    return case | {"STEPS": len(a), "BEATS": len(b), "STEP_FILE": "step.mem", "BEAT_FILE": "beat.mem"}


def window(case: dict[str, Any]) -> dict[str, Any]:
    """The same case with the least ring that holds a step and what it waits for."""
    need, free = counts(case)
    least = max(n - f for n, f in zip(need, free[:-1], strict=True))
    return {**case, "RING": max(2, least), "full": 0}


TURNED = gather_case(12, [4 * row for row in (2, 1, 0)], [3, 2, 1, 0])
MIRROR = gather_case(20, [4 * row for row in (1, 0, 1, 2, 3, 4, 3, 2)], [1, 0, 1, 2, 3, 2], pad=0x7F)

CASES: list[dict[str, Any]] = [
    MIRROR,
    gather_case(6, [0, 1], [0, 2, 4]),
    TURNED,
    window(TURNED),
    window(MIRROR),
    gather_case(15, range(5), [0, 5, 10]),
    window(gather_case(15, range(5), [0, 5, 10])),
    gather_case(1, [0], [0]),
    gather_case(1, [0], [0, 0, 0], bits=(3, 1)),
    gather_case(1, [None], [None] * 2, pad=0xA5),
    gather_case(4, [None, 0, 2, None], [None, 0, 1, None], bits=(12, 7), pad=0x55),
    gather_case(9, [0], [0]),
    gather_case(9, [8], [0], ring=20),
    gather_case(11, [3, 1, 4, 1, 5], [0]),
    window(gather_case(30, range(0, 30, 3), [0, 2, 1, 1])),
    gather_case(7, [0], [6, 2, 2, 0, 5, 1, 4, 3], bits=(1, 1)),
    gather_case(8, [0, 0, 4, 4], [0, 1, 2, 3], ring=9),
    window(gather_case(40, [36, 32, 36], [0, 1, 2])),
    gather_case(40, [30, 20], [0, 1]),
]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Write the two memories as the header of the module has them."""
    need, free = counts(case)
    ring, width = case["RING"], max(1, (case["RING"] - 1).bit_length())

    def address(place: int | None) -> int:
        return 1 << width if place is None else place % ring

    steps = []
    for s, place in enumerate(case["a"]):
        take = need[s] - need[s - 1] if s else need[0] + case["SPARE"]
        release = free[s + 1] - free[s]
        steps.append(address(place) + (take << (width + 1)) + (release << (width + 1 + case["TAKE_W"])))
    for name, words in (("step", steps), ("beat", [address(place) for place in case["b"]])):
        (folder / f"{name}.mem").write_text("".join(f"{word:x}\n" for word in words), encoding="ascii")


async def run(dut: Any, blocks: int, pattern: str) -> list[int]:
    """Reset, send blocks, check every beat, and return the cycles at which the last beats of the blocks came."""
    case: dict[str, Any] = dict(params())
    rng = random.Random(7)
    data = [[rng.getrandbits(case["IN_W"]) for _ in range(case["IN_BEATS"])] for _ in range(blocks)]
    low = (1 << case["OUT_W"]) - 1
    want = [
        case["PAD"] if place is None else block[place] & low
        for block in data
        for step in sources(case)
        for place in step
    ]
    source = StreamSource(dut, stall=STALLS[pattern][0], seed=3)
    sink = StreamSink(dut, stall=STALLS[pattern][1], seed=4)
    await reset(dut)
    sending = cocotb.start_soon(source.send([word for block in data for word in block]))
    got = await sink.receive(len(want))
    assert got == want, f"{sum(a != b for a, b in zip(got, want, strict=True))} of {len(want)} beats differ"
    await sending
    size = len(want) // blocks
    return sink.cycles[size - 1 :: size]


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def gathers(dut: Any, pattern: str) -> None:
    """Blocks back to back under each stall pattern; then nothing more comes, not even padding."""
    start_clock(dut)
    await run(dut, FRAMES, pattern)
    dut.m_axis_tready.value = 1
    for _ in range(QUIET_CYCLES):
        await RisingEdge(dut.clk)
        assert not read(dut.m_axis_tvalid), "a beat of a block that has not begun"


@cocotb.test()
async def meets_cycle_formula(dut: Any) -> None:
    """With two blocks of room, the longer of a block in and a block out."""
    case = params()
    start_clock(dut)
    ends = await run(dut, 12, "free")
    formula = max(case["IN_BEATS"], case["STEPS"] * case["BEATS"])
    measured = (ends[-1] - ends[3]) / (len(ends) - 4)
    dut._log.info("HWQ_CYCLES measured=%.2f formula=%d", measured, formula)
    assert measured >= formula
    if case["full"]:
        assert measured == formula


@cocotb.test()
async def starts_over_after_a_reset(dut: Any) -> None:
    """A reset drops the blocks that are inside, whole or not."""
    start_clock(dut)
    await reset(dut)
    for stop in range(1, 2 * params()["IN_BEATS"] + 9, 5):
        dut.s_axis_tvalid.value, dut.s_axis_tdata.value = 1, 0
        dut.m_axis_tready.value = stop % 2
        await ClockCycles(dut.clk, stop)
        await run(dut, 2, "free")
