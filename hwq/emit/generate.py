"""generate: write the build folder of a plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hwq.emit.folder import MARKER, new_folder
from hwq.emit.render import library, render
from hwq.emit.rtl import graphs, header, network, testbench
from hwq.emit.vectors import stimulus, vector_files
from hwq.hw.folding_file import folding_text
from hwq.hw.plan import Plan
from hwq.hw.work import mac_count
from hwq.ir import serial
from hwq.version import __version__

DEFAULT_FRAMES = 4
"""Samples that the generated testbench checks."""


def generate(plan: Plan, target: Path, frames: int = DEFAULT_FRAMES) -> None:
    """Write hardware, memories, testbench, vectors and scripts into the folder `target`.

    A former build there is replaced as a whole or not at all.  Equal plans give equal bytes.

    Raises
    ------
    BadInput
        When `target` cannot be used or the disk is full.
    """
    with new_folder(target) as folder:
        for rom in plan.net.roms:
            _write_words(folder / rom.file, rom.words)
        fill(folder, texts(plan, frames), plan, frames, inner=True)


def fill(folder: Path, texts: Mapping[str, str], plan: Plan, frames: int, inner: bool) -> None:
    """Write what builds of every backend have: text files, vectors, those of inner streams on request, the program."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for name, words in vector_files(plan, stimulus(plan.program, frames), inner):
        _write_words(folder / "vectors" / name, words)
    serial.save(plan.program, folder / "net.hwq")


def texts(plan: Plan, frames: int) -> dict[str, str]:
    """Relative path and content of every text file of a build, memories and vectors aside."""
    top = plan.program.name
    found = {f"rtl/{name}": text for name, text in library("rtl").items()}
    found |= {f"tb/{name}": text for name, text in library("tb").items()}
    found[f"rtl/{top}.sv"] = network(plan)
    found |= {f"rtl/{name}.sv": text for name, text in graphs(plan).items()}
    found[f"tb/tb_{top}.sv"] = testbench(plan, frames)
    found[f"tb/test_{top}.py"] = render("build/test_network.py.j2", header=header(plan), top=top)
    found["Makefile"] = render("build/Makefile.j2", header=header(plan), top=top, frames=frames)
    found["README.md"] = render(
        "build/README.md.j2", header=header(plan), top=top, plan=plan, formats=plan.program.formats
    )
    found[MARKER] = json.dumps(manifest(plan), indent=1, sort_keys=True) + "\n"
    return found


def manifest(plan: Plan) -> dict[str, Any]:
    """What was built, as plain values: read again by `hwq verify` and `hwq report`, and by other tools."""
    return {
        "hwq": __version__,
        "digest": serial.digest(plan.program),
        "top": plan.program.name,
        "cycles_formula": plan.interval,
        "multipliers": plan.multipliers,
        "multiplier_blocks": plan.multiplier_blocks,
        "shift_add_lanes": plan.shift_add_lanes,
        "xnor_lanes": plan.xnor_lanes,
        "logic_lanes": plan.logic_lanes,
        "requant_multipliers": plan.requant_multipliers,
        "utilisation": plan.utilisation,
        "macs": mac_count(plan.program),
        "rom_bits": plan.rom_bits,
        "device": plan.device.name if plan.device else None,
        "bound": asdict(plan.bound) if plan.bound else None,
        "folding": folding_text(plan.folds),
        "ports": {
            edge.port.name: {
                "prefix": edge.prefix, "tensor": edge.port.tensor, "lanes": edge.lanes, "bits": edge.bits,
                "tdata_width": edge.tdata_width, "beats": edge.beats,
            }
            for edge in (*plan.inputs, *plan.outputs)
        },
    }  # fmt: skip


def _write_words(path: Path, words: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(words) + "\n", "ascii")
