"""The RTL of many networks in one simulation: each with its own testbench and vectors, all below one top module.

A testbench compares every beat of every output and of every inner stream.  Runs differ in who stalls: nobody, what
feeds the network, what takes its results, or both.  A network's clock stops when it is done.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from network_case import RTL_FRAMES, Case, Troubles

from hwq.emit.render import library
from hwq.emit.rtl import graphs, network, testbench, traced
from hwq.errors import CheckFailed
from hwq.hw.pack import stream_words
from hwq.verify import tools
from hwq.verify.simulate import missing_memory, require_simulator

STALLS = {"free": (0, 0), "starved": (70, 0), "blocked": (0, 70), "random": (45, 45)}
"""Runs, and the per cent of cycles in which inputs and outputs stall."""
ICARUS_RUNS = ("free", "random")
VERILATOR = (
    "--binary", "--timing", "-O3", "--timescale", "1ns/1ps", "-Wno-fatal", "--Mdir", "obj", "-o", "../sim",
    "--top-module", "all_networks", "-DHWQ_TRACE=1", "-DHWQ_COCOTB=1", "-CFLAGS", "-O0", "-j", "1",
)  # fmt: skip
ICARUS = ("-g2012", "-DHWQ_TRACE=1", "-DHWQ_COCOTB=1", "-s", "all_networks", "-o", "sim.vvp")
TIMEOUT = 900.0


def verilator(cases: Sequence[Case], folder: Path) -> dict[str, Troubles]:
    """Verilator, every stream, in all runs of `STALLS`."""
    files = _files(cases, folder)
    tool = require_simulator("verilator")
    _compile([str(tool.path), *VERILATOR, *files], folder)
    return {"verilator": _runs([str(folder / "sim")], cases, folder, STALLS)}


def icarus(cases: Sequence[Case], folder: Path) -> dict[str, Troubles]:
    """Icarus, every stream, in the runs without and with stalls of both sides: it is slow."""
    files = _files(cases, folder)
    tool = require_simulator("icarus")
    _compile([str(tool.path), *ICARUS, *files], folder)
    runs = {label: STALLS[label] for label in ICARUS_RUNS}
    return {"icarus": _runs([str(tools.require("vvp").path), "-N", "sim.vvp"], cases, folder, runs)}


def _compile(command: Sequence[str], folder: Path) -> None:
    done = tools.run(command, cwd=folder, timeout=TIMEOUT)
    if done.returncode != 0:
        lines = [line for line in done.output.splitlines() if re.search(r"error|sorry", line, re.IGNORECASE)]
        raise CheckFailed(f"{Path(command[0]).name} does not compile:\n" + "\n".join(lines[:20]))


def _files(cases: Sequence[Case], folder: Path) -> list[str]:
    """Write the library, all networks, testbenches, memories and vectors; the names of the SystemVerilog files."""
    texts = {f"rtl/{name}": text for name, text in library("rtl").items() if name.endswith(".sv")}
    texts |= {f"tb/{name}": text for name, text in library("tb").items()}
    for case in cases:
        name = case.name
        own = {f"rtl/{name}.sv": network(case.plan), f"tb/tb_{name}.sv": testbench(case.plan, RTL_FRAMES)}
        own |= {f"rtl/{module}.sv": text for module, text in graphs(case.plan).items()}
        texts |= {file: _apart(text, name) for file, text in own.items()}
        for rom in case.plan.net.roms:
            _write(folder / "rom" / name / Path(rom.file).name, rom.words)
        _vectors(folder / "vectors" / name, case)
    texts["tb/all_networks.sv"] = _top(cases)
    for file, text in texts.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, "utf-8")
    return sorted(texts)


def _apart(text: str, name: str) -> str:
    """The text with memories, vectors and result lines of its own, and a clock that stops."""
    for old, new in (
        ('"rom/', f'"rom/{name}/'), ('"vectors/', f'"vectors/{name}/'), ("HWQ_RESULT", f"HWQ_RESULT {name}"),
        ("HWQ_DEADLOCK", f"HWQ_DEADLOCK {name}"), ('.NAME("', f'.NAME("{name}.'),
        ("always #5 clk = ~clk;", "always #5 if (!done) clk = ~clk;"),
    ):  # fmt: skip
        text = text.replace(old, new)
    return text


def _top(cases: Sequence[Case]) -> str:
    benches = "".join(f"  tb_{case.name} u_{case.name} ();\n" for case in cases)
    done = " && ".join(f"u_{case.name}.done" for case in cases)
    return (
        "`timescale 1ns / 1ps\nmodule all_networks;\n"
        f"{benches}  wire finished = {done};\n  always @(finished) if (finished === 1'b1) $finish;\nendmodule\n"
    )


def _vectors(folder: Path, case: Case) -> None:
    for edge in (*case.plan.inputs, *case.plan.outputs):
        name = edge.port.tensor if edge in case.plan.inputs else edge.prefix
        words = stream_words(case.frames_of(edge.port.tensor, RTL_FRAMES), edge.lanes, edge.bits)
        _write(folder / f"{name}.mem", words)
    entering = {edge.port.tensor for edge in case.plan.inputs}
    for stream in traced(case.plan):
        if stream.name not in entering:
            bits = case.program.types[stream.name].bits
            words = stream_words(case.frames_of(stream.name, RTL_FRAMES), stream.lanes, bits)
            _write(folder / f"{stream.name}.mem", words)


def _write(path: Path, words: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(words) + "\n", "ascii")


def _runs(command: Sequence[str], cases: Sequence[Case], folder: Path, runs: Mapping[str, tuple[int, int]]) -> Troubles:
    found: Troubles = {}
    for number, (label, (stall_in, stall_out)) in enumerate(runs.items()):
        plusargs = [
            f"+frames={RTL_FRAMES}", f"+stall_in={stall_in}", f"+stall_out={stall_out}", f"+seed={number + 1}"
        ]  # fmt: skip
        done = tools.run([*command, *plusargs], cwd=folder, timeout=TIMEOUT)
        if done.returncode != 0 or missing_memory(done.output):
            raise CheckFailed(f"run {label}: exit code {done.returncode}:\n{tools.last_lines(done.output)}")
        for case in cases:
            if trouble := _trouble(done.output, case.name):
                found.setdefault(case.name, f"run {label}: {trouble}")
    return found


def _trouble(output: str, name: str) -> str | None:
    """What one testbench said that is not a pass without errors."""
    result = re.search(rf"^HWQ_RESULT {name} (\w+) frames=(\d+) errors=(\d+)", output, re.MULTILINE)
    lines = re.findall(rf"^HWQ_(?:MISMATCH|DEADLOCK|ERROR) {name}\b.*$", output, re.MULTILINE)
    if result and result.groups() == ("PASS", str(RTL_FRAMES), "0") and not lines:
        return None
    return "\n".join([result.group() if result else "no result", *lines[:8]])
