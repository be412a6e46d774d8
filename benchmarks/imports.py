"""Models that are quantised already: on how many rows hwq gives the outputs of the framework that trained them.

    python benchmarks/imports.py                    the program, its golden model and its C++, on all rows: a minute
    python benchmarks/imports.py --deep             also RTL on Verilator and Icarus, and the package qonnx
    python benchmarks/imports.py --models dig_p2_w8a8,jet_p2_w4a4 --seconds 20 --deep

The models are those of ../shared/models/qat, trained in Brevitas with its own outputs beside them, and two perceptrons
of the qonnx model zoo, whose outputs are those of the package qonnx.  Outputs are compared to the bit; where scales,
or the factors of the last normalisation, are no powers of two, the framework's own float32 rounds, and rows are equal
within 2e-6 of the largest output.  The second opinion is onnxruntime without optimisations on QCDQ files, and qonnx
(with `--deep`) on QONNX files.
RTL gets as many rows as it simulates in `--seconds`.  Rows are also written to build/imports/rows.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from import_cases import FOLDER, Batch, Host, Model, by_onnxruntime, by_qonnx, models
from rich.console import Console
from rich.table import Table

import hwq.api as hwq
from hwq.errors import HwqError
from hwq.ir.program import Program

SIMULATORS = ("verilator", "icarus")
ENGINES = ("simulator", "golden", "C++", *SIMULATORS)
TRIED = 4
"""Frames by which the speed of a simulator of RTL is told."""


@dataclass(frozen=True, slots=True)
class Row:
    """One file: `equal` has for each engine the rows that are equal to the framework's and those that were compared.

    `deviation` is the largest one between layers that the import has proved, in steps of a layer's output; `accuracy`
    in per cent.
    """

    model: str
    file: str
    rows: int
    equal: dict[str, tuple[int, int]] = field(default_factory=dict)
    opinion: int | None = None
    same_class: int | None = None
    accuracy: float | None = None
    framework_accuracy: float | None = None
    exact_layers: str = ""
    deviation: float | None = None
    failure: str = ""


def golden_outputs(program: Program, model: Model, folder: Path) -> Batch:
    """Real outputs of the golden model in onnxruntime."""
    path = folder / "golden.onnx"
    hwq.export(program, path, real=True)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: model.samples})[0])


def native_outputs(program: Program, model: Model, _: Path) -> Batch:
    """Real outputs of the C++ for HLS."""
    (port,) = program.outputs
    return hwq.simulate(program, {model.entry: model.samples}, "native")[port.name]


OUTPUTS = {"golden": golden_outputs, "C++": native_outputs}
"""What computes all rows at once."""


def rtl_rows(program: Program, model: Model, folder: Path, simulator: str, seconds: float) -> tuple[int, bool]:
    """How many rows RTL was simulated on, and whether its outputs are those of the program."""
    build = folder / "rtl"
    hwq.generate(program, build)
    (checked,) = hwq.verify(build, simulator, TRIED, data={model.entry: model.samples[:TRIED]})
    count = min(len(model.samples), max(TRIED, int(seconds / max(checked.seconds_per_sample, 1e-9))))
    if checked.passed and count > TRIED:
        (checked,) = hwq.verify(build, simulator, count, data={model.entry: model.samples[:count]})
    return count, checked.passed


def layers(program: Program) -> tuple[str, float | None]:
    """How many layers the import has proved exact, and the largest deviation of the others."""
    proved: dict[str, dict[str, Any]] = program.info.get("import", {})
    if not proved:
        return "", None
    exact = sum(bool(one["exact"]) for one in proved.values())
    return f"{exact}/{len(proved)}", max(float(one["deviation"]) for one in proved.values())


def measured(model: Model, opinion: Batch | None, deep: bool, seconds: float) -> Row:
    """All engines on one file."""
    wanted = opinion if model.reference is None else model.reference
    row = Row(model.name, model.kind, len(model.samples))
    if wanted is None:
        return replace(row, failure="its outputs are those of qonnx: give --deep")
    row = replace(row, framework_accuracy=model.accuracy(wanted))
    if model.reference is not None and opinion is not None:
        row = replace(row, opinion=int(model.equal(opinion, wanted).sum()))
    folder = FOLDER / f"{model.name}.{model.kind}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        program = hwq.quantize(model.path, {model.entry: model.samples})
    except HwqError as error:
        return replace(row, failure=_short(error))
    (port,) = program.outputs
    host = Host(model, port)
    found = host(hwq.simulate(program, {model.entry: model.samples})[port.name])
    same = model.equal(found, wanted)
    row.equal["simulator"] = int(same.sum()), len(same)
    failures = []
    for engine in ENGINES[1 : None if deep else -len(SIMULATORS)]:
        try:
            if engine in SIMULATORS:
                count, passed = rtl_rows(program, model, folder, engine, seconds)
                row.equal[engine] = int(same[:count].sum()) if passed else 0, count
            else:
                outputs = host(OUTPUTS[engine](program, model, folder))
                row.equal[engine] = int(model.equal(outputs, wanted).sum()), len(same)
        except HwqError as error:
            failures.append(f"{engine}: {_short(error)}")
    exact, deviation = layers(program)
    classes = (array.reshape(len(same), -1).argmax(1) for array in (found, wanted))
    return replace(
        row, same_class=int(np.equal(*classes).sum()), accuracy=model.accuracy(found), exact_layers=exact,
        deviation=deviation, failure="; ".join(failures),
    )  # fmt: skip


def _short(error: HwqError) -> str:
    return str(error).splitlines()[0][:160]


def show(console: Console, rows: list[Row]) -> None:
    """Print rows as two tables, and below them what failed."""
    equal = Table("model", *ENGINES, "2nd opinion", title="Rows equal to the framework's, of those compared")
    other = Table("model", "rows", "same class", "accuracy %", "framework's %", "exact layers", "deviation, steps")
    for row in rows:
        name = f"{row.model}.{row.file}"
        counts = [f"{row.equal[engine][0]}/{row.equal[engine][1]}" if engine in row.equal else "" for engine in ENGINES]
        equal.add_row(name, *counts, "" if row.opinion is None else f"{row.opinion}/{row.rows}")
        values = [
            (row.same_class, "d"), (row.accuracy, ".2f"), (row.framework_accuracy, ".2f"), (row.exact_layers, ""),
            (row.deviation, ".2g"),
        ]  # fmt: skip
        other.add_row(name, f"{row.rows}", *("" if value is None else f"{value:{form}}" for value, form in values))
    console.print(equal, other)
    for row in rows:
        if row.failure:
            console.print(f"{row.model}.{row.file}: {row.failure}")


def main() -> None:
    """Measure each file, print a table and write build/imports/rows.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", help="names, by commas; all without")
    parser.add_argument("--deep", action="store_true", help="RTL, and the package qonnx")
    parser.add_argument("--seconds", type=float, default=30.0, help="of a simulator of RTL for each file")
    options = parser.parse_args()
    chosen = [model for model in models() if not options.models or model.name in options.models.split(",")]
    if not chosen:
        print("nothing to measure: no such model, or ../shared/models is not here")
        return
    opinions = by_qonnx([model for model in chosen if model.kind == "qonnx"]) if options.deep else {}
    rows = []
    for model in chosen:
        opinion = by_onnxruntime(model) if model.kind == "qcdq" else opinions.get(model.name)
        rows.append(measured(model, opinion, options.deep, options.seconds))
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "rows.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
    show(Console(), rows)


if __name__ == "__main__":
    main()
