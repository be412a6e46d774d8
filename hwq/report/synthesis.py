"""The result of a synthesis as a table and lines for a terminal, readable from 80 columns on."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hwq.synth.fit import number
from hwq.synth.result import CriticalPath, Figures, Synthesis

ROWS = {
    "luts": "LUTs", "registers": "registers", "dsps": "DSP blocks", "rams": "block RAMs", "cells": "cells",
    "area": "cell area", "fmax": "Fmax, MHz", "slack": "slack, ns",
}  # fmt: skip
"""What the table calls each figure."""


def as_json(result: Synthesis) -> dict[str, Any]:
    """Plain values."""
    return {**asdict(result), "clock_met": result.clock_met}


def report(result: Synthesis) -> list[RenderableType]:
    """The whole report, in the order in which it is printed."""
    parts: list[RenderableType] = [f"{result.title}, clock of {result.clock:g} MHz"]
    if result.last or result.estimate:
        parts += ["", table(result), ""]
    if result.critical_path is not None:
        parts += path_lines(result.critical_path)
    if result.clock_met is not None:
        parts.append(_clock_line(result))
    if result.others:
        counts = ", ".join(f"{count} {name}" for name, count in result.others.items())
        parts.append(Text(f"in no row      {counts}", style="yellow"))
    if result.bitstream:
        parts.append(f"bitstream      {result.folder}/{result.bitstream}")
    parts.append(f"scripts        {result.folder}: {', '.join(result.scripts)}")
    parts += [f"to run by hand {command}" for command in result.by_hand]
    return parts


def table(result: Synthesis) -> Table:
    """Rows of parts, and a column for what there is, what was estimated, and what each step needs."""
    made_or_not = {
        "available": result.available, "estimate": result.estimate, "synthesis": result.synthesis,
        "place and route": result.place_and_route,
    }  # fmt: skip
    columns = {head: figures for head, figures in made_or_not.items() if figures is not None}
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    made.add_column("")
    for head in columns:
        made.add_column(head, justify="right", no_wrap=True)
    for row, noun in ROWS.items():
        cells = [_cell(figures, row, result.available) for figures in columns.values()]
        if any(cell.plain for cell in cells):
            made.add_row(noun, *cells)
    return made


def _cell(figures: Figures, row: str, available: Figures | None) -> Text:
    """A figure, with its share of what the device has; red where that is not enough."""
    value, limit = getattr(figures, row), getattr(available, row, None)
    if value is None:
        return Text("")
    if row in ("fmax", "slack"):
        return Text(f"{value:.1f}" if row == "fmax" else f"{value:.3f}")
    text = number(value if row == "rams" else round(value))
    if limit is None or figures is available:
        return Text(text)
    share = f" ({100 * value / limit:.1f} %)" if limit else ""
    return Text(f"{text}{share}", style="bold red" if value > limit else "")


def path_lines(path: CriticalPath) -> list[str]:
    """The critical path in words: how long, between which registers, and where the time goes."""
    split = f", {path.logic:.2f} logic and {path.routing:.2f} routing" if path.logic is not None else ""
    lines = [
        f"critical path  {path.delay:.2f} ns{split}",
        f"  from         {path.start_layer}: {path.start}",
        f"  to           {path.end_layer}: {path.end}",
    ]
    if len(path.layers) > 1:
        shares = sorted(path.layers.items(), key=lambda item: -item[1])
        lines.append(f"  by layer     {', '.join(f'{name} {delay:.2f}' for name, delay in shares)}")
    return lines


def _clock_line(result: Synthesis) -> Text:
    reached = result.last.fmax if result.last else None
    if result.clock_met:
        return Text(f"clock          {reached:.1f} MHz reached, {result.clock:g} asked for", style="green")
    return Text(f"clock          {reached:.1f} MHz reached, {result.clock:g} NOT MET", style="bold red")
