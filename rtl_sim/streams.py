"""Stream drivers for the module tests: clock, reset, a source and a sink with seeded stalls.

Values are sampled at the rising edge (what the flip-flops see) and written right after it (what they see at
the next edge). The sink asserts the stream rule: valid never drops and data never changes while a beat is
stalled.
"""

import json
import os
import random
from collections.abc import Sequence
from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

#: Probability that the source holds back a beat, and that the sink refuses one, in each cycle.
STALLS: dict[str, tuple[float, float]] = {
    "free": (0.0, 0.0),
    "starved": (0.85, 0.0),
    "blocked": (0.0, 0.85),
    "random": (0.4, 0.4),
}


def params() -> dict[str, int]:
    """The module parameters of this run, as the runner passes them in HWQ_PARAMS."""
    values: dict[str, int] = json.loads(os.environ["HWQ_PARAMS"])
    return values


def pack(values: Sequence[int], bits: int) -> int:
    """Join `values` (signed or unsigned) into one word, the first in the lowest `bits` bits."""
    return sum((int(value) & ((1 << bits) - 1)) << (bits * lane) for lane, value in enumerate(values))


def unpack(word: int, bits: int, lanes: int, signed: bool = False) -> list[int]:
    """Split a word into `lanes` integers; the reverse of `pack`."""
    half = (1 << bits) >> 1 if signed else 0
    return [((word >> (bits * lane) & ((1 << bits) - 1)) ^ half) - half for lane in range(lanes)]


def start_clock(dut: Any) -> None:
    """Start a 10 ns clock on `dut.clk`."""
    Clock(dut.clk, 10, unit="ns").start(start_high=False)


async def reset(dut: Any) -> None:
    """Hold `dut.rst` for three cycles. Create sources and sinks first: they set valid and ready to 0."""
    dut.rst.value = 1
    await ClockCycles(dut.clk, 3)
    dut.rst.value = 0
    await RisingEdge(dut.clk)


def read(handle: Any, mask: int = -1) -> int:
    """The value of a signal, masked; unknown bits are allowed only where `mask` is 0."""
    value = handle.value
    if value.is_resolvable:
        return int(value) & mask
    text = str(value)
    unknown = int("".join("0" if bit in "01" else "1" for bit in text), 2)
    assert unknown & mask == 0, f"{handle._name}: unknown bits in {text}"
    return int("".join(bit if bit in "01" else "0" for bit in text), 2) & mask


class StreamSource:
    """Drives `<prefix>_tvalid/_tdata` (and `_tlast`, if it exists); idles with probability `stall`."""

    def __init__(self, dut: Any, prefix: str = "s_axis", stall: float = 0.0, seed: int = 1) -> None:
        self.clk, self.stall, self.random = dut.clk, stall, random.Random(seed)
        self.valid, self.ready = getattr(dut, f"{prefix}_tvalid"), getattr(dut, f"{prefix}_tready")
        self.data, self.last = getattr(dut, f"{prefix}_tdata"), getattr(dut, f"{prefix}_tlast", None)
        self.valid.value = 0

    async def send(self, words: Sequence[int], lasts: Sequence[int] = (), moved: list[int] | None = None) -> None:
        """Send all words, noting in `moved` those that were taken; returns when the last one was."""
        for index, word in enumerate(words):
            while self.random.random() < self.stall:
                self.valid.value = 0
                await RisingEdge(self.clk)
            self.valid.value, self.data.value = 1, word
            if self.last is not None:
                self.last.value = lasts[index]
            await RisingEdge(self.clk)
            while not read(self.ready):
                await RisingEdge(self.clk)
            if moved is not None:
                moved.append(word)
        self.valid.value = 0


class StreamSink:
    """Takes beats of `<prefix>`, refusing with probability `stall`; keeps their `lasts` and `cycles`."""

    def __init__(self, dut: Any, prefix: str = "m_axis", stall: float = 0.0, seed: int = 2) -> None:
        self.clk, self.stall, self.random, self.prefix = dut.clk, stall, random.Random(seed), prefix
        self.valid, self.ready = getattr(dut, f"{prefix}_tvalid"), getattr(dut, f"{prefix}_tready")
        self.data, self.last = getattr(dut, f"{prefix}_tdata"), getattr(dut, f"{prefix}_tlast", None)
        self.lasts: list[int] = []
        self.cycles: list[int] = []
        self.cycle = 0
        self.ready.value = 0

    async def receive(self, count: int, masks: Sequence[int] = (-1,), patience: int = 20_000) -> list[int]:
        """Take `count` beats, beat i masked by `masks[i % len(masks)]`; fail after `patience` idle cycles."""
        words: list[int] = []
        stalled: int | None = None
        idle = 0
        while len(words) < count:
            offered = self.random.random() >= self.stall
            self.ready.value = int(offered)
            await RisingEdge(self.clk)
            self.cycle += 1
            if not read(self.valid):
                assert stalled is None, f"{self.prefix}: valid dropped before beat {len(words)} was taken"
                idle += 1
                assert idle < patience, f"{self.prefix}: idle after {len(words)} of {count} beats"
                continue
            idle = 0
            word = read(self.data, masks[len(words) % len(masks)])
            assert stalled in (None, word), f"{self.prefix}: data changed while beat {len(words)} was stalled"
            stalled = word
            if offered:
                words.append(word)
                self.cycles.append(self.cycle)
                if self.last is not None:
                    self.lasts.append(read(self.last))
                stalled = None
        self.ready.value = 0
        return words
