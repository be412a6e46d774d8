"""Differences as a table and sentences for a terminal, and as plain values."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType
from rich.text import Text

from hwq.report.table import MARK, NarrowingTable
from hwq.verify.diff import Diff, LayerDiff, Side
from hwq.verify.diff_own import FLOOR_DB
from hwq.verify.diff_stats import Place, Statistics

LEFT = ("layer", "op")
DIFFERENT, AT = "differ ", "first at\nn,row,col,ch"
SEEN, OWN = "SQNR\ndB", "own\ndB"
EXACT_NOTES = {
    DIFFERENT: f"{MARK} begins here: what the layer is made from is equal.",
    AT: "n: sample.  ch: channel.  All count from 0.",
}
REAL_NOTES = {
    SEEN: "SQNR: signal to noise, a against b.",
    OWN: f"own: of the error that the layer itself adds.  {MARK} adds most.",
    "> 1/2 step\n%": "step: what one integer stands for.",
}
SCALED = "* channels scaled, lowered or removed; side a is shown in that form."


def render(found: Diff) -> list[RenderableType]:
    """The whole comparison, in the order in which it is printed."""
    parts: list[RenderableType] = [Text(f"{key}: {side_text(side)}") for key, side in (("a", found.a), ("b", found.b))]
    parts += ["", _exact_table(found) if found.exact else _real_table(found), ""]
    parts += [Text(note, style="yellow") for note in (*found.notes, *_not_compared(found))]
    good = "green" if found.exact else "bold"
    return [*parts, *(Text(line, style=good if found.passed else "bold red") for line in verdict(found))]


def verdict(found: Diff) -> list[str]:
    """What was found, in sentences."""
    return _exact_verdict(found) if found.exact else _real_verdict(found)


def worst_layer(found: Diff) -> LayerDiff | None:
    """For integers the first layer that differs, else the one that adds the largest error of its own."""
    if found.exact:
        return found.first
    measured = [layer for layer in found.layers if layer.kind != "input" and layer.statistics]
    own = [(layer.own_db, i) for i, layer in enumerate(measured) if layer.own_db is not None]
    seen = [(s.sqnr_db, i) for i, layer in enumerate(measured) if (s := layer.statistics) and s.sqnr_db is not None]
    lowest = min(own or seen, default=None)
    return measured[lowest[1]] if lowest else None


def as_json(found: Diff) -> dict[str, Any]:
    """Plain values."""
    first, worst = found.first, worst_layer(found)
    return {
        "kind": "diff", "a": _side_json(found.a), "b": _side_json(found.b),
        "comparison": "integers" if found.exact else "real values", "samples": found.samples, "passed": found.passed,
        "first": first.name if first else None, "made_in": [layer.name for layer in found.layers if layer.origin],
        "worst": worst.name if worst else None, "verdict": verdict(found), "notes": list(found.notes),
        "layers": [_layer_json(found, layer) for layer in found.layers],
    }  # fmt: skip


def side_text(side: Side) -> str:
    """A side in words."""
    return f"{side.what} {side.name}" + (f" ({side.digest[:16]})" if side.digest else "")


def place_text(place: Place) -> str:
    """A position in words.

    Examples
    --------
    >>> place_text(Place(0, 3, 2, 5, 12, None))
    'sample 0, row 3, column 2, channel 5: a 12, b unknown'
    """
    at = f"sample {place.sample}, row {place.row}, column {place.column}, channel {place.channel}"
    return f"{at}: a {_value(place.a)}, b {_value(place.b)}"


def _exact_table(found: Diff) -> NarrowingTable:
    rows = [row for row in found.layers if row.statistics]
    stats = [row.statistics for row in rows]
    columns = {
        "layer": [row.name for row in rows],
        "op": [row.kind for row in rows],
        "integers": ["" if s is None else f"{s.elements:,}" for s in stats],
        "missing": [f"{s.missing:,}" if s and s.missing else "" for s in stats],
        DIFFERENT: [
            "" if s is None else f"{s.different:,}{MARK if row.origin else ' '}"
            for row, s in zip(rows, stats, strict=True)
        ],
        "unknown": [f"{s.unknown:,}" if s and s.unknown else "" for s in stats],
        "samples": [str(s.samples) if s and s.different else "" for s in stats],
        "channels": [f"{int((s.channels > 0).sum())}/{len(s.channels)}" if s and s.different else "" for s in stats],
        "largest": [f"{s.max_abs:g}" if s and s.different else "" for s in stats],
        AT: [_at(s.first) if s and s.first else "" for s in stats],
        "a": [_value(s.first.a) if s and s.first else "" for s in stats],
        "b": [_value(s.first.b) if s and s.first else "" for s in stats],
    }
    dropped = ("samples", "op", "channels", "integers")
    return NarrowingTable(columns, LEFT, dropped, EXACT_NOTES if found.first else None)


def _real_table(found: Diff) -> NarrowingTable:
    rows = [row for row in found.layers if row.statistics]
    stats = [row.statistics for row in rows]
    worst = worst_layer(found)
    owned = any(row.own_db is not None for row in rows)
    agreement = {row.name: row.statistics.agreement for row in rows if row.statistics and row.name in found.outputs}
    columns = {
        "layer": [row.name + ("*" if row.note else "") for row in rows],
        "op": [row.kind for row in rows],
        "values": ["" if s is None else f"{s.elements:,}" for s in stats],
        "missing": [f"{s.missing:,}" if s and s.missing else "" for s in stats],
        SEEN: ["" if s is None else _decibel(s.sqnr_db) for s in stats],
        OWN: [_own(row, row is worst) if owned else "" for row in rows],
        "largest\nerror": ["" if s is None else _short(s.max_abs) for s in stats],
        "mean\nerror": ["" if s is None else _short(s.mean_abs) for s in stats],
        "largest\nsteps": [f"{s.max_abs / s.step:.1f}" if s and s.step else "" for s in stats],
        "> 1/2 step\n%": [_share(s.over_half, s) if s and s.step else "" for s in stats],
        "> 1 step\n%": [_share(s.over_one, s) if s and s.step else "" for s in stats],
        "argmax\nequal %": [_percent(agreement.get(row.name)) for row in rows],
    }
    dropped = ("values", "op", "mean\nerror", "> 1/2 step\n%", "argmax\nequal %")
    notes = {"layer": SCALED, **REAL_NOTES} if any(row.note for row in rows) else REAL_NOTES
    return NarrowingTable(columns, LEFT, dropped, notes)


def _exact_verdict(found: Diff) -> list[str]:
    stats = [layer.statistics for layer in found.layers if layer.statistics]
    samples = f"{found.samples:,} sample{'s' if found.samples > 1 else ''}"
    first = found.first
    lines = []
    if first is not None and first.statistics is not None and first.statistics.first is not None:
        lines.append(f"First difference: {first.name} ({first.kind}), {place_text(first.statistics.first)}.")
        wrong = sum(1 for s in stats if s.different)
        lines.append(f"{wrong} of {len(stats)} tensors differ on {samples}.")
        others = [layer.name for layer in found.layers if layer.origin and layer is not first]
        if others:
            lines.append(f"Differences also begin in {', '.join(others)}: what they are made from is equal.")
    if found.missing:
        lines.append(f"{found.missing:,} integers are missing on one side; the others were compared.")
    total = sum(s.elements for s in stats)
    return lines or [f"Equal: {total:,} integers of {len(stats)} tensors on {samples}."]


def _real_verdict(found: Diff) -> list[str]:
    lines = []
    by_name = {layer.name: layer.statistics for layer in found.layers}
    for name in found.outputs:
        statistics = by_name.get(name)
        if statistics is None:
            continue
        text = f"Output {name}: {_decibel(statistics.sqnr_db)}" + (" dB" if statistics.sqnr_db else "")
        if statistics.agreement is not None:
            agreed = f"{100 * statistics.agreement:.1f} % of {statistics.judged:,} positions"
            text += f", argmax equal at {agreed}"
        lines.append(text + ".")
    worst = worst_layer(found)
    if worst is not None and worst.own_db is not None:
        lines.append(f"The largest error of its own, {worst.own_db:.1f} dB, is made in {worst.name} ({worst.kind}).")
    if found.missing:
        lines.append(f"{found.missing:,} values are missing on one side; the others were compared.")
    return lines or ["No output is on both sides."]


def _layer_json(found: Diff, layer: LayerDiff) -> dict[str, Any]:
    value: dict[str, Any] = {
        "name": layer.name, "op": layer.kind, "shape": list(layer.shape), "only_in": layer.only or None,
    }  # fmt: skip
    s = layer.statistics
    if s is None:
        return value
    value |= {"elements": s.elements, "missing": s.missing, "max_abs": s.max_abs, "mean_abs": s.mean_abs}
    if found.exact:
        return value | {
            "different": s.different, "unknown": s.unknown, "samples_different": s.samples, "made_here": layer.origin,
            "first": s.first, "worst": s.worst,
            "channels": {int(i): int(s.channels[i]) for i in s.channels.nonzero()[0]},
        }  # fmt: skip
    return value | {
        "sqnr_db": s.sqnr_db, "own_db": layer.own_db, "step": s.step, "worst": s.worst, "scaled": bool(layer.note),
        "over_half_step": s.over_half / s.elements if s.step and s.elements else None,
        "over_one_step": s.over_one / s.elements if s.step and s.elements else None,
        "agreement": s.agreement if layer.name in found.outputs else None,
    }  # fmt: skip


def _side_json(side: Side) -> dict[str, Any]:
    return {"name": side.name, "what": side.what, "digest": side.digest or None}


def _not_compared(found: Diff) -> list[str]:
    """The tensors that one side lacks."""
    lacking = {side: [layer.name for layer in found.layers if layer.only == side] for side in ("a", "b")}
    return [f"Only in {side}, not compared: {', '.join(names)}." for side, names in lacking.items() if names]


def _at(place: Place) -> str:
    return f"{place.sample},{place.row},{place.column},{place.channel}"


def _value(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.6g}"


def _decibel(ratio: float | None) -> str:
    """A ratio; one that float32 itself does not reach is that of equal values."""
    return "exact" if ratio is None or ratio > FLOOR_DB else f"{round(ratio, 1) + 0.0:.1f}"


def _own(layer: LayerDiff, worst: bool) -> str:
    return "" if layer.own_db is None else f"{layer.own_db:.1f}{MARK if worst else ' '}"


def _short(value: float) -> str:
    return f"{value:.2g}" if value < 1000 else f"{value:.0f}"


def _share(count: int, found: Statistics) -> str:
    return _percent(count / found.elements if found.elements else None)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"
