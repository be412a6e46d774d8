"""Weight-only quantisation: what weights alone lose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from analysis_nets import PLAIN, data, one_layer, small

from hwq.frontend import graph as fg
from hwq.frontend.reference import FloatReference
from hwq.quant import QuantConfig, ScaleKind, silent
from hwq.quant.analysis import quantised
from hwq.quant.config import BiasCorrection, WeightKind
from hwq.quant.rounding import Solver
from hwq.quant.weight_only import fit_to_floats, weight_only, with_weights

METHODS: tuple[dict[str, Any], ...] = (
    {},
    {"equalise": False},
    {"scale": ScaleKind.FIXED, "solver": Solver.GPFQ},
    {"scale": ScaleKind.EXACT, "mantissa_bits": 0},
    {"per_channel": False, "solver": Solver.NEAREST, "weight_bits": 6},
    {"weights": WeightKind.CODEBOOK, "entries": 16},
    {"weights": WeightKind.POWERS, "weight_bits": 8},
    {"bias_correction": BiasCorrection.ANALYTIC},
    {"bias_correction": BiasCorrection.NONE},
)


@pytest.mark.parametrize("options", METHODS, ids=str)
def test_weights_alone(options: dict[str, Any]) -> None:
    """They lose less than integers throughout with coarse activations, and hardly anything at 16 bits."""
    config = QuantConfig(**{"weight_bits": 4, "act_bits": 5, **options})
    found = weight_only(small(), data(), config)
    assert found.sqnr_db and found.integer_sqnr_db and 12.0 < found.sqnr_db < 70.0
    assert found.agreement["out"] is not None and 0.7 < found.agreement["out"] <= 1.0
    assert [row.name for row in found.layers] == ["c", "d", "out"]
    assert found.layers[-1].sqnr_db == pytest.approx(found.sqnr_db)
    if "bias_correction" not in options:
        assert found.sqnr_db > found.integer_sqnr_db
    if "weights" not in options:
        assert (weight_only(small(), data(), replace(config, weight_bits=16)).sqnr_db or 999.0) > 60.0


def test_weights_alone_do_not_depend_on_activations() -> None:
    coarse, fine = (weight_only(small(), data(), replace(PLAIN, weight_bits=4, act_bits=bits)) for bits in (2, 12))
    assert coarse.sqnr_db == fine.sqnr_db and coarse.layers == fine.layers
    assert (coarse.integer_sqnr_db or 0.0) < (fine.integer_sqnr_db or 0.0)


def test_weights_alone_of_one_layer() -> None:
    """0.3 in two bits with power-of-two scales is 0.25: the error of the output is a sixth of it."""
    config = replace(PLAIN, weight_bits=2, bias_correction=BiasCorrection.NONE)
    found = weight_only(one_layer(weight=0.3), data(shape=(1, 6, 6)), config)
    assert found.sqnr_db == pytest.approx(20.0 * np.log10(6.0), abs=1e-3)
    assert found.layers[0].weight_sqnr_db == pytest.approx(20.0 * np.log10(6.0)) and found.agreement == {"out": None}


def test_weights_alone_are_those_of_the_network_that_is_measured() -> None:
    config = replace(PLAIN, weight_bits=3, bias_correction=BiasCorrection.NONE)
    draft = quantised(small(), data(), config, silent)
    fits = fit_to_floats(draft, config)
    quantised_graph = with_weights(small(), fits)
    real, got = (FloatReference(one).run(data())["out"].argmax(1) for one in (small(), quantised_graph))
    assert weight_only(small(), data(), config).agreement == {"out": (real == got).mean()} and (real != got).any()
    for old, new in zip(small().layers, quantised_graph.layers, strict=True):
        if isinstance(old, fg.Conv | fg.Dense) and isinstance(new, fg.Conv | fg.Dense):
            assert np.array_equal(old.bias, new.bias) and not np.array_equal(old.weight, new.weight)
            assert all(len(np.unique(np.abs(channel))) <= 4 for channel in new.weight)
