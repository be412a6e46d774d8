"""`hwq simulate`: what the hardware will compute, for one file of samples or for a folder of them."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from hwq import api
from hwq.api import Engine
from hwq.api.loading import load_program
from hwq.cli.commands import Net, describe_ports
from hwq.cli.options import command
from hwq.cli.session import Session
from hwq.errors import BadInput
from hwq.ir.program import Program
from hwq.ir.storage import check_writable, save_arrays

_MANY = "Data larger than memory"


@command
def simulate(
    session: Session,
    net: Net,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", help="Inputs, batch first: an npz or npy file, or a folder of them.", show_default=False
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="OUT", help="OUT.npz; for a folder of data, a folder.", show_default=False
        ),
    ],
    engine: Annotated[
        Engine,
        typer.Option(
            help="What computes: fast; plain, slow, the definition of the others; or native, C++ compiled with g++. "
            "Results are the same."
        ),
    ] = Engine.FAST,
    plain: Annotated[bool, typer.Option("--plain", help="The same as --engine plain.")] = False,
    parts: Annotated[
        bool,
        typer.Option("--parts", help="Read one file of data in pieces, and write a folder too.", rich_help_panel=_MANY),
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", help="Replace the results in the folder, rather than to go on with them.", rich_help_panel=_MANY
        ),
    ] = False,
) -> None:
    """Compute what the hardware will compute, bit by bit.

    OUT.npz holds for each output NAME the real values NAME and the integers NAME.int, and for each input NAME the
    quantised input NAME.int. For a folder of data, or with --parts, OUT is a folder of such files. The same command
    again goes on after an interruption: what is there already is kept.
    """
    many = parts or data.is_dir()
    if fresh and not many:
        raise BadInput("--fresh: was given with one file of data, which is simulated anew each time. Leave it out.")
    if not many:
        check_writable(output, net, data)
    if plain and engine is Engine.NATIVE:
        raise BadInput("--plain: was given with --engine native. Leave one of them out.")
    engine = Engine.PLAIN if plain else engine
    started = time.monotonic()
    session.progress("Reading the program")
    program = load_program(net)
    value, line = (
        _many(session, program, data, output, engine, fresh) if many else _one(session, program, data, output, engine)
    )
    ports = {"inputs": describe_ports(program, program.inputs), "outputs": describe_ports(program, program.outputs)}
    session.result({**value, **ports, "seconds": time.monotonic() - started}, line)


def _one(session: Session, program: Program, data: Path, output: Path, engine: Engine) -> tuple[dict[str, Any], str]:
    """One file to one file, in memory."""
    session.progress("Simulating")
    arrays = api.simulate(program, data, engine, session.progress)
    session.progress("Writing")
    save_arrays(output, arrays)
    count = len(next(iter(arrays.values())))
    value = {"output": output, "samples": count, "arrays": {name: list(x.shape) for name, x in arrays.items()}}
    return value, f"{output}: {count} samples, arrays {', '.join(arrays)}"


def _many(
    session: Session, program: Program, data: Path, output: Path, engine: Engine, fresh: bool
) -> tuple[dict[str, Any], str]:
    """Files to a folder, in pieces."""
    done = api.simulate_files(program, data, output, engine, fresh, session.progress)
    kept = f"; {done.skipped} of them, with {done.skipped_samples} samples, were there already" if done.skipped else ""
    counts = (_count(done.files, "file"), _count(done.samples, "sample"), _count(done.results, "result"))
    return asdict(done), f"{output}: {', '.join(counts)}{kept}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
