"""Random recurrent layers, with tables of their functions or of any values."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from recurrent_nets import gru, lstm, rnn, wild

from hwq.ir.types import TensorType
from hwq.ops import Lookup, Recurrent

Draw = Any


@st.composite
def recurrent(draw: Draw, kind: str, x: TensorType, **at: str) -> Recurrent:
    """A layer of `kind`, of as many rows as `x` has channels."""
    fields = draw(rows(x.channels))
    gate_bits, any_curve = fields["gate_bits"], draw(st.integers(0, 2)) == 0
    if not any_curve and gate_bits < 6:
        fields["step"] = draw(st.integers(0, gate_bits))
    if kind == "rnn":
        del fields["bits"]
        return rnn(x, draw(curves(gate_bits, 1))[0] if any_curve else None, **at, **fields)
    fields["signed"] = draw(st.booleans())
    if kind == "gru":
        fields["reset_after"] = draw(st.booleans())
        if any_curve:
            found = draw(curves(gate_bits, 2, low=0))
            fields |= {"curves": found, "fraction": found[0].bits - 1, "shifts": (draw(st.integers(0, 4)), 0)}
        return gru(x, **at, **fields)
    if any_curve:
        cell = draw(st.integers(5, 16))
        inner = draw(curves(cell, 1))[0]
        fields |= {"cell_bits": cell, "curves": (*draw(curves(gate_bits, 2)), inner)}
        fields["shifts"] = draw(st.tuples(st.integers(0, 4), st.integers(0, 4)))
    return lstm(x, **at, **fields)


@st.composite
def curves(draw: Draw, in_bits: int, count: int, low: int = -(1 << 16)) -> tuple[Lookup, ...]:
    """Tables of any values, alike in form; those below `low` are `low`, for GRU of the first one only."""
    step = draw(st.integers(max(0, in_bits - 12), min(in_bits, 10)))
    bits, fraction = draw(st.integers(2, 11)), draw(st.integers(0, 4))
    lows = (low, *[-(1 << 16)] * (count - 1))
    seed = draw(st.integers(0, 99))
    return tuple(
        wild(in_bits, step=step, bits=bits, fraction=fraction, seed=seed + number, low=least)
        for number, least in enumerate(lows)
    )


@st.composite
def rows(draw: Draw, count: int) -> dict[str, Any]:
    """What the rows of a recurrent layer may be."""
    values = st.lists(st.integers(1, 65_535), min_size=count, max_size=count)
    factors, multiplier = (draw(values)[: draw(st.sampled_from((1, count)))] for _ in range(2))
    return {
        "wbits": draw(st.sampled_from((8, 8, 4, 2, 16, *range(2, 17)))), "rounding": draw(st.integers(0, 3)),
        "bits": draw(st.sampled_from((8, 8, 4, 2, 16, *range(2, 17)))), "factors": factors, "multiplier": multiplier,
        "gate_bits": draw(st.sampled_from((4, 6, 10, 12, 14))),
    }  # fmt: skip
