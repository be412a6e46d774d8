"""Random options of the quantiser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from hwq.arith import Rounding
from hwq.quant import QuantConfig, RangeMethod, ScaleKind
from hwq.quant.config import BiasCorrection, Cost, Head, PortScales, WeightKind, ZeroPoints
from hwq.quant.rounding import Solver

Draw = Any


@st.composite
def layer_options(draw: Draw) -> dict[str, Any]:
    weights = draw(st.sampled_from(WeightKind))
    return {
        "weights": weights,
        "weight_bits": draw(st.integers(1 if weights is WeightKind.UNIFORM else 2, 16)),
        "act_bits": draw(st.integers(2, 16)),
        "entries": draw(st.sampled_from((2, 3, 16, 40))),
        "shared_table": draw(st.booleans()),
        "terms": draw(st.integers(1, 2)),
        "per_channel": draw(st.booleans()),
        "range": draw(st.sampled_from(RangeMethod)),
        "percentile": draw(st.sampled_from((90.0, 99.9, 100.0))),
        "solver": draw(st.sampled_from(Solver)),
        "bias_correction": draw(st.sampled_from(BiasCorrection)),
        "mantissa_bits": draw(st.integers(0, 8)),
    }


@st.composite
def budgets(draw: Draw) -> dict[str, Any]:
    """Mixed precision under a budget or above a floor, or (mostly) none."""
    kind, value = draw(
        st.one_of(
            *[st.just((None, None))] * 4,
            st.tuples(st.just("average_bits"), st.floats(2.0, 9.0)),
            st.tuples(st.just("rom_bits"), st.integers(200, 4000)),
            st.tuples(st.just("work"), st.integers(20_000, 200_000)),
            st.tuples(st.just("min_sqnr"), st.floats(0.0, 40.0)),
        )
    )
    if kind is None:
        return {}
    least, more = draw(st.integers(1, 4)), draw(st.integers(0, 5))
    return {kind: value, "cost": draw(st.sampled_from(Cost)), "least_bits": least, "most_bits": least + more}


@st.composite
def configs(
    draw: Draw, matches: Sequence[str] = ("c1", "out", "[co]*"), heads: Sequence[Head] = tuple(Head)
) -> QuantConfig:
    """Any options, and rules of their own for layers whose names match some of `matches`."""
    config = QuantConfig(
        output_bits=draw(st.none() | st.integers(2, 16)),
        scale=draw(st.sampled_from(ScaleKind)),
        port_scales=draw(st.sampled_from(PortScales)),
        zero_points=draw(st.sampled_from(ZeroPoints)),
        rounding=draw(st.sampled_from(Rounding)),
        equalise=draw(st.booleans()),
        absorb=draw(st.booleans()),
        search=draw(st.booleans()),
        head=draw(st.sampled_from(heads)),
        slim=False,
        **draw(layer_options()),
        **draw(budgets()),
    )
    for match in draw(st.lists(st.sampled_from(matches), max_size=2)):
        config = config.with_rule(match, **draw(layer_options()))
    return config
