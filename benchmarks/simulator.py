"""Speed and memory of the fast simulator, next to onnxruntime, qonnx and hls4ml on the same samples in the same run.

    python benchmarks/simulator.py                    the demo network, next to onnxruntime's float32 model
    python benchmarks/simulator.py --deep             all networks, and perceptrons next to onnxruntime on QCDQ files
    python benchmarks/simulator.py --peers            perceptrons, also next to qonnx and hls4ml, from PyPI
    python benchmarks/simulator.py --networks cifar10_resnet8,jet_mlp --kept

Each contestant has a process of its own and two threads; they compute in turns, and each figure is the best of some
turns, so that whatever else the machine does meets all alike.  Ratios are those of these best.  hwq is measured twice:
integers in and out, and floats in and out as the others have them.  In the same run its results are compared with the
plain simulator's, which must be equal.

hwq does not read QCDQ and QONNX files: next to those it runs the float perceptron of the same layers, which it
quantised at the same bits (8 and 8).  hls4ml's emulation has one thread.  Rows are also written to
build/simulator/rows.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import figures
import networks as known
import numpy as np
from networks import ROOT, Network, Samples, Twins
from peers.emulators import Contestant, Failed
from rich.console import Console
from rich.table import Table

import hwq.api as hwq
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.quant import Effort

FOLDER = ROOT / "build" / "simulator"
RESULTS = FOLDER / "rows.json"
TURNS = 5
MAX_SECONDS = 60
"""After this time no further turn begins, but for the second."""
PAUSE = 0.05
"""Seconds until the threads of the one before sleep: onnxruntime's and OpenBLAS's wait busily for a while."""
BATCH, PERCEPTRON_BATCH, IMAGE_BATCH = 1000, 20_000, 32
CHECKED = 64
"""Samples that are compared with the plain simulator, but at most those of a million values."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer next to one network; targets are ratios of samples a second, in a batch and one by one.

    `single_rate` is a target in samples a second.
    """

    name: str
    tool: str
    setting: str
    model: Path
    batch_ratio: float | None = None
    single_ratio: float | None = None
    single_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Race:
    """One network, the samples that all compute, and who computes them; `reference` is what peers should find."""

    network: Network
    batch: int
    peers: tuple[Peer, ...]
    reference: Samples | None = None

    @property
    def samples(self) -> Samples:
        """The samples (batch, ...), float32; those of the network again and again."""
        pool = self.network.evaluation.astype(np.float32)
        return np.resize(pool, (self.batch, *pool.shape[1:]))


@dataclass(frozen=True, slots=True)
class Row:
    """hwq next to one peer: samples a second with `batch` of them in a call.

    `integers` and `floats` are of hwq; memory is the peak in MiB, and how much of it came after the first call began;
    `same` is how often the peer finds the expected class, in per cent; `checked` samples equal the plain simulator's.
    """

    network: str
    peer: str
    batch: int
    integers: float = 0
    floats: float = 0
    theirs: float = 0
    target: str = ""
    met: bool | None = None
    same: float | None = None
    checked: int = 0
    memory: tuple[float, float] | None = None
    their_memory: tuple[float, float] | None = None
    version: str = ""
    seconds: float = 0
    failure: str = ""


def next_to_float(network: Network, batch: int = BATCH, target: float | None = None) -> Race:
    """A network next to its float model in onnxruntime."""
    return Race(network, batch, (Peer("onnxruntime float32", "onnxruntime", "float32", network.model, target),))


def next_to_trained(pair: Twins, emulators: bool) -> Race:
    """A perceptron next to its twin."""
    peers = [Peer("onnxruntime QCDQ", "onnxruntime", "qdq", pair.qcdq, 1, single_rate=16_000)]
    if emulators:
        peers.append(Peer("qonnx", "qonnx", "", pair.qonnx, 3, 100))
        peers.append(Peer("hls4ml", "hls4ml", "", pair.qonnx, 50))
    return Race(pair.network, PERCEPTRON_BATCH, tuple(peers), pair.reference)


def races(emulators: bool) -> dict[str, Callable[[], Race]]:
    """Every race by the name of its network; all but the first need the shared models."""
    return {
        "digits": lambda: next_to_float(known.digits()),
        "cifar10_resnet8": lambda: next_to_float(known.shared("cifar10_resnet8"), target=0.7),
        "kws_dscnn_mlperf": lambda: next_to_float(known.shared("kws_dscnn_mlperf"), target=0.7),
        "ad_autoencoder_mlperf": lambda: next_to_float(known.shared("ad_autoencoder_mlperf")),
        "mlkws_dnn_s": lambda: next_to_float(known.shared("mlkws_dnn_s")),
        "imagenet_mobilenet_v2_deq": lambda: next_to_float(
            known.shared("imagenet_mobilenet_v2_deq", most=16), IMAGE_BATCH, 0.7
        ),
        "digits_mlp": lambda: next_to_trained(known.twins("digits_mlp", "dig_p2_w8a8"), emulators),
        "jet_mlp": lambda: next_to_trained(known.twins("jet_mlp", "jet_p2_w8a8"), emulators),
    }


PERCEPTRONS = ("digits_mlp", "jet_mlp")


def quantised(network: Network, kept: bool) -> tuple[Program, Path]:
    """The network's program and its file; that of an earlier run where it is `kept`.

    Effort is "fast": others choose other integers for the same operations.
    """
    path = FOLDER / f"{network.name}.hwq"
    if not (kept and path.exists()):
        path.parent.mkdir(parents=True, exist_ok=True)
        serial.save(hwq.quantize(network.model, {"x": network.calib}, Effort.FAST.config()), path)
    return serial.load(path), path


def check(program: Program, samples: Samples, integers: Path, floats: Path) -> int:
    """How many samples were compared with the plain simulator.

    Parameters
    ----------
    integers, floats
        What the contestants wrote down, see peers/clock.py.

    Raises
    ------
    RuntimeError
        Where they differ.
    """
    entry, port = program.inputs[0], program.outputs[0]
    with np.load(integers) as first:
        ones = len(first["rows"])
    count = max(ones, min(CHECKED, 2**20 // samples[0].size))
    chosen = np.union1d(np.arange(ones), np.linspace(0, len(samples) - 1, count).astype(int))
    found = samples[chosen].reshape(-1, *entry.index.shape)
    plain = hwq.simulate(program, {entry.name: found}, engine="plain")
    for name, out in ((f"{port.name}.int", integers), (port.name, floats)):
        with np.load(out) as data:
            batch, singles = data["y"][chosen], data["rows"]
        if name.endswith(".int"):
            batch, singles = port.from_tensor(batch), port.from_tensor(singles)
        if not (np.array_equal(batch, plain[name]) and np.array_equal(singles, plain[name][:ones])):
            raise RuntimeError(f"{program.name}: {name} of the fast simulator differs from the plain one's")
    return len(chosen)


def turns(contestants: dict[str, Contestant]) -> dict[str, tuple[float, float]]:
    """The best rates of each contestant, in a batch and one by one, each in its turn."""
    start = time.perf_counter()
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for turn in range(TURNS):
        if turn >= 2 and time.perf_counter() - start > MAX_SECONDS:
            break
        asked: dict[str, list[float]] = {name: [] for name in contestants}
        for command in ("batch", "single"):
            for name, contestant in contestants.items():
                time.sleep(PAUSE)
                asked[name].append(contestant.ask(command))
        for name, (batch, single) in asked.items():
            rates[name].append((batch, single))
    return {name: (max(batch for batch, _ in found), max(one for _, one in found)) for name, found in rates.items()}


def peak(contestant: Contestant) -> tuple[float, float] | None:
    """MiB at the peak, and those of them that were not resident before the first call."""
    loaded, most = contestant.ask("memory")
    return None if most is None else (most, most - loaded)


def run(race: Race, threads: int, kept: bool) -> Iterator[Row]:
    """The rows of one race."""
    network, samples = race.network, race.samples
    program, path = quantised(network, kept)
    shape = program.inputs[0].index.shape
    file = FOLDER / f"{network.name}-samples.npz"
    np.savez(file, x=samples.reshape(-1, *shape))
    with ExitStack() as stack:

        def opened(name: str, tool: str, setting: str, model: Path) -> Contestant:
            out = FOLDER / f"{network.name}-{name.replace(' ', '_')}.npz"
            return stack.enter_context(Contestant(tool, setting, model, file, out, threads))

        contestants = {name: opened(f"hwq {name}", "hwq", name, path) for name in ("integers", "floats")}
        checked = check(program, samples, contestants["integers"].out, contestants["floats"].out)
        failures: dict[str, str] = {}
        for peer in race.peers:
            try:
                contestants[peer.name] = opened(peer.name, peer.tool, peer.setting, peer.model)
            except Failed as problem:
                failures[peer.name] = str(problem)
        rates = turns(contestants)
        memory = peak(contestants["integers"])
        with np.load(contestants["floats"].out) as data:
            ours = data["y"]
        for peer in race.peers:
            row = Row(network.name, peer.name, race.batch, checked=checked, memory=memory)
            if peer.name in failures:
                yield replace(row, failure=failures[peer.name])
                continue
            contestant = contestants[peer.name]
            same = None
            if network.classifies:
                with np.load(contestant.out) as data:
                    theirs = data["y"].reshape(race.batch, -1)
                expected = ours if race.reference is None else np.resize(race.reference, theirs.shape)
                same = figures.agreement(expected.reshape(theirs.shape), theirs)
            row = replace(row, same=same, their_memory=peak(contestant), **contestant.opened)
            for k, (count, ratio) in enumerate(((race.batch, peer.batch_ratio), (1, peer.single_ratio))):
                integers, floats, rate = (rates[name][k] for name in ("integers", "floats", peer.name))
                row = replace(row, batch=count, integers=integers, floats=floats, theirs=rate, target="", met=None)
                if ratio is not None:
                    row = replace(row, target=f"{ratio:g}x", met=integers >= ratio * rate)
                elif count == 1 and peer.single_rate is not None:
                    row = replace(row, target=f"{peer.single_rate:,.0f}/s", met=integers >= peer.single_rate)
                yield row
    file.unlink()


COLUMNS = (
    "network", "batch", "hwq integers /s", "hwq floats /s", "peer", "peer /s", "ratio, integers", "ratio, floats",
    "target", "same class %", "hwq MiB", "peer MiB",
)  # fmt: skip
NOTE = (
    "Best of some turns, two threads. A target is that of integers. MiB: the peak of the process, and what of it came "
    "with the calls. Same class: the peer's with hwq's next to float32 models, else with the training framework's."
)


def _ratio(value: float) -> str:
    """Three digits at least, and no exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def cells(row: Row) -> list[str]:
    """The texts of `COLUMNS`."""
    if row.failure:
        return [row.network, str(row.batch), "", "", row.peer, row.failure, *[""] * 6]
    ratios = [_ratio(ours / row.theirs) for ours in (row.integers, row.floats)]
    target = row.target + {True: " met", False: " missed", None: ""}[row.met]
    sizes = ["" if found is None else f"{found[0]:.0f} (+{found[1]:.0f})" for found in (row.memory, row.their_memory)]
    same = "" if row.same is None else f"{row.same:.1f}"
    rates = [f"{rate:,.0f}" for rate in (row.integers, row.floats, row.theirs)]
    return [row.network, str(row.batch), *rates[:2], row.peer, rates[2], *ratios, target, same, *sizes]


def show(rows: list[Row]) -> None:
    """Print rows as a table."""
    table = Table(*COLUMNS, title="Simulator: samples a second", caption=NOTE)
    for k, row in enumerate(rows):
        table.add_row(*cells(row), end_section=k + 1 == len(rows) or rows[k + 1].network != row.network)
    Console(width=190).print(table)


def markdown(rows: list[Row]) -> Iterator[str]:
    """The lines of the table for a document."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{' --- |' * len(COLUMNS)}"
    for row in rows:
        yield f"| {' | '.join(cells(row))} |"
    yield f"\n{NOTE}"


def recorded() -> list[Row]:
    """The rows of earlier runs."""
    return [Row(**values) for values in json.loads(RESULTS.read_text())] if RESULTS.exists() else []


def record(rows: list[Row]) -> None:
    """Write the rows of a network down, in place of earlier ones next to the same peers, in the order of networks."""
    measured = {(row.network, row.peer) for row in rows}
    order = list(races(True))
    found = [row for row in recorded() if (row.network, row.peer) not in measured] + rows
    found.sort(key=lambda row: order.index(row.network))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deep", action="store_true", help="all networks")
    parser.add_argument("--peers", action="store_true", help="perceptrons also next to qonnx and hls4ml; needs PyPI")
    parser.add_argument("--networks", help="names, with commas between them, rather than those of a setting")
    parser.add_argument("--threads", type=int, default=2, help="threads of each contestant")
    parser.add_argument("--kept", action="store_true", help="take the programs that an earlier run quantised")
    parser.add_argument("--recorded", action="store_true", help="show the rows of earlier runs, and measure nothing")
    parser.add_argument("--markdown", action="store_true", help="print the table for a document")
    options = parser.parse_args()
    choices = races(options.peers)
    names = options.networks.split(",") if options.networks else ["digits"]
    if not options.networks and (options.deep or options.recorded):
        names = list(choices)
    elif not options.networks and options.peers:
        names = list(PERCEPTRONS)
    if wrong := set(names) - set(choices):
        parser.error(f"{', '.join(sorted(wrong))}: expected some of {', '.join(choices)}")
    if not known.SHARED.is_dir() and not options.recorded:
        names = [name for name in names if name == "digits"]
    rows: list[Row] = []
    for name in () if options.recorded else names:
        found = list(run(choices[name](), options.threads, options.kept))
        record(found)
        rows += found
        Console().print(name, "done", style="dim")
    if options.recorded:
        rows = [row for row in recorded() if row.network in names]
    if options.markdown:
        print("\n".join(markdown(rows)))
    else:
        show(rows)


if __name__ == "__main__":
    main()
