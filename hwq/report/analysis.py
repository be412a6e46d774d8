"""Analyses as tables and sentences for a terminal; a narrow one gets fewer columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from hwq.quant.analysis import Analysis, LayerAnalysis
from hwq.quant.weight_only import WeightLayer, WeightOnly
from hwq.report.table import MARK, NarrowingTable
from hwq.report.terminal import scale_text

LEFT = ("layer", "op", "output", "ONNX node")
BITS, AT_CLIP, USED, ACC_USED = "weight\nbits", "at\nclip %", "range\nused %", "acc.\nused %"
SATURATED, WEIGHTS, ROUNDING = "satur.\n%", "error %\nweights ", "error %\nrounding "
NOTES = {
    "layer": "dB: signal to quantisation noise, against the float network.",
    SATURATED: "satur.: values beyond the range of the integers, which are cut off.",
    AT_CLIP: "at clip: values that the activation holds at one of its bounds.",
    USED: "range used: of all integers of the type, those from the lowest to the highest.",
    ACC_USED: "acc. used: of the exact bound that sets the accumulator's width.",
    ROUNDING: f"error: predicted shares of the output error.  {MARK} should get more bits.",
}
"""What columns say, where they are shown."""
DROPPED = ("ONNX node", AT_CLIP, "op", ACC_USED, "acc.\nbits", "weight\ndB")
"""Columns that a narrow terminal loses, the first one first."""
CODED = "4/8: stored as 4 bits, of values with 8."


def analysis(found: Analysis) -> list[RenderableType]:
    """The whole analysis, in the order in which it is printed."""
    rows = found.layers
    advice = found.advice if found.helps else None
    most = {weights: advice.layer if advice and advice.weights is weights else None for weights in (True, False)}
    table = {
        "layer": [row.name for row in rows],
        "op": [row.kind for row in rows],
        **_weights(rows),
        "output": [f"{row.type} {scale_text(row.scale, row.zero_point)}" for row in rows],
        "output\ndB": [_number(row.sqnr_db) for row in rows],
        SATURATED: [_percent(row.saturated, 2) for row in rows],
        AT_CLIP: [_percent(row.at_clip, 0) for row in rows],
        USED: [_percent(row.used_range, 0) for row in rows],
        "acc.\nbits": [_text(row.acc_bits) for row in rows],
        ACC_USED: [_percent(row.acc_used, 0) for row in rows],
        WEIGHTS: [_marked(row.weight_share, row.name == most[True]) for row in rows],
        ROUNDING: [_marked(row.rounding_share, row.name == most[False]) for row in rows],
        "ONNX node": [row.source for row in rows],
    }
    title = f"{found.name}: {found.samples} samples, outputs {decibel_text(found.measured_db)}"
    if found.predicted_db is not None:
        title += f" ({decibel_text(found.predicted_db)} predicted from the parts)"
    parts: list[RenderableType] = [Text(title), "", _table(table), ""]
    parts.append(Text(found.conclusion, style="bold"))
    if advice is not None:
        after = decibel_text(advice.sqnr_db)
        parts.append(Text(f"With this in a file for --config the outputs have {after}, measured:"))
        parts.append(f"  {advice.toml}")
    return parts


def weight_only(found: WeightOnly) -> list[RenderableType]:
    """The losses of the weights alone, in the order in which they are printed."""
    rows = found.layers
    table = {
        "layer": [row.name for row in rows],
        "op": [row.kind for row in rows],
        **_weights(rows),
        "output\ndB": [_number(row.sqnr_db) for row in rows],
        "ONNX node": [row.source for row in rows],
    }
    return [
        Text(f"{found.name}: {found.samples} samples, quantised weights, float activations"),
        "",
        _table(table),
        "",
        *(
            Text(f"{name}: largest channel as in the float network at {100.0 * share:.1f} % of positions")
            for name, share in found.agreement.items()
            if share is not None
        ),
        Text(
            f"outputs {decibel_text(found.sqnr_db)} with quantised weights, "
            f"{decibel_text(found.integer_sqnr_db)} with integers throughout",
            style="bold",
        ),
    ]


def _table(columns: dict[str, list[str]]) -> NarrowingTable:
    coded = any("/" in cell for cell in columns[BITS])
    return NarrowingTable(columns, LEFT, DROPPED, {**NOTES, BITS: CODED} if coded else NOTES)


def decibel_text(ratio: float | None) -> str:
    """A ratio with its unit; an error of zero has none.

    Examples
    --------
    >>> decibel_text(37.26), decibel_text(None)
    ('37.3 dB', 'exact')
    """
    return "exact" if ratio is None else f"{ratio:.1f} dB"


def _weights(rows: Sequence[LayerAnalysis] | Sequence[WeightLayer]) -> dict[str, list[str]]:
    """The columns about the weights themselves."""
    return {
        BITS: [_bits(row) for row in rows],
        "weight\ndB": [_number(row.weight_sqnr_db) for row in rows],
    }


def _bits(row: LayerAnalysis | WeightLayer) -> str:
    return _text(row.weight_bits) if row.stored_bits == row.weight_bits else f"{row.stored_bits}/{row.weight_bits}"


def _text(value: int | None) -> str:
    return "" if value is None else str(value)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _percent(share: float | None, digits: int) -> str:
    """A share in per cent; what rounds to zero without being it is shown as below the least that can be shown."""
    if not share:
        return "" if share is None else "0"
    least = 10.0**-digits
    return f"{100.0 * share:.{digits}f}" if 200.0 * share >= least else f"<{least:.{digits}f}"


def _marked(share: float | None, most: bool) -> str:
    return "" if share is None else _percent(share, 1) + (MARK if most else " ")
