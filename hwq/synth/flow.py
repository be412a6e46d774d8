"""The flow of a device: scripts for its tools, and the steps that run them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hwq.emit.render import render
from hwq.emit.rtl import header
from hwq.hw.device import Device
from hwq.hw.fold import ceil_div
from hwq.hw.plan import Edge, Plan
from hwq.synth import ram_registers
from hwq.synth.liberty import Buffer

FOLDER = "syn"
"""In a build: what synthesis writes, a folder for each device."""
EDITOR = "ram_registers.py"
"""Name of the script in such a folder that moves registers into block RAMs."""
LIBERTY = "cells.lib"
"""Name of the liberty file in such a folder."""


@dataclass(frozen=True, slots=True)
class Step:
    """One program of a flow, run in the build folder; it writes `log`, itself or (`output`) by what it prints.

    In the netlist `edits` that it made registers move into block RAMs.
    """

    title: str
    tool: str
    arguments: tuple[str, ...]
    log: str
    makes: str
    output: bool = False
    edits: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """Scripts by name, the steps that hwq runs, and commands for the scripts of tools that it does not run."""

    scripts: Mapping[str, str]
    steps: tuple[Step, ...]
    by_hand: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be synthesised: a plan for a device at a clock in MHz; `route` wants all that comes after synthesis.

    `sources` are the build's RTL files, relative to its folder; `buffer` is a cell of the library, for standard cells.
    """

    plan: Plan
    device: Device
    clock: float
    sources: Sequence[str]
    route: bool = True
    buffer: Buffer | None = None

    @property
    def here(self) -> str:
        """The device's folder in the build."""
        return f"{FOLDER}/{self.device.name}"

    @property
    def top(self) -> str:
        """The network's module."""
        return self.plan.program.name

    def render(self, template: str, **values: Any) -> str:
        """The text of `templates/syn/<template>`."""
        known = {
            "header": header(self.plan), "title": self.device.title, "here": self.here, "top": self.top,
            "part": self.device.part, "sources": self.sources, "memories": [rom.file for rom in self.plan.net.roms],
            "period": f"{1000 / self.clock:.4g}",
        }  # fmt: skip
        return render(f"syn/{template}", **{**known, **values})

    def step(self, title: str, tool: str, makes: str, log: str, *arguments: str, output: bool = False) -> Step:
        """A step whose files lie in the device's folder: ``@NAME`` in `arguments` is one of them."""
        words = tuple(f"{self.here}/{word[1:]}" if word.startswith("@") else word for word in arguments)
        return Step(title, tool, words, f"{self.here}/{log}", f"{self.here}/{makes}", output)


def flow(job: Job) -> Flow:
    """The flow of the job's device."""
    made = _FLOWS[job.device.family.name](job)
    steps = made.steps if job.route else made.steps[:1]
    return Flow({**made.scripts, "run.sh": job.render("run.sh.j2", steps=steps)}, steps, made.by_hand)


def _yosys(job: Job, makes: str) -> Step:
    return job.step("Synthesis", "yosys", makes, "yosys.log", "-q", "-l", "@yosys.log", "-s", "@yosys.ys")


def _with_pins(job: Job, synth: str, macro: str = "") -> dict[str, str]:
    """Scripts for a flow that goes on to a bitstream: the network between few pins.

    Under a `macro` RTL names blocks of the family, which Yosys knows from `synth` on, so it cannot check them before.
    """
    inputs, outputs = _placed(job.plan.inputs), _placed(job.plan.outputs)
    top, out_bits = f"{job.top}_pins", sum(edge["width"] for edge in outputs)
    return {
        "yosys.ys": job.render(
            "fpga.ys.j2", top=top, network=job.top, pins=True, synth=synth, macro=f"-D {macro} " if macro else "",
            check="" if macro else "-check ",
            sources=[*job.sources, f"{job.here}/pins.sv"],
        ),
        "pins.sv": job.render(
            "pins.sv.j2", top=top, network=job.top, inputs=inputs, outputs=outputs,
            in_bits=sum(edge["width"] for edge in inputs), out_bits=out_bits, out_bytes=ceil_div(out_bits, 8),
        ),
    }  # fmt: skip


def _placed(edges: Sequence[Edge]) -> list[dict[str, Any]]:
    """Ports side by side: where the data of each begin."""
    out: list[dict[str, Any]] = []
    for edge in edges:
        first = out[-1]["first"] + out[-1]["width"] if out else 0
        out.append({"prefix": edge.prefix, "width": edge.tdata_width, "first": first})
    return out


def _nextpnr(job: Job, family: str, made: str, *where: str) -> Step:
    return job.step(
        "Place and route", f"nextpnr-{family}", made, "nextpnr.log", "-q", "-l", "@nextpnr.log", *where,
        "--freq", f"{job.clock:g}", "--timing-allow-fail", "--seed", "1", "--json", "@netlist.json",
        "--report", "@timing.json",
    )  # fmt: skip


def _ice40(job: Job) -> Flow:
    chip, package = job.device.part.split("-")
    synth = f"synth_ice40 -device {'u' if chip.startswith('up') else 'hx'}"
    place = _nextpnr(job, "ice40", "bits.asc", f"--{chip}", "--package", package, "--asc", f"{job.here}/bits.asc")
    pack = job.step("Bitstream", "icepack", "bitstream.bin", "icepack.log", "@bits.asc", "@bitstream.bin", output=True)
    scripts = _with_pins(job, synth, "HWQ_ICE40" if job.device.dsps else "")
    return Flow(scripts, (_yosys(job, "netlist.json"), place, pack))


def _ecp5(job: Job) -> Flow:
    size, package, speed = job.device.part.split("-")
    where = (f"--{size}", "--package", package, "--speed", speed, "--lpf-allow-unconstrained")
    place = _nextpnr(job, "ecp5", "bits.config", *where, "--textcfg", f"{job.here}/bits.config")
    pack = job.step(
        "Bitstream", "ecppack", "bitstream.bit", "ecppack.log", "--compress", "@bits.config", "@bitstream.bit",
        output=True,
    )  # fmt: skip
    yosys = replace(_yosys(job, "netlist.json"), edits=f"{job.here}/netlist.json")
    scripts = {**_with_pins(job, "synth_ecp5", "HWQ_ECP5"), EDITOR: inspect.getsource(ram_registers)}
    return Flow(scripts, (yosys, place, pack))


def _synthesis_only(job: Job, synth: str, scripts: Mapping[str, str], by_hand: tuple[str, ...] = ()) -> Flow:
    script = job.render("fpga.ys.j2", network=job.top, pins=False, synth=synth, macro="", check="-check ")
    return Flow({"yosys.ys": script, **scripts}, (_yosys(job, "netlist.json"),), by_hand)


def _gowin(job: Job) -> Flow:
    series = job.device.part.split("-")[0].lower()
    return _synthesis_only(job, f"synth_gowin -family {series} -noiopads", {})


def _xilinx(job: Job) -> Flow:
    series = {"xilinx7": "xc7", "xilinx_us": "xcup"}[job.device.family.name]
    streams = [edge.prefix for edge in (*job.plan.inputs, *job.plan.outputs)]
    scripts = {
        "vivado.tcl": job.render("vivado.tcl.j2"),
        "package_ip.tcl": job.render("package_ip.tcl.j2", streams=streams),
        "clock.xdc": job.render("clock.xdc.j2"),
    }
    by_hand = tuple(f"vivado -mode batch -source {job.here}/{name}.tcl" for name in ("vivado", "package_ip"))
    return _synthesis_only(job, f"synth_xilinx -family {series} -flatten -noiopad -noclkbuf", scripts, by_hand)


def _cyclone5(job: Job) -> Flow:
    scripts = {
        "quartus.tcl": job.render("quartus.tcl.j2", quartus_family="Cyclone V"),
        "clock.sdc": job.render("clock.sdc.j2"),
    }
    by_hand = (f"quartus_sh -t {job.here}/quartus.tcl",)
    return _synthesis_only(job, "synth_intel_alm -family cyclonev -noiopad -noclkbuf", scripts, by_hand)


def _asic(job: Job) -> Flow:
    streams = [
        *(f"{edge.prefix}_t{signal}" for edge in job.plan.inputs for signal in ("valid", "data", "last")),
        *(f"{edge.prefix}_tready" for edge in job.plan.outputs),
    ]
    wide = {f"{edge.prefix}_tdata" for edge in job.plan.inputs}
    inputs = ["rst", *(f"{{{name}[*]}}" if name in wide else name for name in streams)]
    scripts = {
        "yosys.ys": job.render("asic.ys.j2", picoseconds=round(1e6 / job.clock)),
        "sta.tcl": job.render("sta.tcl.j2", inputs=inputs, buffer=job.buffer),
    }
    timing = job.step(
        "Timing", "sta", "timing.log", "timing.log", "-exit", "-no_splash", "@sta.tcl", output=True
    )  # fmt: skip
    return Flow(scripts, (_yosys(job, "netlist.v"), timing))


_FLOWS: Mapping[str, Callable[[Job], Flow]] = {
    "ice40": _ice40, "ecp5": _ecp5, "gowin": _gowin, "xilinx7": _xilinx, "xilinx_us": _xilinx,
    "cyclone5": _cyclone5, "asic": _asic,
}  # fmt: skip
"""The flow of each family of hwq/hw/devices.toml."""
