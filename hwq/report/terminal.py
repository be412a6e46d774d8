"""Summaries, verifications and tools as tables and lines for a terminal, readable from 80 columns on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import frexp

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from hwq.report.summary import LayerRow, Summary
from hwq.verify.check import Verification
from hwq.verify.tools import Tool

CLOCK_MHZ = 100
"""The clock at which a report states frames a second."""
HEADS = ("layer", "op", "output", "scale", "SQNR\ndB", "ROM\nkbit", "MACs", "folding", "cycles ", "busy")
LEFT = HEADS[:4]
LONG_NAME, SHORT_NAME = 12, 8
"""Names up to the first length are shown in full, if need be without `op`; none gets less than the second."""
MARK = "<"
"""Stands beside the cycles of a layer that limits the rate."""
LEGEND = f"""\
SQNR: signal to quantisation noise, against the float network.
folding: outputs x inputs at once.  busy: share of their cycles that is of use.
{MARK} limits the rate."""


@dataclass(frozen=True, slots=True)
class LayerTable:
    """One row for each operation; a narrow terminal gets less air, then no `op`, then shorter names."""

    summary: Summary

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table for the width at hand."""
        rows = [_cells(row, row.name in self.summary.limited_by) for row in self.summary.layers]
        heads, gap = list(HEADS), 2
        names = min(LONG_NAME, max((len(row[0]) for row in rows), default=0))
        if (room := options.max_width - _taken(heads, rows, gap)) < names:
            gap = 1
            room = options.max_width - _taken(heads, rows, gap)
        if room < names:
            heads, rows = _without_op(heads), [_without_op(row) for row in rows]
            room = options.max_width - _taken(heads, rows, gap)
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, gap - 1, 0, 0), header_style="bold")
        for head in heads:
            table.add_column(head, justify="left" if head in LEFT else "right", no_wrap=True, vertical="bottom")
        for name, *rest in rows:
            table.add_row(shorten(name, max(room, SHORT_NAME)), *rest)
        yield table


def _cells(row: LayerRow, limits: bool) -> list[str]:
    """The texts of one row, in the order of `HEADS`."""
    return [
        row.name,
        row.kind,
        row.output,
        scale_text(row.scale, row.zero_point),
        "" if row.sqnr_db is None else f"{row.sqnr_db:.1f}",
        f"{row.rom_bits / 1000:.1f}" if row.rom_bits else "",
        short_number(row.macs) if row.macs else "",
        row.folding.replace(" parallel", " par"),
        f"{row.cycles}{MARK if limits else ' '}",
        "" if row.utilisation is None else f"{100 * row.utilisation:.0f} %",
    ]


def _without_op(cells: list[str]) -> list[str]:
    return [cells[0], *cells[2:]]


def _taken(heads: list[str], rows: list[list[str]], gap: int) -> int:
    """Columns of the terminal that everything but the names takes."""
    columns = list(zip(heads, *rows, strict=True))[1:]
    return sum(gap + max(len(line) for cell in column for line in cell.split("\n")) for column in columns)


def title(summary: Summary) -> str:
    """The network and the main options of its quantisation, in one line."""
    options = {key: str(value).replace("_", "-") for key, value in summary.options.items()}
    text = ", ".join(
        f"{key.replace('_', ' ')} {options[key]}" for key in ("weight_bits", "act_bits", "scale") if key in options
    )
    return f"{summary.name}: {text}" if text else summary.name


def report(summary: Summary) -> list[RenderableType]:
    """The whole report, in the order in which it is printed."""
    parts: list[RenderableType] = [
        title(summary),
        "",
        LayerTable(summary),
        Text(LEGEND, style="dim"),
        "",
        totals(summary),
    ]
    return [*parts, "", *verification_lines(summary.verified)] if summary.verified else parts


def totals(summary: Summary) -> RenderableType:
    """What the build needs and does as a whole."""
    rate = CLOCK_MHZ * 1e6 / summary.cycles_formula
    limits = ", ".join(summary.limited_by[:4]) + (" and others" if len(summary.limited_by) > 4 else "")
    arrays = f"{summary.multipliers:,} in MAC arrays"
    if summary.shift_add_lanes:
        arrays += f" ({summary.shift_add_lanes:,} of them shifts and adders)"
    rows = {
        "multiply-accumulates": f"{summary.macs:,} a frame",
        "multipliers": f"{arrays}, {summary.requant_multipliers:,} in requantisers",
        "memory": f"{summary.rom_bits:,} bits of ROM, {summary.fifo_bits:,} bits of FIFO between branches",
        "cycles a frame": f"{summary.cycles_formula:,}, limited by {limits}",
        "frames a second": f"{rate:,.0f} at {CLOCK_MHZ} MHz",
        "utilisation": f"{100 * summary.utilisation:.1f} % of what the MAC arrays can multiply in that time",
    }
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in rows.items():
        grid.add_row(name, text)
    return grid


def verification_lines(runs: Sequence[Verification]) -> list[Text]:
    """One line for each simulator, and the first mismatches where there are any."""
    lines = []
    for run in runs:
        verdict = "bit-exact" if run.passed else f"{run.mismatches:,} MISMATCHES"
        text = f"{run.simulator:10} {run.samples:,} samples {verdict}"
        text += f", stalls {run.stall:g}" if run.stall else ""
        if run.cycles_per_frame is not None:
            text += f", {run.cycles_per_frame:,.0f} cycles a frame (formula {run.cycles_formula:,})"
        lines.append(Text(text, style="green" if run.passed else "bold red"))
        lines += [Text(f"  {line}", style="red") for line in run.trouble]
    return lines


def tool_table(tools: Sequence[Tool]) -> RenderableType:
    """Simulators and compilers: found or not, version, and where, or how to get them."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for head in ("tool", "state", "version"):
        table.add_column(head, no_wrap=True)
    table.add_column("what for; where it is, or how to get it", overflow="fold")
    for tool in tools:
        missing = "optional" if tool.optional else "missing"
        state = (
            Text("found", style="green")
            if tool.usable
            else Text(missing, style="yellow" if tool.optional else "bold red")
        )
        place = (
            str(tool.path)
            if tool.usable
            else f"{f'{tool.path}: ' if tool.path else ''}{tool.problem}. {tool.how_to_get}"
        )
        table.add_row(tool.name, state, tool.version, Text(f"{tool.purpose}\n{place}"))
    return table


def scale_text(scale: float, zero_point: int) -> str:
    """A scale in few characters.

    Examples
    --------
    >>> scale_text(0.25, 0), scale_text(0.0123456, -3)
    ('2^-2', '0.0123 z=-3')
    """
    mantissa, exponent = frexp(scale)
    text = f"2^{exponent - 1}" if mantissa == 0.5 else f"{scale:.3g}"
    return text + (f" z={zero_point}" if zero_point else "")


def short_number(value: int) -> str:
    """A count in at most five characters.

    Examples
    --------
    >>> short_number(320), short_number(147456), short_number(8192), short_number(12501632)
    ('320', '147k', '8.19k', '12.5M')
    """
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:.3g}{letter}" if value < 999.5 * unit else f"{value / unit:.0f}{letter}"
    return str(value)


def shorten(name: str, room: int) -> str:
    """`name` in at most `room` characters: its middle goes, since ends tell names of one model apart.

    Examples
    --------
    >>> shorten("functional_1_batch_normalization_7", 15)
    'functi~zation_7'
    """
    if len(name) <= room:
        return name
    tail = room // 2 + 1
    return f"{name[: room - 1 - tail]}~{name[-tail:]}"
