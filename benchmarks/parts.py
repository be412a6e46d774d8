"""Parts of networks alone, in Yosys: what each of them takes of a family of devices.

Many parts go through one run: each is wrapped in a module of its own that is kept apart, and flattened within.  Results
are kept in build/parts by content, so that only what has changed is synthesised again.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from networks import ROOT

from hwq.emit.graph import graph_module
from hwq.emit.rtl import graphs, network
from hwq.hw.netlist import Fork, Instance, Stream
from hwq.hw.plan import Plan
from hwq.hw.resources import Resources
from hwq.synth.cells import count

FOLDER = ROOT / "build" / "parts"
LIBRARY = ROOT / "templates" / "rtl"
SECONDS = 7200
BATCH = 32

SYNTHESIS = {
    "xilinx7": "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf",
    "xilinx_us": "synth_xilinx -family xcup -flatten -noiopad -noclkbuf",
    "ecp5": "synth_ecp5",
    "gowin": "synth_gowin -noiopads",
    "ice40": "synth_ice40 -device u",
}
"""What Yosys is told for each family; those without `-flatten` flatten unless they are told not to."""
MACROS = {"ecp5": " -D HWQ_ECP5", "ice40": " -D HWQ_ICE40"}
"""Macros that hwq synth gives a family."""

EDGES = (
    ("hwq_frame_in", "s_axis_tlast", "input"), ("hwq_frame_in", "frame_error", "output"),
    ("hwq_frame_out", "m_axis_tlast", "output"),
)  # fmt: skip
"""What edges have beside streams."""

UNSEEN = re.compile(r"`ifndef SYNTHESIS.*?`endif|//[^\n]*", re.DOTALL)
"""What synthesis does not see of a module."""
Cells = dict[str, int]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a netlist: `text` is a module `@` around it, which opens the memory files `roms`."""

    part: Instance | Fork
    text: str
    roms: Mapping[str, str]


def parts_of(plan: Plan) -> Iterator[Part]:
    """The parts of a network's netlist."""
    words = {rom.file: "\n".join(rom.words) + "\n" for rom in plan.net.roms}
    for part in plan.net.parts:
        yield wrapped(part, words)


def wrapped(part: Instance | Fork, words: Mapping[str, str]) -> Part:
    """A part as a module of its own; `words` are the texts of memory files."""
    if isinstance(part, Fork):
        count = len(part.targets)
        ports = [("s_axis", part.source.width, 1, "in"), ("m_axis", part.source.width, count, "fork")]
        module, params, roms = "hwq_fork", {"W": part.source.width, "N": count}, {}
    else:
        ports = [_port(name, part.streams(name)) for name in part.ports]
        module, params, roms = part.module, dict(part.params), {}
        for name, value in params.items():
            if value in words:
                text = words[str(value)]
                params[name] = f"{hashlib.sha256(text.encode()).hexdigest()[:20]}.mem"
                roms[str(params[name])] = text
    wires, links = ["input wire clk", "input wire rst"], [".clk(clk)", ".rst(rst)"]
    for name, width, count, way in ports:
        forth, back = ("input", "output") if way == "in" else ("output", "input")
        data = width if way == "fork" else width * count
        wires += [f"{forth} wire [{count - 1}:0] {name}_tvalid", f"{back} wire [{count - 1}:0] {name}_tready"]
        wires += [f"{forth} wire [{data - 1}:0] {name}_tdata"]
        links += [f".{name}_t{signal}({name}_t{signal})" for signal in ("valid", "ready", "data")]
    for module_, wire, way in EDGES:
        if module == module_:
            wires.append(f"{way} wire {wire}")
            links.append(f".{wire}({wire})")
    beside, graph = _graph(part)
    links += [".x(x)", ".acc(acc)"] if graph else []
    values = ", ".join(f".{name}({_literal(value)})" for name, value in params.items())
    text = f"module @ ({', '.join(wires)});\n{beside}  {module} #({values}) u ({', '.join(links)});\nendmodule\n"
    return Part(part, text + graph, roms)


def _graph(part: Instance | Fork) -> tuple[str, str]:
    """The instance of an adder graph beside a part, and its module."""
    if isinstance(part, Fork) or part.graph is None:
        return "", ""
    graph = part.graph.graph
    name = f"graph_{hashlib.sha256(repr(graph).encode()).hexdigest()[:20]}"
    wires = f"  wire [{graph.input_bits - 1}:0] x;\n  wire [{graph.output_bits - 1}:0] acc;\n"
    return f"{wires}  {name} g (.clk(clk), .x(x), .acc(acc));\n", graph_module(name, part.graph, "")


def _port(name: str, streams: Sequence[Stream]) -> tuple[str, int, int, str]:
    return name, streams[0].width, len(streams), "out" if name == "m_axis" else "in"


def _literal(value: int | str) -> str:
    return str(value) if isinstance(value, int) or "'" in value else f'"{value}"'


def synthesised(parts: Sequence[Part], family: str, yosys: str, known_only: bool = False) -> list[Cells | None]:
    """Cells of each part on `family`; runs Yosys for those that are not known yet, or leaves them out."""
    files = [_file(family, part.text) for part in parts]
    missing = [(file, part) for file, part in zip(files, parts, strict=True) if not file.exists()]
    batches = 0 if known_only else math.ceil(len(missing) / BATCH)
    for number in range(batches):
        batch = missing[number::batches]
        print(f"{family}: {len(batch)} parts in Yosys, {number + 1} of {batches}", flush=True)
        for (file, _), cells in zip(batch, _run([part for _, part in batch], family, yosys), strict=True):
            file.write_text(json.dumps(cells, sort_keys=True), "ascii")
    return [json.loads(file.read_text()) if file.exists() else None for file in files]


def whole(plan: Plan, family: str, yosys: str) -> Cells:
    """Cells of a whole network on `family`, flattened."""
    text = network(plan) + "".join(graphs(plan).values())
    roms = {rom.file: "\n".join(rom.words) + "\n" for rom in plan.net.roms}
    file = _file(family, text + repr(sorted(roms.items())))
    if not file.exists():
        folder = _folder(roms)
        (folder / "parts.v").write_text(text, "ascii")
        report = _yosys(folder, family, [f"{SYNTHESIS[family]} -top {plan.program.name}"], yosys)
        file.write_text(json.dumps(report["design"]["num_cells_by_type"], sort_keys=True), "ascii")
    cells: Cells = json.loads(file.read_text())
    return cells


def resources(cells: Mapping[str, int], family: str) -> Resources:
    """What cells take of a device."""
    found = count(cells, family)
    if found.others:
        raise SystemExit(f"cells {', '.join(found.others)}, expected those that hwq/synth/cells.py knows")
    return found.resources


def _file(family: str, text: str) -> Path:
    """Where the result for a text is kept; the modules of the library below it are part of the text."""
    below = [UNSEEN.sub("", path.read_text("utf-8")) for path in _used(text)]
    key = hashlib.sha256(repr((text, below, SYNTHESIS[family] + MACROS.get(family, ""))).encode()).hexdigest()[:24]
    known = FOLDER / family
    known.mkdir(parents=True, exist_ok=True)
    return known / f"{key}.json"


def _used(text: str) -> list[Path]:
    """The modules of the library that a text names, and those that they name."""
    found: set[Path] = set()
    texts = [text]
    while texts:
        named = {LIBRARY / f"{name}.sv" for name in set(re.findall(r"\bhwq_\w+", texts.pop()))}
        fresh = {path for path in named - found if path.exists()}
        found |= fresh
        texts += [path.read_text("utf-8") for path in fresh]
    return sorted(found)


def _folder(roms: Mapping[str, str]) -> Path:
    """A new folder with the library and memory files."""
    folder = Path(tempfile.mkdtemp(dir=FOLDER))
    (folder / "rom").mkdir()
    for path in LIBRARY.glob("*.sv"):
        shutil.copy(path, folder)
    for file, text in roms.items():
        (folder / file).write_text(text, "ascii")
    return folder


def _run(parts: Sequence[Part], family: str, yosys: str) -> list[Cells]:
    """Parts in one run of Yosys, below a module whose ports are theirs."""
    folder = _folder({file: text for part in parts for file, text in part.roms.items()})
    names = [f"part_{number}" for number in range(len(parts))]
    texts = [part.text.replace("@", name, 1) for name, part in zip(names, parts, strict=True)]
    (folder / "parts.v").write_text("\n".join([*texts, _top(names, texts)]), "ascii")
    apart = f"setattr -mod -set keep_hierarchy 1 {' '.join(names)}"
    modules = _yosys(folder, family, [apart, "hierarchy -top top", f"{SYNTHESIS[family]} -top top"], yosys)["modules"]
    return [modules[f"\\{name}"]["num_cells_by_type"] for name in names]


def _yosys(folder: Path, family: str, commands: Sequence[str], yosys: str) -> dict[str, Any]:
    """What Yosys says after `commands` on the library and parts.v in `folder`."""
    library = " ".join(sorted(path.name for path in LIBRARY.glob("*.sv")))
    script = [
        f"read_verilog -sv -defer{MACROS.get(family, '')} {library}",
        "read_verilog -sv parts.v",
        *commands,
        "tee -o cells.json stat -json",
    ]
    (folder / "run.ys").write_text("\n".join(script) + "\n", "ascii")
    command = ["nice", "-n", "5", yosys, "-q", "-l", "log.txt", "-s", "run.ys"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    report = folder / "cells.json"
    if done.returncode or not report.exists():
        raise SystemExit(f"Yosys: {(done.stderr or done.stdout).strip()[-2000:]}")
    found: dict[str, Any] = json.loads(report.read_text())
    shutil.rmtree(folder)
    return found


def _top(names: Sequence[str], texts: Sequence[str]) -> str:
    """A module with one instance of each part, all of whose ports are ports of its own."""
    ports, body = ["input wire clk", "input wire rst"], []
    for name, text in zip(names, texts, strict=True):
        links = []
        for port in text.split("(", 1)[1].split(");", 1)[0].split(", "):
            label = port.rsplit(" ", 1)[1]
            if label in ("clk", "rst"):
                links.append(f".{label}({label})")
            else:
                ports.append(f"{port.rsplit(' ', 1)[0]} {name}_{label}")
                links.append(f".{label}({name}_{label})")
        body.append(f"  {name} u_{name} ({', '.join(links)});")
    return f"module top ({', '.join(ports)});\n" + "\n".join(body) + "\nendmodule\n"
