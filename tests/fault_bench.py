"""Networks under faults: a testbench that resets, stalls, damages frames and drives noise, as files tell it.

A run is a list of episodes with a reset between each two of them.  In an episode every input gets frames of given
numbers of beats, each ended by a tlast: a frame of too few or too many beats is damaged.  What must leave follows from
the rule of damaged frames (docs/hardware.md) and from the simulator.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hwq.arith import IntArray
from hwq.emit.generate import generate
from hwq.hw.pack import hex_words, stream_words
from hwq.hw.plan import Edge, Plan
from hwq.ir.types import TensorType
from hwq.sim import simulate_fast
from hwq.verify.rtl_run import BUILDERS
from hwq.verify.simulate import Simulation

PARTS = Path(__file__).parent / "fault_tb"
Runs = list[tuple[int, int]]
"""Cycles for which tready is low and then high, again and again."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Beats that come in before a tlast, lanes of (beats, lanes) integers, and idle cycles before each."""

    lanes: IntArray
    gaps: Sequence[int]


@dataclass(frozen=True, slots=True)
class Episode:
    """Frames of each input by its prefix, and the cycles after which reset ends it, or 0 for none, and its length."""

    frames: dict[str, list[Frame]]
    cycles: int = 0
    reset: int = 1


@dataclass(frozen=True, slots=True)
class Run:
    """Episodes, when outputs are ready, and whether what means nothing is noise."""

    episodes: list[Episode]
    ready: dict[str, Runs]
    noise: bool = True


class Bench:
    """A build under test, compiled for a simulator; compiled testbenches are kept in `cache`."""

    def __init__(self, plan: Plan, folder: Path, simulator: str, cache: Path | None = None) -> None:
        self.plan, self.folder = plan, folder
        if not folder.exists():
            generate(plan, folder, frames=1)
            (folder / "fault.sv").write_text(_testbench(plan), "ascii")
            (folder / "fault").mkdir()
        sources = [*sorted((folder / "rtl").glob("*.sv")), *sorted(PARTS.glob("*.sv")), folder / "fault.sv"]
        self.simulation: Simulation = BUILDERS[simulator](sources, "fault", cache)

    def run(self, run: Run) -> list[str]:
        """Simulate `run`; what is wrong, nothing when all is right."""
        folder = self.folder / "fault"
        for edge in self.plan.inputs:
            (folder / f"{edge.prefix}.in").write_text(_schedule(edge, run.episodes), "ascii")
        for edge in self.plan.outputs:
            (folder / f"{edge.prefix}.in").write_text("".join(f"{a} {b}\n" for a, b in run.ready[edge.prefix]), "ascii")
        ends = [f"{episode.cycles} {episode.reset}\n" for episode in run.episodes]
        (folder / "resets.in").write_text("".join(ends), "ascii")
        longest = max(low for runs in run.ready.values() for low, _ in runs)
        gaps = [gap for e in run.episodes for frames in e.frames.values() for frame in frames for gap in frame.gaps]
        patience = 2 * self.plan.interval + 3000 + 2 * longest + 2 * max(gaps)
        plusargs = [f"+frames={_count(run.episodes[-1])}", f"+patience={patience}", f"+noise={run.noise:d}"]
        output, _ = self.simulation.run(plusargs, cwd=self.folder, timeout=1200)
        found = [line for line in output.splitlines() if "FAULT_ERROR" in line or "HWQ_ERROR" in line]
        if "FAULT_END" not in output:
            found.append(f"no end: {output[-500:]!r}")
        return found[:5] + self._check(run, output)

    def _check(self, run: Run, output: str) -> list[str]:
        expected = [outputs_of(self.plan, episode) for episode in run.episodes]
        wrong = []
        for edge in self.plan.outputs:
            got: list[list[tuple[str, str]]] = [[] for _ in run.episodes]
            for line in (self.folder / "fault" / f"{edge.prefix}.out").read_text("ascii").splitlines():
                episode, last, data = line.split()
                got[int(episode)].append((last, data))
            for number, episode in enumerate(run.episodes):
                want = expected[number][edge.prefix]
                last = number == len(run.episodes) - 1
                have = got[number]
                if len(have) > len(want) or (last and len(have) < len(want)) or have != want[: len(have)]:
                    at = next((n for n, pair in enumerate(zip(have, want, strict=False)) if pair[0] != pair[1]), None)
                    what = f"beat {at}: {have[at]}, not {want[at]}" if at is not None else "all equal"
                    wrong.append(
                        f"{edge.prefix}, episode {number}: {len(have)} beats of {len(want)}, {what}; "
                        f"lengths {lengths(episode)}"
                    )
        for number, episode in enumerate(run.episodes):
            word = f"FAULT_FLAG {number} "
            flag = next((line.removeprefix(word) for line in output.splitlines() if line.startswith(word)), "none")
            damaged = _is_damaged(self.plan, episode)
            fine = {"1"} if damaged and number == len(run.episodes) - 1 else {"0", "1"} if damaged else {"0"}
            if flag not in fine:
                wrong.append(f"frame_error is {flag} after episode {number}, lengths {lengths(episode)}")
        return wrong


def lengths(episode: Episode) -> dict[str, list[int]]:
    """Beats of each frame of each input."""
    return {prefix: [len(frame.lanes) for frame in frames] for prefix, frames in episode.frames.items()}


def entering(plan: Plan, episode: Episode) -> dict[str, IntArray]:
    """Samples of each input tensor as the network takes them: frames filled with zeros, or cut."""
    found = {}
    for edge in plan.inputs:
        shape = plan.program.types[edge.port.tensor].shape
        frames = episode.frames[edge.prefix][: _count(episode)]
        rows = []
        for frame in frames:
            beats = np.zeros((edge.beats, edge.lanes), np.int64)
            taken = min(edge.beats, len(frame.lanes))
            beats[:taken] = frame.lanes[:taken]
            rows.append(beats.reshape(shape))
        found[edge.port.tensor] = np.array(rows).reshape(len(frames), *shape)
    return found


def outputs_of(plan: Plan, episode: Episode) -> dict[str, list[tuple[str, str]]]:
    """tlast and tdata, in binary, of all beats that must leave."""
    values = simulate_fast(plan.program, entering(plan, episode))
    found = {}
    for edge in plan.outputs:
        words = stream_words(values[edge.port.tensor], edge.lanes, edge.bits)
        found[edge.prefix] = [
            (str(int(n % edge.beats == edge.beats - 1)), f"{int(word, 16):0{edge.tdata_width}b}")
            for n, word in enumerate(words)
        ]
    return found


def _count(episode: Episode) -> int:
    """Frames that all inputs have."""
    return min(len(frames) for frames in episode.frames.values())


def _is_damaged(plan: Plan, episode: Episode) -> bool:
    return any(len(frame.lanes) != edge.beats for edge in plan.inputs for frame in episode.frames[edge.prefix])


def _schedule(edge: Edge, episodes: Sequence[Episode]) -> str:
    lines = []
    for episode in episodes:
        for frame in episode.frames[edge.prefix]:
            words = hex_words(frame.lanes, edge.bits)
            last = len(words) - 1
            lines += [f"1 {frame.gaps[n]} {word} {int(n == last)}" for n, word in enumerate(words)]
        lines.append("0 0 0 0")
    return "\n".join(lines) + "\n"


def _testbench(plan: Plan) -> str:
    """The text of the testbench of a plan: sources, sinks, and who resets."""
    top = plan.program.name
    wires, links, parts = [], [], []
    for edge in (*plan.inputs, *plan.outputs):
        p, w = edge.prefix, edge.tdata_width
        wires.append(f"  wire {p}_tvalid, {p}_tready, {p}_tlast;\n  wire [{w - 1}:0] {p}_tdata;")
        signals = ", ".join(f".{signal}({p}_{signal})" for signal in ("tvalid", "tready", "tdata", "tlast"))
        links.append(", ".join(f".{p}_{signal}({p}_{signal})" for signal in ("tvalid", "tready", "tdata", "tlast")))
        common = f".clk(clk), .rst(rst || asleep), .ahead(ahead || asleep), .noise(noise), {signals}"
        if edge in plan.inputs:
            parts.append(
                f'  fault_source #(.W({w}), .USED({edge.stream.width}), .FILE("fault/{p}.in")) u_{p} ({common});'
            )
        else:
            wires.append(f"  wire [31:0] {p}_beats;")
            files = f'.FILE("fault/{p}.in"), .RECORD("fault/{p}.out")'
            own = f".episode(episode), .beats({p}_beats)"
            parts.append(f"  fault_sink #(.W({w}), {files}) u_{p} ({common}, {own});")
    moved = " || ".join(f"({e.prefix}_tvalid && {e.prefix}_tready)" for e in (*plan.inputs, *plan.outputs))
    ended = " && ".join(f"{e.prefix}_beats >= frames * {e.beats}" for e in plan.outputs)
    lines = "\n".join(
        [
            *wires,
            f"  {top} dut (.clk(clk), .rst(rst), .frame_error(frame_error),",
            "      " + ",\n      ".join(links),
            "  );",
            *parts,
        ]
    )
    return TEXT.replace("@PARTS", lines).replace("@MOVED", moved).replace("@ENDED", ended)


TEXT = """`timescale 1ns / 1ps
module fault;
  logic clk = 1'b0;
  logic rst, ahead, noise, final_, asleep;
  int file, found, cycles, hold, frames, patience, episode, quiet, extra, option;
  wire frame_error;
@PARTS
  always #5 clk = ~clk;
  always @(posedge clk) rst <= ahead;

  initial begin
    found = $value$plusargs("frames=%d", frames);
    found = $value$plusargs("patience=%d", patience);
    found = $value$plusargs("noise=%d", option);
    noise = option != 0;
    final_ = 1'b0;
    episode = 0;
    file = $fopen("fault/resets.in", "r");
    asleep = 1'b1;
    if (noise) begin  // nobody has reset it yet
      repeat (4) @(posedge clk);
      ahead <= 1'b0;
      repeat (4) @(posedge clk);
    end
    ahead <= 1'b1;
    repeat (noise ? 1 : 3) @(posedge clk);
    asleep <= 1'b0;
    found = $fscanf(file, "%d %d", cycles, hold);
    while (found == 2) begin
      ahead <= 1'b0;
      if (cycles == 0) begin
        final_ = 1'b1;
        found = 0;
      end else begin
        repeat (cycles) @(posedge clk);
        ahead <= 1'b1;
        @(posedge clk);
        $display("FAULT_FLAG %0d %b", episode, frame_error);
        episode <= episode + 1;
        repeat (hold - 1) @(posedge clk);
        found = $fscanf(file, "%d %d", cycles, hold);
      end
    end
  end

  // The last episode ends some time after its last beat, or when nothing moves any more.
  always @(posedge clk)
    if (final_) begin
      quiet = (@MOVED) ? 0 : quiet + 1;
      extra = (@ENDED) ? extra + 1 : 0;
      if (extra > 300 || quiet > patience) begin
        $display("FAULT_FLAG %0d %b", episode, frame_error);
        $display("FAULT_END after %0s", extra > 300 ? "all beats" : "a deadlock");
        $finish;
      end
    end else begin
      quiet = 0;
      extra = 0;
    end
endmodule
"""


def frame(edge: Edge, type_: TensorType, beats: int, rng: np.random.Generator, gaps: Sequence[int] = ()) -> Frame:
    """A frame of so many beats of random integers, some at the ends of the type."""
    low, high = type_.range
    lanes = rng.integers(low, high + 1, (beats, edge.lanes))
    ends = rng.random(lanes.shape) < 0.2
    lanes[ends] = rng.choice([low, high], int(ends.sum()))
    return Frame(lanes, gaps or [0] * beats)


def damaged_lengths(beats: int, frames: int, rng: random.Random, share: float) -> list[int]:
    """Beats of frames, a `share` of them wrong: early and double tlasts, late and missing ones."""
    wrong = (1, max(1, beats - 1), beats // 2 + 1, beats + 1, beats + 2, 2 * beats, 3 * beats + 1)
    return [rng.choice(wrong) if rng.random() < share else beats for _ in range(frames)]


def random_run(
    plan: Plan, seed: int, resets: int = 3, frames: int = 4, damage: float = 0.3, stall: float = 0.3, noise: bool = True
) -> Run:
    """Resets at random moments, then good and bad frames, good ones at the end; stalls on all sides."""
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    span = plan.frame_latency + frames * plan.interval

    def episode(share: float) -> dict[str, list[Frame]]:
        found = {}
        for edge in plan.inputs:
            type_ = plan.program.types[edge.port.tensor]
            counts = [*damaged_lengths(edge.beats, frames, rng, share), edge.beats, edge.beats]
            found[edge.prefix] = [frame(edge, type_, n, numbers, _gaps(n, stall, rng)) for n in counts]
        return found

    cut = [
        Episode(
            episode(damage if rng.random() < 0.5 else 0.0),
            rng.randint(1, max(2, int(span * 1.2))),
            rng.choice((1, 1, 2, 7)),
        )
        for _ in range(resets)
    ]
    ready = {edge.prefix: _ready(stall, rng) for edge in plan.outputs}
    return Run([*cut, Episode(episode(damage))], ready, noise)


def _gaps(beats: int, stall: float, rng: random.Random) -> list[int]:
    """Idle cycles before each beat, with probability `stall` of each further one."""
    found = []
    for _ in range(beats):
        gap = 0
        while rng.random() < stall:
            gap += 1
        found.append(gap)
    return found


def _ready(stall: float, rng: random.Random, count: int = 97) -> Runs:
    return [(1, 0) if rng.random() < stall else (0, 1) for _ in range(count)]


def with_long_stalls(run: Run, length: int) -> Run:
    """The same with one stall of so many cycles at each port, in the middle of the last episode's second frame."""
    *before, last = run.episodes
    frames = {}
    for prefix, each in last.frames.items():
        gaps = list(each[1].gaps)
        gaps[len(gaps) // 2] = length
        frames[prefix] = [each[0], replace(each[1], gaps=gaps), *each[2:]]
    ready = {prefix: [*runs, (length, 1)] for prefix, runs in run.ready.items()}
    return replace(run, episodes=[*before, replace(last, frames=frames)], ready=ready)
