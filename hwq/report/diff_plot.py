"""Differences as a plot: all layers, and a closer look at the one that matters most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hwq.report.diff import side_text, worst_layer
from hwq.report.figure import figure_bytes, require_plot
from hwq.report.table import shorten
from hwq.verify.diff import Diff, LayerDiff, Side
from hwq.verify.diff_own import FLOOR_DB
from hwq.verify.diff_stats import PER_STEP, REACH, Statistics

Panel = Callable[[Any, str, Statistics], None]
"""Draws one aspect of a layer, given axes, its name and its statistics."""

MAX_NAMES = 40
"""Layers whose names are shown; of more only some are."""
NAME_LENGTH = 18
BINS = 61


def plot(found: Diff, kind: str) -> bytes:
    """The plot as a file of type `kind`, ``svg`` or ``png``; equal results give equal bytes.

    Raises
    ------
    ToolMissing
        When matplotlib is not installed.
    """
    require_plot("leave --plot out")
    width = min(20.0, max(9.0, 0.32 * len(found.layers)))
    return figure_bytes(lambda figure: _draw(figure, found), (width, 8.0), kind)


def _draw(figure: Any, found: Diff) -> None:
    figure.suptitle(f"a: {_side(found.a)}\nb: {_side(found.b)}", fontsize=10)
    worst, layers = worst_layer(found), [layer for layer in found.layers if layer.statistics]
    panels = _panels(found.exact, worst)
    ratios = (1.2, 1.0) if panels else (1.0,)
    grid = figure.add_gridspec(len(ratios), max(1, len(panels)), height_ratios=ratios)
    axes = figure.add_subplot(grid[0, :])
    _names(axes, layers)
    if found.exact:
        _shares(axes, layers)
    else:
        _ratios(axes, layers, worst)
    if worst is not None and worst.statistics is not None:
        for number, panel in enumerate(panels):
            panel(figure.add_subplot(grid[1, number]), worst.name, worst.statistics)


def _panels(exact: bool, layer: LayerDiff | None) -> list[Panel]:
    """What is worth a look: positions where there are several, distances where they are known."""
    if layer is None or layer.statistics is None:
        return []
    if not exact:
        return [_scatter, _steps]
    shown = (
        (_channels, True),
        (_positions, layer.statistics.pixels.size > 1),
        (_differences, layer.statistics.max_abs > 0),
    )
    return [panel for panel, worth in shown if worth]


def _side(side: Side) -> str:
    return shorten(side_text(side), 90)


def _names(axes: Any, layers: list[LayerDiff]) -> None:
    """An axis with a place for each layer."""
    every = -(-len(layers) // MAX_NAMES)
    shown = range(0, len(layers), every)
    names = [shorten(layers[i].name, NAME_LENGTH) for i in shown]
    axes.set_xticks(list(shown), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_xlim(-0.7, len(layers) - 0.3)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)


def _shares(axes: Any, layers: list[LayerDiff]) -> None:
    """Share of integers that differ, by layer."""
    shares = [100.0 * layer.statistics.different / max(1, layer.statistics.elements) for layer in layers]  # type: ignore[union-attr]
    colours = ["tab:red" if layer.origin else "tab:blue" for layer in layers]
    axes.bar(range(len(layers)), shares, color=colours)
    for i, (layer, share) in enumerate(zip(layers, shares, strict=True)):
        if share and layer.statistics:
            count = f"{layer.statistics.different:,}"
            axes.annotate(count, (i, share), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=7)
    if any(shares):
        least = min(share for share in shares if share)
        axes.set_yscale("symlog", linthresh=max(1e-4, min(1.0, least)))
        axes.set_ylim(0.0, min(200.0, 5.0 * max(shares)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.plot([], [], "s", color="tab:red", label="difference begins here")
        axes.plot([], [], "s", color="tab:blue", label="brought along")
        axes.legend(fontsize=8, loc="upper left")
    else:
        axes.set_ylim(0.0, 1.0)
        axes.text(0.5, 0.5, "equal", transform=axes.transAxes, ha="center", va="center", fontsize=20, color="tab:green")
    axes.set(ylabel="integers that differ, %")


def _channels(axes: Any, name: str, found: Statistics) -> None:
    """How many integers differ in each channel."""
    counts = found.channels
    axes.bar(range(len(counts)), counts, width=1.0 if len(counts) > 64 else 0.8, color="tab:red")
    _whole_numbers(axes)
    axes.set(xlabel="channel", ylabel="integers that differ", xlim=(-0.7, len(counts) - 0.3))
    axes.set_title(f"{name}: which channels", fontsize=10)


def _positions(axes: Any, name: str, found: Statistics) -> None:
    """How many integers differ at each pixel."""
    shown = axes.imshow(found.pixels, cmap="Reds", vmin=0, aspect="auto", interpolation="nearest")
    bar = axes.figure.colorbar(shown, ax=axes)
    bar.ax.yaxis.get_major_locator().set_params(integer=True)
    _whole_numbers(axes)
    axes.set(xlabel="column", ylabel="row")
    axes.set_title(f"{name}: at which pixels", fontsize=10)


def _differences(axes: Any, name: str, found: Statistics) -> None:
    """How far integers that differ are apart."""
    points = found.picked.points
    error = points[:, 1] - points[:, 0]
    low, high = min(error.min(), -1.0), max(error.max(), 1.0)
    width = max(1.0, np.ceil((high - low + 1) / BINS))
    axes.hist(error, np.arange(low - 0.5, high + 0.5 + width, width), color="tab:red")
    axes.axvline(0.0, color="grey", linewidth=0.8)
    _whole_numbers(axes)
    axes.set(xlabel="b - a", ylabel=f"integers ({len(points):,} of {found.different:,})")
    axes.set_title(f"{name}: how far", fontsize=10)


def _whole_numbers(axes: Any) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_locator().set_params(integer=True)


def _ratios(axes: Any, layers: list[LayerDiff], worst: LayerDiff | None) -> None:
    """SQNR by layer: as seen, and of the layer's own error."""
    own = [layer.own_db if layer.own_db is not None else np.nan for layer in layers]
    seen = [layer.statistics.sqnr_db if layer.statistics else None for layer in layers]
    shown = [np.nan if ratio is None or ratio > FLOOR_DB else ratio for ratio in seen]
    axes.plot(range(len(layers)), shown, "o-", color="tab:blue", label="error as seen")
    if not np.isnan(own).all():
        axes.plot(range(len(layers)), own, "s", color="tab:orange", label="own error of the layer")
        if worst is not None and worst.own_db is not None:
            at = layers.index(worst)
            axes.plot(at, worst.own_db, "o", markersize=14, fillstyle="none", color="tab:red", label="largest of these")
    axes.legend(fontsize=8, loc="upper right", ncols=3)
    axes.margins(y=0.18)
    axes.set(ylabel="signal to noise, dB")


def _scatter(axes: Any, name: str, found: Statistics) -> None:
    """Values of both sides against one another."""
    points, far = found.picked.points, found.extremes.points
    both = np.concatenate([points, far])
    ends = [float(both.min()), float(both.max())]
    axes.plot(ends, ends, color="grey", linewidth=0.8)
    dots = {"linestyle": "", "marker": ".", "alpha": 0.5, "rasterized": True}
    axes.plot(*points.T, markersize=3, color="tab:blue", label=f"{len(points):,} of {found.elements:,}", **dots)
    axes.plot(*far.T, markersize=6, color="tab:red", label=f"the {len(far)} farthest apart", **dots)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="upper left")
    axes.set(xlabel="a", ylabel="b")
    axes.set_title(f"{name}: values", fontsize=10)


def _steps(axes: Any, name: str, found: Statistics) -> None:
    """The error of values, in steps where there are any."""
    if found.step is None:
        error = found.picked.points[:, 1] - found.picked.points[:, 0]
        reach = max(float(np.abs(error).max()), 1e-30)
        axes.hist(error, np.linspace(-reach, reach, BINS + 1), color="tab:blue", log=True)
        axes.set(xlabel="b - a", ylabel="values")
    else:
        places = (np.arange(len(found.histogram)) - REACH * PER_STEP - 0.5) / PER_STEP
        axes.bar(
            places,
            found.histogram,
            width=1.0 / PER_STEP,
            color=["tab:red", *["tab:blue"] * (2 * REACH * PER_STEP), "tab:red"],
        )
        axes.set_yscale("log")
        for edge in (-0.5, 0.5):
            axes.axvline(edge, color="grey", linewidth=0.8, linestyle="--")
        axes.set(xlabel=f"b - a in steps; dashed: half a step, red: {REACH} and more", ylabel="values")
    axes.grid(alpha=0.3)
    axes.set_title(f"{name}: errors", fontsize=10)
