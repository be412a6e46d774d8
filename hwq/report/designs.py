"""Designs of `hwq explore`: a table for a terminal, CSV, JSON and a plot."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hwq.hw.design import Design
from hwq.report.figure import figure_bytes, require_plot

LEGEND = """\
SQNR: signal to quantisation noise of the outputs, on calibration data.  right: share of right answers, by --labels.
LUTs, DSP, RAM: estimates.
area: largest share of the LUTs, registers, multiplier blocks or block RAMs of the device."""
COLUMNS = (
    "best", "device", "clock_mhz", "average_bits", "sqnr_db", "right", "multipliers", "cycles", "fps", "luts",
    "registers", "dsps", "rams", "area", "program", "bits", "why",
)  # fmt: skip


def table(network: str, designs: Sequence[Design]) -> list[RenderableType]:
    """The best designs, device by device, and why there are none of some."""
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    clocks = len({one.clock for one in designs}) > 1
    scored = any(one.score is not None for one in designs)
    heads = (
        "device",
        *("MHz",) * clocks,
        "bits",
        "SQNR\ndB",
        *("right\n%",) * scored,
        "multi-\npliers",
        "frames\n/s",
        "LUTs",
        "DSP",
        "RAM",
        "area",
    )
    for head in heads:
        grid.add_column(head, justify="left" if head == "device" else "right", no_wrap=True, vertical="bottom")
    best = sorted((one for one in designs if one.best), key=lambda one: (one.device, one.clock, -one.fps, -one.db))
    for one in best:
        grid.add_row(
            one.device, *(f"{one.clock:g}",) * clocks, f"{one.average:.2f}", f"{one.db:.1f}",
            *(f"{100 * one.score:.2f}",) * scored if one.score is not None else (), f"{one.multipliers:,}",
            f"{one.fps:,.0f}", f"{one.taken.luts:,.0f}", f"{one.taken.dsps:,g}", f"{one.taken.rams:g}",
            f"{100 * one.area:.0f} %",
        )  # fmt: skip
    title = f"{network}: {len(best)} of {len(designs)} designs; no other is as fast, as exact and as small"
    lacking = [f"{one.device}, {one.average:.2f} bits: {one.why}" for one in designs if one.why]
    return [title, "", grid, Text(LEGEND, style="dim"), *dict.fromkeys(lacking)]


def rows(designs: Sequence[Design]) -> list[dict[str, Any]]:
    """Plain values, by the names of `COLUMNS`."""
    return [
        {
            "best": int(one.best), "device": one.device, "clock_mhz": one.clock, "average_bits": round(one.average, 4),
            "sqnr_db": round(one.db, 3), "right": None if one.score is None else round(one.score, 6),
            "multipliers": one.multipliers, "cycles": one.cycles, "fps": round(one.fps, 3),
            **{kind: round(amount, 1) for kind, amount in asdict(one.taken).items()}, "area": round(one.area, 5),
            "program": one.program, "bits": " ".join(map(str, one.bits.values())), "why": one.why,
        }
        for one in designs
    ]  # fmt: skip


def csv_text(designs: Sequence[Design]) -> str:
    """One line for each design, under a line of `COLUMNS`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(designs))
    return text.getvalue()


def json_text(network: str, designs: Sequence[Design]) -> str:
    """The same as one JSON object."""
    return json.dumps({"network": network, "designs": rows(designs)}, indent=1) + "\n"


def plot(network: str, designs: Sequence[Design], kind: str) -> bytes:
    """Rate against area, a colour for each device, darker where outputs are more exact; the best are circled.

    Raises
    ------
    ToolMissing
        When matplotlib is not installed.
    """
    require_plot("--no-plot")
    return figure_bytes(lambda figure: _draw(figure, network, designs), (8.0, 5.5), kind)


def _draw(figure: Any, network: str, designs: Sequence[Design]) -> None:
    axes = figure.add_subplot()
    built = [one for one in designs if not one.why]
    exactness = [one.db for one in built]
    markers = "os^Dv<>Pp*hX"
    scatter = None
    for number, name in enumerate(dict.fromkeys(one.device for one in built)):
        group = [one for one in built if one.device == name]
        x, y = [100 * one.area for one in group], [one.fps for one in group]
        limits = {"vmin": min(exactness), "vmax": max(exactness)}
        marker = markers[number % len(markers)]
        scatter = axes.scatter(x, y, c=[one.db for one in group], marker=marker, label=name, cmap="viridis", **limits)
        best = sorted((one.area, one.fps) for one in group if one.best)
        axes.scatter(
            [100 * area for area, _ in best], [fps for _, fps in best], s=110, marker="o", facecolors="none",
            edgecolors="tab:red", linewidths=1.0,
        )  # fmt: skip
    if scatter is not None:
        figure.colorbar(scatter, label="SQNR of the outputs, dB")
        axes.legend()
        axes.set_yscale("log")
    axes.set(xlabel="largest share of the device, %", ylabel="frames a second", title=f"{network} (circles: the best)")
    axes.grid(alpha=0.3)
