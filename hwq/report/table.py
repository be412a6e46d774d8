"""A table with a row for each layer, for a terminal of any width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

LONG_NAME, SHORT_NAME = 12, 8
"""Names up to the first length are shown in full, if need be without some columns; none gets less than the second."""
MARK = "<"
"""Stands beside a number that matters most."""


@dataclass(frozen=True, slots=True)
class NarrowingTable:
    """Columns by head, one of them `layer`, with notes below.

    A narrow terminal gets less air, then loses the columns in `dropped`, the first one first, then gets shorter names.
    Columns without a text are left out.  `left` are aligned to the left, `notes` say what columns mean, where they are
    shown, and with `total` the last row is a sum.
    """

    columns: Mapping[str, Sequence[str]]
    left: Sequence[str]
    dropped: Sequence[str] = ()
    notes: Mapping[str, str] | None = None
    total: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table for the width at hand."""
        columns = {head: cells for head, cells in self.columns.items() if any(cell.strip() for cell in cells)}
        names = columns.pop("layer", [])
        longest = min(LONG_NAME, max(len(name) for name in ("layer", *names)))
        room, gap = 0, 2
        for dropped in ("", *self.dropped):
            columns.pop(dropped, None)
            for gap in (2, 1):
                room = options.max_width - sum(gap + _width(head, cells) for head, cells in columns.items())
                if room >= longest:
                    break
            if room >= longest:
                break
        table = Table(
            box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0), header_style="bold"
        )
        for head in ("layer", *columns):
            table.add_column(head, justify="left" if head in self.left else "right", no_wrap=True, vertical="bottom")
        for number, (name, *cells) in enumerate(zip(names, *columns.values(), strict=True)):
            style = "bold" if self.total and number == len(names) - 1 else ""
            table.add_row(shorten(name, max(room, SHORT_NAME)), *cells, style=style)
        yield table
        notes = [note for head, note in (self.notes or {}).items() if head in ("layer", *columns)]
        if notes:
            yield Text("\n".join(notes), style="dim")


def _width(head: str, cells: Sequence[str]) -> int:
    return max(len(line) for cell in (head, *cells) for line in cell.split("\n"))


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
