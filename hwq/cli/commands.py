"""The commands: arguments in, a call of `hwq.api`, its result out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from hwq import api
from hwq.api.loading import load_program
from hwq.cli.budget_options import BudgetOptions
from hwq.cli.options import BackendName, CheckOptions, SimulatorName, SizeOptions, command
from hwq.cli.part_options import PartOptions
from hwq.cli.session import Session
from hwq.frontend.quantised.importer import IMPORT
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ir.storage import check_writable, write_atomically
from hwq.quant.config_file import write_options
from hwq.report import terminal, verification
from hwq.report.cost import cost_table, layer_costs
from hwq.report.exactness import exactness_table
from hwq.report.imported import import_table
from hwq.report.summary import summarise
from hwq.verify.check import SIMULATORS
from hwq.verify.simulate import usable
from hwq.version import __version__

app = typer.Typer(
    name="hwq",
    help="A trained ONNX network in, a bit-exactly verified streaming FPGA/ASIC accelerator out.",
    epilog="Start with: hwq build model.onnx --calib calib.npz -o build/",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Model = Annotated[
    Path, typer.Argument(metavar="MODEL.onnx", help="The trained network; TFLite too.", show_default=False)
]
Net = Annotated[
    Path, typer.Argument(metavar="NET.hwq", help="What `hwq quantize` or `hwq export` wrote.", show_default=False)
]
Build = Annotated[Path, typer.Argument(metavar="DIR", help="What `hwq generate` wrote.", show_default=False)]
Calib = Annotated[
    Path,
    typer.Option(
        metavar="DATA.npz",
        help="Typical inputs: arrays named as the model's inputs, or one array x; batch first.",
        show_default=False,
    ),
]
BuildFolder = Annotated[
    Path,
    typer.Option(
        "-o", "--output", metavar="DIR", help="Folder to write; an earlier build there is replaced.", show_default=False
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hwq {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A trained ONNX network in, a bit-exactly verified streaming FPGA/ASIC accelerator out."""


@app.command(epilog="Example: hwq quantize model.onnx --calib calib.npz -o net.hwq")
@command
def quantize(
    session: Session,
    model: Model,
    calib: Calib,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="NET.hwq", help="File to write.", show_default=False)
    ],
    options: BudgetOptions,
    part: PartOptions,
    write_config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Also write all options in force to a file.")
    ] = None,
) -> None:
    """Make the integer program of a model."""
    config = options.quant_config()
    for path in (output, write_config):
        if path is not None:
            check_writable(path, model, calib)
    started = time.monotonic()
    program = api.quantize(model, calib, config, session.progress, part.cut())
    session.progress("Writing")
    serial.save(program, output)
    if write_config is not None:
        write_atomically(write_config, write_options(config).encode())
    ends = {port.name: program.info["sqnr_db"].get(port.tensor) for port in program.outputs}
    value = {
        "output": output, "program": program.name, "digest": serial.digest(program), "options": config.describe(),
        "operations": len(program.ops), "calibration_samples": program.info["calibration_samples"],
        "inputs": describe_ports(program, program.inputs), "outputs": describe_ports(program, program.outputs),
        "sqnr_db": program.info["sqnr_db"], "seconds": time.monotonic() - started,
    }  # fmt: skip
    made = f"{output}: {len(program.ops)} operations, {program.info['calibration_samples']} calibration samples"
    imported = program.info.get(IMPORT)
    noise = ", ".join(f"{name} {'exact' if db is None else f'{db:.1f} dB'}" for name, db in ends.items())
    session.result(
        value | ({} if imported is None else {IMPORT: imported}),
        *([f"{made}, signal to quantisation noise: {noise}"] if imported is None else [made]),
        *([import_table(program, imported)] if imported else []),
        f"Next: hwq simulate {output} DATA.npz -o OUT.npz, or hwq generate {output} -o DIR",
    )


@app.command(epilog="Example: hwq generate net.hwq -o build/ --multipliers 256")
@command
def generate(
    session: Session,
    net: Net,
    output: BuildFolder,
    size: SizeOptions,
    backend: Annotated[
        BackendName, typer.Option(metavar="NAME", help="verilog, or hls for C++ (Vitis HLS and others).")
    ] = BackendName.VERILOG,
) -> None:
    """Write hardware, memories, testbench, vectors and scripts."""
    session.progress("Reading the program")
    plan = api.generate(load_program(net), output, size.target(), size.frames, session.progress, backend.value)
    summary = summarise(plan)
    session.result(
        {"output": output, **asdict(summary)},
        f"{output}: {summary.multipliers} multipliers, one frame every {summary.cycles_formula} cycles, "
        f"utilisation {summary.utilisation:.2f}",
        *terminal.size_lines(summary),
        f"Next: hwq verify {output}, or hwq report {output}",
    )


@app.command(epilog="Example: hwq report build/")
@command
def report(
    session: Session,
    folder: Build,
    weights: Annotated[
        bool, typer.Option("--weights", help="Also show what the weights of each layer take in memory.")
    ] = False,
    cost: Annotated[
        bool, typer.Option("--cost", help="Also show what each layer takes of the device, and when its result comes.")
    ] = False,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --cost: another device.", show_default="the build's own")
    ] = None,
) -> None:
    """Show what was built: layers, formats, error of each layer, memories, cycles."""
    costs: list[Any] = []
    table: list[Any] = []
    if cost or device is not None:
        plan, chosen = api.on_device(folder, device)
        costs, table = layer_costs(plan, chosen.family), ["", cost_table(plan, chosen)]
        summary = summarise(plan)
    else:
        summary = api.report(folder)
    value = {**summary.as_json(), "costs": [asdict(row) for row in costs]}
    session.result(value, *terminal.report(summary, weights), *table)


@app.command(epilog="Example: hwq inspect model.onnx")
@command
def inspect(
    session: Session,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="An ONNX model, a NET.hwq or a golden model.", show_default=False)
    ],
    part: PartOptions,
    exactness: Annotated[
        bool, typer.Option("--exactness", help="Of a program, show what proves that each layer is simulated exactly.")
    ] = False,
) -> None:
    """Print an ONNX model as hwq reads it, or every reason why it is refused; or the text of a program."""
    if exactness:
        program = api.load_program(file)
        proofs = api.exactness(program)
        value = {"file": file, "kind": "exactness", "layers": {name: asdict(proof) for name, proof in proofs.items()}}
        session.result(value, exactness_table(program, proofs))
        return
    text = api.inspect(file, part.cut())
    kind = "program" if text.startswith("program ") else "graph"
    session.result({"file": file, "kind": kind, "text": text}, text.rstrip("\n"))


@app.command(epilog="Example: hwq doctor")
@command
def doctor(session: Session) -> int:
    """Tell which simulators and compilers are found, and how to get what is missing."""
    tools = api.doctor()
    simulators = {name: usable(name) for name in SIMULATORS}
    found = [name for name, there in simulators.items() if there]
    verdict = f"Usable simulators: {', '.join(found) or 'none'}."
    rows = [{**asdict(tool), "usable": tool.usable} for tool in tools]
    session.result({"tools": rows, "simulators": simulators}, terminal.tool_table(tools), verdict)
    return 0 if found else 3


@app.command(epilog="Example: hwq build model.onnx --calib calib.npz -o build/ --scale fixed --fps 1000 --clock 100")
@command
def build(
    session: Session,
    model: Model,
    calib: Calib,
    output: BuildFolder,
    quant: BudgetOptions,
    part: PartOptions,
    size: SizeOptions,
    check: CheckOptions,
    sim: Annotated[
        SimulatorName | None,
        typer.Option(metavar="NAME", help="verilator, icarus or all.", show_default="the first that is found"),
    ] = None,
) -> int:
    """Quantise, simulate, generate, verify and report in one go."""
    config, target = quant.quant_config(), size.target()
    started = time.monotonic()
    summary, runs = api.build(
        model, calib, output, config, target, sim.value if sim else None,
        check.samples, check.stall, size.frames, session.progress, part.cut(),
    )  # fmt: skip
    value = {
        "output": output, "report": summary.as_json(), "verification": verification.as_json(runs),
        "passed": all(run.passed for run in runs), "seconds": time.monotonic() - started,
    }  # fmt: skip
    session.result(value, *terminal.report(summary), "", f"Next: cd {output} && make sim")
    return 0 if value["passed"] else 1


def describe_ports(program: Program, ports: Sequence[Any]) -> list[dict[str, Any]]:
    """Inputs or outputs as plain values: name, shape without batch, integer type, and what the integers mean."""
    return [
        {
            "name": port.name, "tensor": port.tensor, "shape": list(port.index.shape),
            "bits": program.types[port.tensor].bits, "signed": program.types[port.tensor].signed,
            "scale": program.formats[port.tensor].scale, "zero_point": program.formats[port.tensor].zero_point,
            "host_ops": list(port.host_ops),
            **({"rounding": port.own_rounding} if port.own_rounding else {}),
            **{f"{what}_by_element": values.tolist() for what, values in port.by_element.items()},
        }
        for port in ports
    ]  # fmt: skip
