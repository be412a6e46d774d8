"""Figures: what all plots have in common."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hwq.errors import BadInput, ToolMissing

KINDS = ("svg", "png")
"""File types of plots."""


def require_plot(otherwise: str) -> None:
    """Refuse when there is nothing to plot with.

    Parameters
    ----------
    otherwise
        What the user can do without it.

    Raises
    ------
    ToolMissing
        Says what to install.
    """
    if find_spec("matplotlib") is None:
        raise ToolMissing(
            f"matplotlib: not installed, expected for the plot. Run pip install matplotlib, or {otherwise}."
        )


def kind_of(path: Path) -> str:
    """The file type that the name of a plot asks for.

    Raises
    ------
    BadInput
        When it is none of `KINDS`.
    """
    kind = path.suffix[1:].lower()
    if kind not in KINDS:
        raise BadInput(f"{path}: ends in {path.suffix or 'nothing'!r:.20}, expected .svg or .png. Rename it.")
    return kind


def figure_bytes(draw: Callable[[Any], None], size: tuple[float, float], kind: str) -> bytes:
    """The file of type `kind` of the figure, `size` inches, that `draw` draws on; equal figures give equal bytes."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "hwq", "svg.fonttype": "none"}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        file = io.BytesIO()
        figure.savefig(file, format=kind, dpi=150, metadata={"Date" if kind == "svg" else "Software": None})
    return file.getvalue()
