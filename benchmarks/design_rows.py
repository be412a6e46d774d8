"""Rows of `hardware.py`: what is measured of a design, as a table, and kept from run to run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from networks import ROOT
from peers.generators import GENERATORS
from rich.console import Console
from rich.table import Table

FOLDER = ROOT / "build" / "hardware"
RESULTS = FOLDER / "rows.json"
NETWORKS = {"digits_mlp": 20, "digits_cnn": 4, "jet_mlp": 20}
"""The networks, and how many frames of each are simulated."""


@dataclass(frozen=True, slots=True)
class Row:
    """One design: `score` in per cent, latency and interval in cycles, times in seconds.

    `failure` says why something is missing: all of it, or only the cells.
    """

    network: str
    tool: str
    setting: str
    macs: int
    score: float | None = None
    frames: int = 0
    latency: int | None = None
    interval: float | None = None
    multipliers: int | None = None
    generate: float | None = None
    simulate: float | None = None
    luts: float | None = None
    registers: float | None = None
    dsps: float | None = None
    rams: float | None = None
    version: str = ""
    failure: str = ""

    @property
    def utilisation(self) -> float | None:
        """Per cent of the multiplications that the multipliers could do; None without multipliers."""
        return 100 * self.macs / (self.interval * self.multipliers) if self.interval and self.multipliers else None


COLUMNS = (
    "network", "tool", "setting", "score %", "latency", "II", "multipliers", "utilisation %", "LUTs", "registers",
    "DSP", "block RAM", "generate s", "simulate s",
)  # fmt: skip


def cells(row: Row) -> list[str]:
    """The texts of `COLUMNS`."""
    values: list[tuple[float | None, str]] = [
        (row.score, ".1f"), (row.latency, ",d"), (row.interval, ",.0f"), (row.multipliers, "d"),
        (row.utilisation, ".1f"), (row.luts, ",.0f"), (row.registers, ",.0f"), (row.dsps, ".0f"), (row.rams, "g"),
        (row.generate, ".1f"), (row.simulate, ".2g"),
    ]  # fmt: skip
    return [row.network, row.tool, row.setting, *("" if value is None else f"{value:{form}}" for value, form in values)]


def failures(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each row that is not whole."""
    for row in rows:
        if row.failure:
            yield f"{row.network}, {row.tool} {row.setting}: {row.failure}"


def show(console: Console, rows: Sequence[Row]) -> None:
    """Print rows as a table, and below it what failed."""
    table = Table(*COLUMNS, title="Hardware at 8 bits, Xilinx 7 by Yosys")
    for k, row in enumerate(rows):
        last = k + 1 == len(rows) or rows[k + 1].network != row.network
        table.add_row(*cells(row), style="bold" if row.tool == "hwq" else "", end_section=last)
    console.print(table)
    for line in failures(rows):
        console.print(line, highlight=False, markup=False)


def markdown(rows: Sequence[Row]) -> Iterator[str]:
    """The lines of the table for a document."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{' --- |' * len(COLUMNS)}"
    for row in rows:
        yield f"| {' | '.join(cells(row))} |"
    yield ""
    yield from failures(rows)


def recorded() -> list[Row]:
    """The rows of earlier runs."""
    return [Row(**values) for values in json.loads(RESULTS.read_text())] if RESULTS.exists() else []


def record(rows: Sequence[Row]) -> None:
    """Write `rows` down, in place of earlier ones of the same name, in the order of networks, tools and settings."""
    kept = {(row.network, row.tool, row.setting): row for row in (*recorded(), *rows)}
    networks, generators = list(NETWORKS), ["hwq", *GENERATORS]
    found = list(kept.values())
    found.sort(key=lambda row: (networks.index(row.network), generators.index(row.tool), row.setting))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")
