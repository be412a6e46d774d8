"""Reports of Yosys, nextpnr and OpenSTA, as figures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwq.errors import CheckFailed
from hwq.hw.plan import Plan
from hwq.synth.cells import cells_by_type, count
from hwq.synth.owner import inside, layer
from hwq.synth.result import CriticalPath, Figures

_USED = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%", re.MULTILINE)
_ERROR = re.compile(r"^(?:ERROR|Error|error): *(.*)$", re.MULTILINE)
ROWS: Mapping[str, Mapping[str, str]] = {
    "ice40": {"luts": "ICESTORM_LC", "dsps": "ICESTORM_DSP", "rams": "ICESTORM_RAM"},
    "ecp5": {"luts": "TRELLIS_COMB", "registers": "TRELLIS_FF", "dsps": "MULT18X18D", "rams": "DP16KD"},
}
"""How nextpnr calls the parts of a device; a logic cell of iCE40 is a LUT, a register, or both."""


def synthesised(report: Path, network: str, family: str) -> tuple[Figures, dict[str, int]]:
    """Figures of the module `network`, and its cells that belong to no row, from what Yosys wrote with `stat -json`.

    Raises
    ------
    CheckFailed
        When the report is damaged.
    """
    text = _json(report)
    own = text.get("modules", {}).get(f"\\{network}")
    cells = cells_by_type({"design": own} if own else text)
    if family == "asic":
        number = sum(number for name, number in cells.items() if not name.startswith("$"))
        area = float((own or text).get("area", 0.0))
        return Figures(cells=number, area=area), {name: n for name, n in cells.items() if name.startswith("$_")}
    found = count(cells, family)
    return Figures.of(found.resources), dict(found.others)


def routed(report: Path, family: str, plan: Plan) -> tuple[Figures, CriticalPath | None]:
    """Figures and the critical path from what nextpnr wrote with `--report`.

    Raises
    ------
    CheckFailed
        When the report is damaged.
    """
    text = _json(report)
    try:
        parts = text["utilization"]
        # What a device has none of is not listed.
        used = {row: float(parts[part]["used"]) if part in parts else 0.0 for row, part in ROWS[family].items()}
        clocks = [float(clock["achieved"]) for clock in text["fmax"].values()]
        paths = [
            path for path in text["critical_paths"] if not {"<async>"} & {path["from"].strip(), path["to"].strip()}
        ]
        critical = _critical(paths[0]["path"], plan) if paths else None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise CheckFailed(
            f"{report.name}: not as nextpnr writes it ({error!r:.80}). Use nextpnr 0.4 or newer."
        ) from None
    fmax = min(clocks, default=None)
    return Figures(used["luts"], used.get("registers"), used["dsps"], used["rams"], fmax=fmax), critical


def _critical(path: list[dict[str, Any]], plan: Plan) -> CriticalPath:
    layers: dict[str, float] = {}
    sums = {"logic": 0.0, "routing": 0.0}
    owner = layer(path[0]["from"]["cell"], plan)
    for part in path:
        delay, cell = float(part["delay"]), part["from"]["cell"]
        if not cell.startswith("$"):  # else nextpnr put a cell between those of the design
            owner = layer(cell, plan)
        layers[owner] = layers.get(owner, 0.0) + delay
        sums["routing" if part["type"] == "routing" else "logic"] += delay
    start, end = path[0]["from"]["cell"], path[-1]["to"]["cell"]
    return CriticalPath(
        sum(sums.values()), inside(start), inside(end), layer(start, plan), layer(end, plan),
        sums["logic"], sums["routing"], layers,
    )  # fmt: skip


def overfull(log: str) -> dict[str, tuple[int, int]]:
    """Parts of a device, by nextpnr's name, of which a design needs more than there are: needed and available."""
    found = {name: (int(used), int(there)) for name, used, there in _USED.findall(log)}
    return {name: (used, there) for name, (used, there) in found.items() if used > there}


def errors(log: str) -> list[str]:
    """What a tool calls errors, without doublets."""
    return list(dict.fromkeys(text.strip() for text in _ERROR.findall(log)))


def timed(log: str, netlist: str, clock: float, plan: Plan) -> tuple[float, float, CriticalPath]:
    """Slack in ns, the highest clock in MHz, and the critical path, from OpenSTA's `report_checks`.

    Raises
    ------
    CheckFailed
        When there is an error in the log, which OpenSTA goes on after, or no path.
    """
    wrong = [line for line in log.splitlines() if re.search(r"\berror\b", line, re.IGNORECASE)]
    slack = re.search(r"^\s*(-?[\d.]+)\s+slack", log, re.MULTILINE)
    ends = re.findall(r"^(?:Start|End)point: (\S+)", log, re.MULTILINE)
    if wrong or slack is None or len(ends) != 2:
        raise CheckFailed(f"OpenSTA: {wrong[0].strip() if wrong else 'it found no path'}, expected a slack.")
    start, end = (_driven(netlist, name) for name in ends)
    period, left = 1000 / clock, float(slack[1])
    path = CriticalPath(period - left, inside(start), inside(end), layer(start, plan), layer(end, plan))
    return left, 1000 / (period - left), path


def buffers(log: str) -> int:
    """How many buffers the script of OpenSTA has put into the netlist."""
    found = re.search(r"^buffers (\d+)$", log, re.MULTILINE)
    return int(found[1]) if found else 0


def _driven(netlist: str, cell: str) -> str:
    """The net that the output of a cell drives, which has a name of the design; the name itself for a port."""
    body = re.search(rf"^\s*\S+ {re.escape(cell)} \((.*?)\);", netlist, re.MULTILINE | re.DOTALL)
    found = re.findall(r"\.Q\w*\(\s*(\\\S+|[\w\[\]]+)", body[1]) if body else []
    return found[0] if found else cell


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckFailed(f"{path.name}: cannot be read ({error!s:.80}), expected a report of the tool.") from None
    return found if isinstance(found, dict) else {}
