"""`hwq export`: a program as an ONNX file for other tools, or in C."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from hwq import api
from hwq.api.loading import load_program
from hwq.cli.commands import Net
from hwq.cli.options import command
from hwq.cli.session import Session
from hwq.emit.cmodel import DEFAULT_BYTES
from hwq.emit.exchange import describe
from hwq.errors import BadInput
from hwq.ir import serial
from hwq.ir.storage import check_writable


class FormatName(Enum):
    """Values of `--format`."""

    ONNX = "onnx"
    QDQ = "qdq"
    QONNX = "qonnx"
    C = "c"


@command
def export(
    session: Session,
    net: Net,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE.onnx|DIR", help="File to write; for c a folder.", show_default=False
        ),
    ],
    form: Annotated[
        FormatName,
        typer.Option(
            "--format",
            metavar="NAME",
            help="onnx: the golden model, integers only; qdq, qonnx: float operators between quantisers; c: C99, "
            "integers in static memory.",
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
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="c: what files and functions are called after.", show_default="the program"),
    ] = None,
    memory_limit: Annotated[
        int | None,
        typer.Option(min=0, metavar="BYTES", help="c: refuse to take more static memory.", show_default="64 MiB"),
    ] = None,
) -> None:
    """Write a program as ONNX: one that any runtime executes to the same integers, or one for other tools; or as C."""
    if form is not FormatName.C:
        for option, given in (("--name", name), ("--memory-limit", memory_limit)):
            if given is not None:
                raise BadInput(f"{option}: is for --format c, found {form.value}. Leave {option} out.")
    if form is not FormatName.ONNX and real:
        kind = "integers" if form is FormatName.C else "real values"
        raise BadInput(f"--float: --format {form.value} always takes and gives {kind}. Leave --float out.")
    if form is not FormatName.C:
        check_writable(output, net)
    started = time.monotonic()
    session.progress("Reading the program")
    program = load_program(net)
    session.progress("Writing")
    limit = DEFAULT_BYTES if memory_limit is None else memory_limit
    made = api.export(program, output, form.value, real, shift_bias, name, limit)
    exact = {
        FormatName.ONNX: "bit-exact in every conforming runtime", FormatName.C: "bit-exact, whatever the compiler",
    }.get(form) or describe(made.inexact)  # fmt: skip
    value: dict[str, Any] = {
        "output": output, "format": form.value, "float": real, "program": program.name,
        "digest": serial.digest(program), "operations": len(program.ops), "bytes": made.size, "inexact": made.inexact,
        "inputs": [port.name for port in program.inputs], "outputs": [port.name for port in program.outputs],
        "seconds": time.monotonic() - started,
    }  # fmt: skip
    wrote = f"{output}: {len(program.ops)} operations as {form.value}, {made.size:,} bytes"
    if made.c:
        files = " and ".join(str(output / file) for file in made.c.files)
        memory = f"{made.c.constant_bytes:,} bytes of constants, {made.c.working:,} to work in"
        wrote = f"{files}: {len(program.ops)} operations; static memory: {memory}"
        value |= {
            "files": [*made.c.files], "constant_bytes": made.c.constant_bytes, "working_bytes": made.c.working,
            "constant_bytes_by_layer": made.c.constants,
        }  # fmt: skip
    session.result(value, wrote, exact)
