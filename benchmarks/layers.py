"""Networks of many kinds of layers, the whole way: scores, exactness, cycles, and equality in hardware under stalls.

    python benchmarks/layers.py                     all of them that are present, one after the other
    python benchmarks/layers.py --networks mnist_lstm mlkws_gru_s

The networks are those of ../shared/models with transposed convolution, skip connections, recurrence, attention and
weights of one or two bits, and the five of tests/block_nets.py.  Images of any size are cut to tiles; where a layer
needs more than 8 bits, `Case.wide` says so.  Each is built and checked on Verilator, every inner stream compared, with
stalls on both sides.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import figures
import numpy as np
import onnx
import onnxruntime as ort
from networks import ROOT, SHARED, Samples, evaluation_script
from rich.console import Console
from rich.table import Table

import hwq.api as hwq
from hwq.ir.program import Program
from hwq.quant import QuantConfig
from hwq.quant.config import Effort

sys.path.insert(0, str(ROOT / "tests"))
import block_nets

STALL = 0.3
Run = Callable[[list[Samples]], list[Samples]]


@dataclass(frozen=True, slots=True)
class Case:
    """A network with its data, and how large its hardware is to be.

    `size` is the height and width of a tile where the model has a free one; `part` a part of the model; `wide` bits of
    tensors that need more than 8.  `scores` says how many of the evaluation samples are scored, None for all.
    """

    name: str
    multipliers: int
    frames: int
    size: int | None = None
    part: hwq.Cut = field(default_factory=hwq.Cut)
    wide: Mapping[str, int] = field(default_factory=dict)
    scores: int | None = None
    scale: int = 1
    halo: int = 0
    effort: Effort = Effort.GOOD
    calib: int = 200

    def config(self) -> QuantConfig:
        """Options of the quantiser."""
        config = self.effort.config()
        for match, bits in self.wide.items():
            config = config.with_rule(match, act_bits=bits)
        return config


INPUTS = {"x": 16, "add_4": 16, "concat_10*": 16, "add_12*": 16}
"""Of the keyword transformer: its input, whose features span a wide range, up to the first block."""

CASES = [
    Case("fsrcnn_x3", 256, 4, size=32, scale=3, halo=8),
    Case("unet_drive", 512, 2),
    Case("mnist_lstm", 32, 4),
    Case("mlkws_gru_s", 128, 4, wide={"x": 16}),
    Case("kwt1_transformer", 256, 2, part=hwq.Cut(outputs=("layernormalization_102",)), wide=INPUTS,
         effort=Effort.FAST, calib=48),
    Case("kwt1_transformer", 640, 1, wide=INPUTS, scores=500, effort=Effort.FAST, calib=48),
]  # fmt: skip


QUANTISED = ("qonnx_tfc_1w1a", "qonnx_tfc_2w2a")
"""Networks that have integers of their own; their input is an MNIST image."""


def tiles(images: list[Samples], size: int, most: int) -> Samples:
    """Tiles of `size` by `size`, side by side, of images (channels, height, width)."""
    cut = [
        x[:, i : i + size, j : j + size]
        for x in images
        for i in range(0, x.shape[1] - size + 1, size)
        for j in range(0, x.shape[2] - size + 1, size)
    ]
    return np.stack(cut[:: max(1, len(cut) // most)][:most])


def sized(model: onnx.ModelProto, size: int) -> onnx.ModelProto:
    """The model with a fixed height and width."""
    for axis in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        axis.dim_value = size
    return model


def integer_run(program: Program, case: Case) -> Run:
    """A runner of samples; images of any size go through overlapping tiles."""
    simulator, port = hwq.Simulator(program), program.outputs[0]

    def whole(xs: list[Samples]) -> list[Samples]:
        out: list[Samples] = []
        for start in range(0, len(xs), 64):
            found = simulator.from_reals({program.inputs[0].name: np.stack(xs[start : start + 64])})
            out += list(port.real(found[port.tensor], program.formats[port.tensor]))
        return out

    return (lambda xs: [stitched(x, whole, case) for x in xs]) if case.size else whole


def stitched(x: Samples, run: Run, case: Case) -> Samples:
    """An image from tiles that overlap by the halo, which is what the network sees around a pixel."""
    size, halo, scale = case.size or 0, case.halo, case.scale
    starts = [sorted({min(start, side - size) for start in range(0, side, size - 2 * halo)}) for side in x.shape[1:]]
    places = [(i, j) for i in starts[0] for j in starts[1]]
    made = run([x[:, i : i + size, j : j + size] for i, j in places])
    out = np.zeros((made[0].shape[0], *(side * scale for side in x.shape[1:])))
    for (i, j), tile in zip(places, made, strict=True):
        kept = [
            (0 if start == 0 else halo, size if start + size == side else size - halo)
            for start, side in zip((i, j), x.shape[1:], strict=True)
        ]
        (top, bottom), (left, right) = kept
        out[:, (i + top) * scale : (i + bottom) * scale, (j + left) * scale : (j + right) * scale] = tile[
            :, top * scale : bottom * scale, left * scale : right * scale
        ]
    return out


def score(case: Case, run: Run | None) -> dict[str, float]:
    """The figures of the shared script, for a runner or for the float model."""
    script = evaluation_script()
    if case.scores is None:
        return dict(script.evaluate(case.name, run)[0])
    xs, labels = script.load(case.name)
    found = (run or script.runner(SHARED / case.name / "model.onnx"))(xs[: case.scores])
    return dict(script.metric(case.name, found, labels[: case.scores]))


def measure(case: Case) -> dict[str, Any]:
    """One row of the table."""
    script = evaluation_script()
    source = SHARED / case.name / "model.onnx"
    samples, test = (script.load(case.name, split)[0] for split in ("calib", "eval"))
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "model.onnx"
        loaded, size = onnx.load(source), case.size or (48 if case.name == "unet_drive" else None)
        onnx.save(sized(loaded, size) if size else loaded, model)
        calib = tiles(samples, case.size, case.calib) if case.size else np.stack(samples[: case.calib])
        asked = tiles(test, case.size, 32) if case.size else np.stack(test[:32])
        begun = time.perf_counter()
        program = hwq.quantize(model, {loaded.graph.input[0].name: calib}, case.config(), part=case.part)
        seconds = time.perf_counter() - begun
        row = checked(program, case.multipliers, case.frames, Path(scratch) / "build")
        run = integer_run(program, case)
        if case.part.outputs:
            row |= {"score": "", "float": "", "sqnr": partial_sqnr(model, case, asked, program)}
        else:
            row |= {"score": score(case, run), "float": score(case, None)}
            row["sqnr"] = figures.sqnr(*pair(model, asked, program))
    return row | {"network": case.name + (" (2 blocks)" if case.part.outputs else ""), "seconds": seconds}


def pair(model: Path, xs: Samples, program: Program) -> tuple[Samples, Samples]:
    """Outputs of the float model and of the program."""
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    real = np.concatenate([session.run(None, {entry.name: xs[n : n + 1]})[0] for n in range(len(xs))])
    found = hwq.simulate(program, {program.inputs[0].name: xs})[program.outputs[0].name]
    return real.reshape(len(xs), -1), found.reshape(len(xs), -1)


def partial_sqnr(model: Path, case: Case, xs: Samples, program: Program) -> float:
    """SQNR of a part of a model at its end."""
    loaded = onnx.load(model)
    del loaded.graph.output[:]
    loaded.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in case.part.outputs)
    onnx.save(loaded, model)
    return figures.sqnr(*pair(model, xs, program))


def checked(program: Program, multipliers: int, frames: int, folder: Path) -> dict[str, Any]:
    """What the hardware needs, and whether it equals the program."""
    plan = hwq.generate(program, folder, hwq.Target(multipliers=multipliers))
    free = hwq.verify(folder, "verilator", frames)[0]
    stalled = hwq.verify(folder, "verilator", frames, STALL, trace=True)[0]
    return {
        "operations": len(program.ops), "multipliers": plan.multipliers, "formula": plan.interval,
        "measured": free.cycles_per_frame, "utilisation": plan.utilisation, "frames": free.samples + stalled.samples,
        "mismatches": free.mismatches + stalled.mismatches, "passed": free.passed and stalled.passed,
    }  # fmt: skip


def measure_block(name: str) -> dict[str, Any]:
    """One of the networks with weights at random."""
    made = block_nets.NETS[name]()
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / f"{name}.onnx"
        onnx.save(made, model)
        program = hwq.quantize(model, {"x": block_nets.samples(made, 64)}, Effort.GOOD.config())
        row = checked(program, 4 * len(program.ops), 6, Path(scratch) / "build")
        ratio = figures.sqnr(*pair(model, block_nets.samples(made, 64, 6), program))
    return row | {"network": name, "score": "", "float": "", "sqnr": ratio, "seconds": 0.0}


def measure_quantised(name: str) -> dict[str, Any]:
    """One of the networks that are quantised already, which has no float model to compare with."""
    digits = np.load(SHARED / "mnist_lstm" / "eval.npz")
    images = digits["x"][:, None].astype(np.float32) / np.float32(255)
    program = hwq.quantize(SHARED / name / "model.onnx", {"0": images[:50]})
    with tempfile.TemporaryDirectory() as scratch:
        row = checked(program, 128, 4, Path(scratch) / "build")
    found = hwq.simulate(program, {"0": images})[program.outputs[0].name]
    score = {"top1": float((found.argmax(1) == digits["y"]).mean())}
    return row | {"network": name, "score": score, "float": "", "sqnr": float("nan"), "seconds": 0.0}


def shown(scores: Mapping[str, float] | str) -> str:
    """Figures side by side."""
    return " / ".join(f"{value:.4g}" for value in scores.values()) if isinstance(scores, Mapping) else scores


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = list(dict.fromkeys([*(case.name for case in CASES), *QUANTISED, *block_nets.NETS]))
    parser.add_argument(
        "--networks", nargs="+", choices=names, metavar="NAME", help=f"only these of {', '.join(names)}"
    )
    options = parser.parse_args()
    console, rows = Console(width=170), []
    for case in CASES if SHARED.is_dir() else []:
        if not options.networks or case.name in options.networks:
            rows.append(measure(case))
            console.print(rows[-1], style="dim")
    for name in QUANTISED if SHARED.is_dir() else []:
        if not options.networks or name in options.networks:
            rows.append(measure_quantised(name))
            console.print(rows[-1], style="dim")
    for name in block_nets.NETS:
        if not options.networks or name in options.networks:
            rows.append(measure_block(name))
            console.print(rows[-1], style="dim")
    table = Table(
        "network", "operations", "float", "integers", "SQNR dB", "multipliers", "cycles, formula", "measured",
        "utilisation", "frames", "mismatches", title=f"Verilator, with and without stalls of {STALL:.0%}",
    )  # fmt: skip
    for row in rows:
        scores = [shown(row[key]) for key in ("float", "score")]
        table.add_row(
            row["network"], str(row["operations"]), *scores, f"{row['sqnr']:.1f}", str(row["multipliers"]),
            f"{row['formula']:,}", f"{row['measured']:,.0f}", f"{row['utilisation']:.3f}", str(row["frames"]),
            str(row["mismatches"]) if row["passed"] else "FAILED",
        )  # fmt: skip
    console.print(table)
    if not all(row["passed"] for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
