"""Summaries and tools as tables and lines for a terminal, readable from 80 columns on."""

from __future__ import annotations

from collections.abc import Sequence
from math import frexp

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hwq.report.storage import Storage
from hwq.report.summary import Summary
from hwq.report.table import MARK, NarrowingTable
from hwq.report.verification import verification_lines
from hwq.verify.tools import Tool

CLOCK_MHZ = 100
"""The clock at which a report states frames a second."""
SQNR, STORED_GZIP = "SQNR\ndB", "stored\ngzip"
NOTES = {
    SQNR: "SQNR: signal to quantisation noise, against the float network.",
    "folding": f"folding: outputs x inputs at once.  {MARK} limits the rate.",
    "busy": "busy: share of their cycles that is of use.",
}
WEIGHT_NOTES = {
    "plain\nkbit": "plain: integers with as many bits as the values have.  stored: with tables.",
    STORED_GZIP: "gzip: kbit after gzip of each layer.  smaller: stored, against float32.",
}
"""What columns say, where they are shown."""
CODING_NOTES = {
    "of": "K of sB: stored as numbers of entries in a table, K entries of B bits.",
    "power": "1 power of sB: powers of two, within B bits.",
    "powers": "2 powers of sB: sums of two powers of two, within B bits.",
}
"""What codings say, by the second word of their text."""


def layer_table(summary: Summary) -> NarrowingTable:
    """One row for each operation."""
    rows = summary.layers
    columns = {
        "layer": [row.name for row in rows],
        "op": [row.kind for row in rows],
        "output": [row.output for row in rows],
        "scale": [scale_text(row.scale, row.zero_point) for row in rows],
        SQNR: ["" if row.sqnr_db is None else f"{row.sqnr_db:.1f}" for row in rows],
        "weights": [row.weights for row in rows],
        "ROM\nkbit": [kilobits(row.rom_bits) if row.rom_bits else "" for row in rows],
        "MACs": [short_number(row.macs) if row.macs else "" for row in rows],
        "folding": [row.folding.replace("flat-parallel", "flat").replace("parallel", "par") for row in rows],
        "cycles ": [f"{row.cycles}{MARK if row.name in summary.limited_by else ' '}" for row in rows],
        "busy": ["" if row.utilisation is None else f"{100 * row.utilisation:.0f} %" for row in rows],
    }
    left, dropped = ("layer", "op", "output", "scale", "weights"), ("weights", "busy", "op", "MACs")
    return NarrowingTable(columns, left, dropped, _with_codings(NOTES, summary))


def weight_table(summary: Summary) -> NarrowingTable:
    """What the weights of each layer take in memory; columns of plain integers only where some layer has others."""
    layers = [(row, row.storage) for row in summary.layers if row.storage]
    sizes = [*(size for _, size in layers), summary.storage]
    coded = summary.storage.coded
    columns = {
        "layer": [*(row.name for row, _ in layers), "total"],
        "weights": [*(row.weights for row, _ in layers), ""],
        "number": [f"{size.weights:,}" for size in sizes],
        "float32\nkbit": [kilobits(size.float_bits) for size in sizes],
        "plain\nkbit": [kilobits(size.plain_bits) if coded else "" for size in sizes],
        "stored\nkbit": [kilobits(size.stored_bits) for size in sizes],
        "plain\ngzip": [kilobits(8 * size.plain_gzip_bytes) if coded else "" for size in sizes],
        STORED_GZIP: [kilobits(8 * size.stored_gzip_bytes) for size in sizes],
        "smaller": [f"{size.float_bits / size.stored_bits:.1f} x" for size in sizes],
    }
    left, dropped = ("layer", "weights"), ("number", "weights")
    return NarrowingTable(columns, left, dropped, _with_codings(WEIGHT_NOTES, summary), total=True)


def _with_codings(notes: dict[str, str], summary: Summary) -> dict[str, str]:
    """`notes` behind those about the codings that the network has."""
    kinds = {word for row in summary.layers for word in row.weights.split()[1:2]}
    lines = [note for kind, note in CODING_NOTES.items() if kind in kinds]
    return {"weights": "\n".join(lines), **notes} if lines else notes


def title(summary: Summary) -> str:
    """The network and the main options of its quantisation, in one line."""
    options = {key: str(value).replace("_", "-") for key, value in summary.options.items()}
    text = ", ".join(
        f"{key.replace('_', ' ')} {options[key]}" for key in ("weight_bits", "act_bits", "scale") if key in options
    )
    return f"{summary.name}: {text}" if text else summary.name


def report(summary: Summary, weights: bool = False) -> list[RenderableType]:
    """The whole report, in the order in which it is printed; with `weights` also what those of each layer take."""
    parts: list[RenderableType] = [title(summary), "", layer_table(summary), ""]
    if weights and summary.storage.weights:
        parts += [weight_table(summary), ""]
    parts.append(totals(summary))
    return [*parts, "", *verification_lines(summary.verified)] if summary.verified else parts


def totals(summary: Summary) -> RenderableType:
    """What the build needs and does as a whole."""
    clock = summary.device.clock if summary.device else CLOCK_MHZ
    limits = ", ".join(summary.limited_by[:4]) + (" and others" if len(summary.limited_by) > 4 else "")
    arrays = f"{summary.multipliers:,} in MAC arrays"
    if summary.shift_add_lanes:
        arrays += f" ({summary.shift_add_lanes:,} of them shifts and adders)"
    if summary.xnor_lanes:
        arrays += f" ({summary.xnor_lanes:,} of them XNOR gates)"
    if summary.logic_lanes:
        arrays += f" ({summary.logic_lanes:,} of them made of LUTs)"
    others = summary.shift_add_lanes + summary.xnor_lanes + summary.logic_lanes
    shared = summary.multipliers - others - summary.multiplier_blocks
    if shared:
        arrays += f" ({shared:,} of them in the block of another one)"
    rows = {
        "multiply-accumulates": f"{summary.macs:,} a frame",
        "multipliers": f"{arrays}, {summary.requant_multipliers:,} in requantisers and products",
        **_weights(summary.storage),
        "memory": f"{summary.rom_bits:,} bits of ROM, {summary.fifo_bits:,} bits of FIFO between branches",
        "cycles a frame": f"{summary.cycles_formula:,}, limited by {limits}",
        "frames a second": f"{clock * 1e6 / summary.cycles_formula:,.0f} at {clock:g} MHz",
        "utilisation": f"{100 * summary.utilisation:.1f} % of what the MAC arrays can multiply in that time",
        **_bound(summary),
        **_estimate(summary),
    }
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in rows.items():
        grid.add_row(name, text)
    return grid


def size_lines(summary: Summary) -> list[str]:
    """How far from the best a build is, and what it takes of its device, in a line each."""
    lines = []
    if rows := _bound(summary):
        lines.append(f"Bound: {rows['bound']}. What binds: {rows['  what binds']}.")
    if summary.device is not None and (parts := _parts(summary)):
        taken = ", ".join(f"{text} {name}" + (f" ({share})" if share else "") for name, text, share in parts)
        lines.append(f"{summary.device.title}: {taken}")
    return lines


def _bound(summary: Summary) -> dict[str, str]:
    """How far from the best it is."""
    if summary.bound is None:
        return {}
    times = summary.cycles_formula / summary.bound.least
    text = f"at least {summary.bound.least:,} cycles, whatever the folding ({times:.2f} times as many here)"
    return {"bound": text, "  what binds": summary.bound.binds}


def _estimate(summary: Summary) -> dict[str, str]:
    """What it takes of the device."""
    if summary.device is None:
        return {}
    lines = {"device": f"{summary.device.title} ({summary.device.name})"}
    return lines | {f"  {name}": text + (f" ({share})" if share else "") for name, text, share in _parts(summary)}


def _parts(summary: Summary) -> list[tuple[str, str, str]]:
    """What the device has, how many of it are taken, and the share where there is any."""
    found = []
    for name, kind in (("LUTs", "luts"), ("registers", "registers"), ("multiplier blocks", "dsps"), ("RAMs", "rams")):
        if summary.device is None or summary.estimate is None:
            continue
        taken, there = getattr(summary.estimate, kind), getattr(summary.device, kind)
        text = f"about {taken:,.0f}" if kind in ("luts", "registers") else f"{taken:,g}"
        found.append((name, f"{text} of {there:,}", f"{100 * taken / there:.0f} %" if there else ""))
    return found


def _weights(size: Storage) -> dict[str, str]:
    """The lines about weights; plain integers have one only where others are stored."""
    if not size.weights:
        return {}
    lines = {
        "weights": f"{size.weights:,}, stored in {_bits(size.stored_bits, size.stored_gzip_bytes)}",
        "  as plain integers": _bits(size.plain_bits, size.plain_gzip_bytes),
        "  as float32": f"{size.float_bits:,} bits, {size.float_bits / size.stored_bits:.1f} times as many",
    }
    if not size.coded:
        del lines["  as plain integers"]
    return lines


def _bits(bits: int, gzip_bytes: int) -> str:
    return f"{bits:,} bits, {8 * gzip_bytes:,} after gzip"


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


def kilobits(bits: int) -> str:
    """Thousands of bits."""
    return f"{bits / 1000:.1f}"


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
