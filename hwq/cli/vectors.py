"""`hwq vectors`: stimulus and expected streams for testbenches, drivers and boards of the user."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from hwq import api
from hwq.api.vectors import MAX_BYTES
from hwq.cli.options import command
from hwq.cli.session import Session
from hwq.emit.generate import DEFAULT_FRAMES
from hwq.emit.vector_files import FORMATS
from hwq.emit.vector_set import Lanes
from hwq.errors import BadInput

_MIB = 1 << 20


@command
def vectors(
    session: Session,
    net: Annotated[
        Path,
        typer.Argument(metavar="NET.hwq", help="What `hwq quantize` wrote; or a build folder.", show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="New or empty folder to write.", show_default=False)
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA.npz", help="Inputs, batch first.", show_default="the program's samples, then random integers"
        ),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Samples to write.", show_default=f"all of --data, else {DEFAULT_FRAMES}"
        ),
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Inner tensors to write, by name, with * and ?; may be given several times.",
            show_default="all",
        ),
    ] = None,
    formats: Annotated[str, typer.Option(metavar="LIST", help="Of mem, npy, c.")] = ",".join(FORMATS),
    lanes: Annotated[
        str | None,
        typer.Option(metavar="N|all", help="Channels a word; a build has its own.", show_default="1"),
    ] = None,
    max_size: Annotated[int, typer.Option(min=1, metavar="MIB", help="Refuse to write more.")] = MAX_BYTES // _MIB,
) -> None:
    """Write stimulus and expected streams of every layer as .mem, .npy and C headers, with a manifest."""
    started = time.monotonic()
    kinds = tuple(dict.fromkeys(kind.strip() for kind in formats.split(",")))
    manifest = api.vectors(
        net, output, data, frames, layers or None, kinds, _lanes(lanes), max_size * _MIB, session.progress
    )
    size = sum(file["bytes"] for stream in manifest["streams"] for file in stream["files"].values())
    value = {"output": output, "bytes": size, **manifest, "seconds": time.monotonic() - started}
    session.result(
        value,
        f"{output}: {manifest['frames']} frames of {len(manifest['streams'])} streams as {', '.join(kinds)}, "
        f"{size / _MIB:.1f} MiB",
        f"Next: see {output / 'README.md'}",
    )


def _lanes(text: str | None) -> Lanes | None:
    if text is None:
        return None
    if text == "all":
        return "all"
    if not text.isdecimal():
        raise BadInput(f"--lanes {text}: expected a whole number, or all.")
    return int(text)
