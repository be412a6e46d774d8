"""`hwq export`: a program as an ONNX file for other tools."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from hwq import api
from hwq.api.loading import load_program
from hwq.cli.commands import Net
from hwq.cli.options import command
from hwq.cli.session import Session
from hwq.emit.exchange import describe
from hwq.errors import BadInput
from hwq.ir import serial
from hwq.ir.storage import check_writable


class FormatName(Enum):
    """Values of `--format`."""

    ONNX = "onnx"
    QDQ = "qdq"
    QONNX = "qonnx"


@command
def export(
    session: Session,
    net: Net,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE.onnx", help="File to write.", show_default=False)
    ],
    form: Annotated[
        FormatName,
        typer.Option(
            "--format",
            metavar="NAME",
            help="onnx: the golden model, integers only; qdq, qonnx: float operators between quantisers.",
        ),
    ] = FormatName.ONNX,
    real: Annotated[
        bool,
        typer.Option("--float", help="onnx: take and give real values, quantise inputs and scale outputs inside."),
    ] = False,
    shift_bias: Annotated[
        bool,
        typer.Option("--shift-bias/--no-shift-bias", help="qdq, qonnx: shift biases so that ties round as in hwq."),
    ] = True,
) -> None:
    """Write a program as an ONNX file: one that any runtime executes to the same integers, or one for other tools."""
    if form is not FormatName.ONNX and real:
        raise BadInput(f"--float: --format {form.value} always takes and gives real values. Leave --float out.")
    check_writable(output, net)
    started = time.monotonic()
    session.progress("Reading the program")
    program = load_program(net)
    session.progress("Writing")
    made = api.export(program, output, form.value, real, shift_bias)
    exact = describe(made.inexact) if form is not FormatName.ONNX else "bit-exact in every conforming runtime"
    value = {
        "output": output, "format": form.value, "float": real, "program": program.name,
        "digest": serial.digest(program), "operations": len(program.ops), "bytes": made.size, "inexact": made.inexact,
        "inputs": [port.name for port in program.inputs], "outputs": [port.name for port in program.outputs],
        "seconds": time.monotonic() - started,
    }  # fmt: skip
    wrote = f"{output}: {len(program.ops)} operations as {form.value}, {made.size:,} bytes"
    session.result(value, wrote, exact)
