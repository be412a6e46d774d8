"""hwq beside the numbers of qonnx: roundings, quantisers, thresholds, and bounds of accumulators.

    python benchmarks/qonnx_tables.py            a table of what was compared and what is equal
    python benchmarks/qonnx_tables.py --frozen   also the few numbers that tests/frontend/qonnx_numbers.json keeps

qonnx runs in an environment of its own (peers/qonnx_tables.py): the tables of its tests, and its functions on more
values.  Roundings and quantisers are compared with what hwq reads models by; thresholds with the operation `threshold`;
bounds with those of a `dense` layer of the same weights, and the width of its accumulator.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import numpy as np
from import_cases import FOLDER
from networks import ROOT
from onnx import helper
from peers.emulators import EMULATORS
from peers.environments import SCRIPTS
from rich.console import Console
from rich.table import Table

from hwq.arith import Requant, Rounding
from hwq.frontend.node import Node
from hwq.frontend.quantised.quantiser import ROUNDINGS, Quantiser
from hwq.ops import Dense, Threshold

FROZEN = ROOT / "tests" / "frontend" / "qonnx_numbers.json"
TENTHS = 10
"""Of which the numbers of qonnx's test of thresholds are multiples."""


def tables() -> dict[str, Any]:
    """The numbers of qonnx."""
    tool, scratch, out = EMULATORS["qonnx"], FOLDER / "tables", FOLDER / "tables.json"
    if reason := tool.install():
        raise SystemExit(f"qonnx does not install: {reason}")
    scratch.mkdir(parents=True, exist_ok=True)
    subprocess.run([str(tool.python), str(SCRIPTS / "qonnx_tables.py"), str(scratch), str(out)], check=True)
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def rounded(row: dict[str, Any]) -> bool:
    """Whether a rounding gives the same."""
    return np.array_equal(ROUNDINGS[row["mode"]](np.array(row["x"])), row["y"])


def quantised(row: dict[str, Any]) -> bool:
    """Whether a quantiser gives the same real values."""
    node = helper.make_node(
        "Quant", ["x", "scale", "zero", "bits"], ["y"], rounding_mode=row["mode"], signed=row["signed"],
        narrow=row["narrow"], domain="qonnx.custom_op.general",
    )  # fmt: skip
    constants = {name: np.float32(row[name]) for name in ("scale", "zero", "bits")}
    integers = Quantiser.of(Node.of(node), constants).integers(np.float32(row["x"]))
    return np.array_equal(np.float32(integers - row["zero"]) * np.float32(row["scale"]), row["y"])


def counted(table: dict[str, Any]) -> bool:
    """Whether counts of thresholds are the same."""
    x, rows = (np.rint(np.array(table[name]) * TENTHS).astype(np.int64) for name in ("inputs", "thresholds"))
    op = Threshold(name="t", inputs=("x",), thresholds=rows, low=0, bits=4, signed=False)
    return np.array_equal(np.moveaxis(op.evaluate(np.moveaxis(x, 1, -1)), -1, 1), table["outputs"])


def bounded(row: dict[str, Any]) -> bool:
    """Whether the bounds of an accumulator and its bits are the same; hwq has no accumulator of a single bit."""
    weight = np.array(row["weights"], np.int64)[:, None, None]
    layer = Dense(
        name="d", inputs=("x",), weight=weight, bias=np.zeros(len(weight), np.int64), weight_bits=17,
        requant=Requant((1,), 0, Rounding.FLOOR, 0, -(2**31), 2**31 - 1), acc_bits=40, bits=32, signed=True,
    )  # fmt: skip
    data = row["data_low"], row["data_high"]
    return (*layer.accumulator(data), layer.accumulator_bits(data)) == (row["low"], row["high"], max(2, row["bits"]))


def compared(found: dict[str, Any]) -> Iterator[tuple[str, int, int]]:
    """What was compared, how many of it, and how many are equal."""
    for tested, name in ((True, "roundings of qonnx's test"), (False, "roundings of eighths")):
        rows = [row for row in found["roundings"] if row["tested"] is tested]
        yield name, len(rows), sum(map(rounded, rows))
    yield (
        "quantisers (mode, sign, narrow, zero point)",
        len(found["quantisers"]),
        sum(map(quantised, found["quantisers"])),
    )
    yield "thresholds of qonnx's test", 1, int(counted(found["thresholds"]))
    yield (
        "accumulators (types, 1 to 100 products)",
        len(found["accumulators"]),
        sum(map(bounded, found["accumulators"])),
    )


def frozen(found: dict[str, Any]) -> dict[str, Any]:
    """A few of the numbers: roundings of quarters up to 3, and bounds of sums of ten products."""
    every = [row for row in found["roundings"] if not row["tested"]]
    pick = [k for k, x in enumerate(every[0]["x"]) if abs(x) <= 3 and x * 4 == int(x * 4)]
    sums = [row for row in found["accumulators"] if len(row["weights"][0]) == 10]
    return {
        "version": found["version"],
        "x": [every[0]["x"][k] for k in pick],
        "roundings": {row["mode"]: [int(row["y"][k]) for k in pick] for row in every},
        "accumulators": [[row[key] for key in ("data_low", "data_high", "low", "high", "bits")]
                         + [row["weights"]] for row in sums[::5]],
    }  # fmt: skip


def main() -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frozen", action="store_true", help="write the numbers that a test keeps")
    options = parser.parse_args()
    found = tables()
    table = Table("numbers of qonnx " + found["version"], "compared", "equal")
    for name, count, equal in compared(found):
        table.add_row(name, f"{count}", f"{equal}")
    Console().print(table)
    if options.frozen:
        FROZEN.write_text(json.dumps(frozen(found), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
