"""Pareto: the front of `hwq explore` as a table for a terminal, as JSON and as a plot."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hwq.quant.config import Cost
from hwq.quant.explore import Front, Point
from hwq.report.figure import figure_bytes, require_plot
from hwq.report.terminal import short_number

DIGITS = "0123456789abcdefg"
"""Widths of layers, one character each."""
COST_NAMES = {Cost.ROM: "weight memory", Cost.WORK: "multiplier work"}
LEGEND = """\
SQNR: signal to quantisation noise of the outputs, on calibration data.
bits by layer: one digit a layer, in network order{more}.
* on the front: no other point is more exact and no more expensive."""


def table(front: Front) -> list[RenderableType]:
    """All points, with the meaning of the columns."""
    measured = any(point.measured_db is not None for point in front.points)
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    heads = ["", "average\nbits", "ROM\nbits", "work", "SQNR dB\npredicted"] + ["SQNR dB\nmeasured"] * measured
    for head in heads:
        grid.add_column(head, justify="right", no_wrap=True, vertical="bottom")
    grid.add_column("bits by layer", overflow="fold", vertical="bottom")
    for point in front.points:
        cells = [
            "*" if point.best else "",
            f"{point.average:.2f}",
            short_number(point.rom_bits),
            short_number(point.work),
        ]
        cells += [f"{point.predicted_db:.1f}"] + ([f"{point.db:.1f}"] if measured else [])
        grid.add_row(*cells, _layers(point))
    wide = any(width > 9 for point in front.points for width in point.bits.values())
    what = "bits of a weight" if front.cost is Cost.ROM else "bits of a weight, over all multiplications"
    title = f"{front.network}: SQNR against {COST_NAMES[front.cost]} (average: {what})"
    return [title, "", grid, Text(LEGEND.format(more=", a: 10, b: 11 and so on" if wide else ""), style="dim")]


def as_json(front: Front) -> dict[str, Any]:
    """Plain values."""
    return {"network": front.network, "cost": front.cost.value, "points": [asdict(point) for point in front.points]}


def json_text(front: Front) -> str:
    """The same as text, one point a line."""
    value = as_json(front)
    points = ",\n  ".join(json.dumps(point) for point in value["points"])
    head = f'"network": {json.dumps(front.network)}, "cost": "{front.cost.value}"'
    return f'{{{head}, "points": [\n  {points}\n]}}\n'


def plot(front: Front, kind: str) -> bytes:
    """The plot as a file of type `kind`, ``svg`` or ``png``; equal fronts give equal bytes.

    Raises
    ------
    ToolMissing
        When matplotlib is not installed.
    """
    require_plot("--no-plot")
    return figure_bytes(lambda figure: _draw(figure.add_subplot(), front), (7.5, 5.0), kind)


def _draw(axes: Any, front: Front) -> None:
    mixed = [point for point in front.points if point.best or not point.even]
    even = [point for point in front.points if point.even]
    measured = all(point.measured_db is not None for point in front.points)
    for points, colour, name in ((mixed, "tab:blue", "bits by layer"), (even, "tab:orange", "one width for all")):
        x = [point.average for point in points]
        if measured:
            axes.plot(x, [point.db for point in points], "o-", color=colour, label=f"{name}, measured")
        style = {"alpha": 0.6, "markersize": 4} if measured else {}
        axes.plot(x, [point.predicted_db for point in points], "s:", color=colour, label=f"{name}, predicted", **style)
    for point in even:
        axes.annotate(
            str(max(point.bits.values(), default=0)), (point.average, point.db), xytext=(6, -10),
            textcoords="offset points", fontsize=8, color="tab:orange",
        )  # fmt: skip
    unit = "weight" if front.cost is Cost.ROM else "weight, over all multiplications"
    axes.set(xlabel=f"average bits of a {unit}", ylabel="SQNR of the outputs on calibration data, dB")
    axes.set_title(front.network)
    axes.grid(alpha=0.3)
    axes.legend()


def _layers(point: Point) -> str:
    return "".join(DIGITS[width] for width in point.bits.values())
