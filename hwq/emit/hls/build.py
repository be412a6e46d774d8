"""generate --backend hls: write the build folder of a plan in C++."""

from __future__ import annotations

import json
from pathlib import Path

from hwq.emit.folder import MARKER, new_folder
from hwq.emit.generate import fill, manifest
from hwq.emit.hls.names import check_kernels, check_name
from hwq.emit.hls.network import arrays, network
from hwq.emit.hls.roms import rows
from hwq.emit.render import library, render
from hwq.emit.rtl import header
from hwq.hw.plan import Plan

BACKEND = "hls"
"""What the manifest of such a build says."""


def generate_hls(plan: Plan, target: Path, frames: int) -> None:
    """Write kernels, network, memories, testbench, vectors and scripts into the folder `target`.

    As `hwq.emit.generate.generate`, of which this is the counterpart.

    Raises
    ------
    BadInput
        When `target` cannot be used, the disk is full, the network's name is one of C++, or an operation has no kernel.
    """
    check_name(plan)
    check_kernels(plan)
    with new_folder(target) as folder:
        fill(folder, hls_texts(plan, frames), plan, frames, inner=False)


def hls_texts(plan: Plan, frames: int) -> dict[str, str]:
    """Relative path and content of every text file of a build, memories included, vectors aside."""
    top = plan.program.name
    found = kernels() | own_texts(plan)
    values = {"header": header(plan), "top": top, "frames": frames, "plan": plan}
    found["Makefile"] = render("build/hls/Makefile.j2", **values)
    found["hls.tcl"] = render("build/hls/hls.tcl.j2", **values)
    found["README.md"] = render("build/hls/README.md.j2", **values, formats=plan.program.formats)
    found[MARKER] = json.dumps(manifest(plan) | {"backend": BACKEND}, indent=1, sort_keys=True) + "\n"
    return found


def kernels() -> dict[str, str]:
    """The kernels, and the integers of the machine: the same for every network."""
    folders = ("hls", "hls/native")
    return {f"{folder}/{name}": text for folder in folders for name, text in library(folder).items()}


def own_texts(plan: Plan) -> dict[str, str]:
    """The files of a build that are made for this network alone."""
    found = {f"hls/{name}": text for name, text in network(plan).items()}
    return found | {array.file: rows(array.rom, array.layout) for array in arrays(plan)}
