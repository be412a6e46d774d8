"""Analysis: known losses of small networks, advice that helps, and bounded memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analysis_nets import PLAIN, RELU, data, one_layer, rng, small
from rich.console import Console

from hwq.frontend import graph as fg
from hwq.frontend.reference import FloatReference
from hwq.ir.types import Format, TensorType
from hwq.ops.requantised import Requantised
from hwq.quant import QuantConfig, RangeMethod, ScaleKind, quantize, silent
from hwq.quant.advice import Advice, advices
from hwq.quant.analysis import TRIED, Analysis, LayerAnalysis, analysis_of, analyze, quantised, settled, weight_ratio
from hwq.quant.calibration import Calibration
from hwq.quant.config import Effort, Head, WeightKind
from hwq.quant.config_file import read_options
from hwq.quant.rounding import Solver
from hwq.quant.watch import Watch, stops
from hwq.quant.weight_only import weight_only
from hwq.quant.weights import Fit
from hwq.report import analysis as shown
from hwq.sim import simulate_plain


def rows(found: Analysis) -> dict[str, LayerAnalysis]:
    return {row.name: row for row in found.layers}


def shares(row: LayerAnalysis) -> float:
    return (row.weight_share or 0.0) + (row.rounding_share or 0.0)


def test_a_layer_made_to_saturate() -> None:
    """A range that keeps 80 % of the values cuts off a tenth on either side; ReLU's zeros are counted apart."""
    samples = data(shape=(1, 6, 6))
    config = replace(PLAIN, scale=ScaleKind.FIXED).with_rule("in", act_bits=16)
    config = config.with_rule("out", range=RangeMethod.PERCENTILE, percentile=80.0)
    both = rows(analyze(one_layer(), samples, config))["out"]
    x = samples["in"] / both.scale
    assert both.saturated == pytest.approx(((x > 127.5) | (x < -128.5)).mean(), abs=5e-4)
    assert both.saturated == pytest.approx(0.2, abs=0.01) and both.at_clip is None and both.used_range == 1.0
    above = rows(analyze(one_layer(RELU), samples, config))["out"]
    assert above.saturated == pytest.approx(0.1, abs=0.01) and above.at_clip == pytest.approx(0.5, abs=0.02)
    all_kept = rows(analyze(one_layer(RELU), samples, PLAIN))["out"]
    assert all_kept.saturated == 0.0 and all_kept.at_clip == pytest.approx(0.5, abs=0.02)


def test_watch_counts() -> None:
    type_, form = TensorType((1, 1, 4), 4, False), Format(0.5, 2)
    watch = Watch(type_, form, stops(fg.Clip(0.0, 100.0), form, type_))
    assert watch.stops == (2, None)
    watch.update(np.array([[-1.2, -1.3, 0.0, 6.0]]), np.array([[0, 0, 2, 14]]))
    assert (watch.seen, watch.count, watch.saturated, watch.stopped) == ((0, 14), 4, 1, 1)
    watch.update(np.array([[6.7, 6.8, 9.0, 0.0]]), np.array([[15, 15, 14, 2]]))
    assert (watch.seen, watch.count, watch.saturated, watch.stopped) == ((0, 15), 8, 2, 2)
    assert watch.used_range == 1.0


def test_known_ratio_of_weights() -> None:
    layer = fg.Conv(name="c", inputs=("in",), weight=np.array([1.0, 0.25]).reshape(1, 2, 1, 1), bias=np.zeros(1))
    fit = Fit(np.array([[3, 1]]), np.array([0.25]), np.zeros(1), 3, np.zeros(1))
    assert weight_ratio(layer, fit) == pytest.approx(10.0 * np.log10(17.0))
    assert weight_ratio(layer, replace(fit, integers=np.array([[4, 1]]))) is None


def test_accumulators_are_those_of_the_plain_simulator() -> None:
    samples = data()
    program = quantize(small(), samples, replace(PLAIN, slim=False))
    found = rows(analyze(small(), samples, PLAIN))
    x = program.formats["in"].quantise(samples["in"].transpose(0, 2, 3, 1), program.types["in"])
    values = simulate_plain(program, {"in": x}, keep_all=True)
    requantised = [op for op in program.ops if isinstance(op, Requantised)]
    assert [op.name for op in requantised] == ["c", "d", "s", "out"]
    for op in requantised:
        accumulators, row = op.accumulate(*(values[name] for name in op.inputs)), found[op.name]
        bound = op.accumulator(*program.input_intervals(op))
        assert row.acc_seen == (accumulators.min(), accumulators.max()) and row.acc_bound == bound
        assert row.acc_bits == op.acc_bits
        assert row.acc_used == (accumulators.max() - accumulators.min() + 1) / (bound[1] - bound[0] + 1)
    for name, row in found.items():
        low, high = program.types[name].range
        assert row.used_range == (values[name].max() - values[name].min() + 1) / (high - low + 1)
    assert {name: row.sqnr_db for name, row in found.items() if name != "in"} == program.info["sqnr_db"]
    assert found["m"].acc_bits is None and found["m"].rounding_share is None and found["in"].kind == "input"


@pytest.mark.parametrize("config", [PLAIN, replace(PLAIN, weight_bits=3), QuantConfig(weight_bits=4), QuantConfig()])
def test_shares_add_up_and_the_prediction_is_near(config: QuantConfig) -> None:
    found = analyze(small(), data(), config)
    assert sum(shares(row) for row in found.layers) == pytest.approx(1.0)
    assert found.measured_db is not None and found.predicted_db == pytest.approx(found.measured_db, abs=3.5)


def test_error_of_one_part() -> None:
    """With 16 bits in all other places the error is the part's, and the prediction is exact."""
    fine = replace(PLAIN, weight_bits=16, act_bits=16, solver=Solver.GPTQ)
    for rule, name, option in (
        ({"act_bits": 4}, "in", "act_bits"),
        ({"act_bits": 4}, "s", "act_bits"),
        ({"weight_bits": 4}, "c", "weight_bits"),
        ({"weight_bits": 5}, "out", "weight_bits"),
    ):
        found = analyze(small(), data(), fine.with_rule(name, **rule))
        assert shares(rows(found)[name]) > 0.98
        assert found.predicted_db == pytest.approx(found.measured_db, abs=2.0 if option == "weight_bits" else 1.0)
        advice = found.advice
        assert advice and (advice.layer, advice.option, advice.value) == (name, option, rule[option] + 1)
        assert found.helps and advice.weights is (option == "weight_bits")
        assert found.conclusion.startswith(f"{name}: 9") or found.conclusion.startswith(f"{name}: 100 %")


def test_following_the_advice_gives_what_was_measured(tmp_path: Path) -> None:
    config = replace(PLAIN, weight_bits=4, slim=False)
    found = analyze(small(), data(), config)
    assert found.advice and found.advice.sqnr_db and found.measured_db and found.advice.sqnr_db > found.measured_db
    (tmp_path / "a.toml").write_text(found.advice.toml)
    told = replace(config, **read_options(tmp_path / "a.toml"))
    assert told == found.advice.followed(config)
    parts = {row.name: (row.weight_share, row.rounding_share) for row in found.layers}
    configs = [one.followed(config) for one in advices(small(), parts, config)[:TRIED]]
    ratios = [quantize(small(), data(), one).info["sqnr_db"]["out"] for one in configs]
    assert told in configs and len(set(ratios)) == TRIED
    assert found.advice.sqnr_db == pytest.approx(ratios[configs.index(told)]) == pytest.approx(max(ratios))


@pytest.mark.parametrize(
    ("options", "told", "text"),
    [
        ({"weight_bits": 7}, ("weight_bits", 8), "its weights; give it 8 bits."),
        ({"weight_bits": 1}, ("weight_bits", 2), "give it 2 bits."),
        ({"weights": WeightKind.CODEBOOK, "entries": 16}, ("entries", 32), "give it a codebook of 32 entries."),
        ({"weights": WeightKind.CODEBOOK, "entries": 16, "weight_bits": 4}, ("weight_bits", 5), "5 bits."),
        ({"weights": WeightKind.CODEBOOK, "entries": 200}, ("entries", 256), "256 entries."),
        ({"weights": WeightKind.POWERS, "terms": 1}, ("terms", 2), "give it 2 powers of two in a weight."),
        ({"weights": WeightKind.POWERS, "terms": 2}, ("weight_bits", 9), "9 bits."),
    ],
)
def test_finer_weights(options: dict[str, Any], told: tuple[str, int], text: str) -> None:
    config = QuantConfig(**options)
    (advice,) = advices(one_layer(), {"out": (0.314, 0.0)}, config)
    assert (advice.option, advice.value) == told
    assert str(advice).startswith("out: 31 % of the output error comes from its weights") and str(advice).endswith(text)
    assert getattr(advice.followed(config).of("out"), told[0]) == told[1]


def test_finer_values() -> None:
    assert [a.toml for a in advices(one_layer(), {"in": (None, 0.2), "out": (None, 0.3)}, QuantConfig())] == [
        'layer = [{match = "out", act_bits = 9}]', 'layer = [{match = "in", act_bits = 9}]'
    ]  # fmt: skip
    (advice,) = advices(one_layer(), {"out": (None, 0.3)}, QuantConfig(output_bits=10))
    assert advice.toml == "output_bits = 11" and advice.followed(QuantConfig(output_bits=10)).output_bits == 11
    assert str(advice) == "out: 30 % of the output error comes from rounding its values; give them 11 bits."
    assert advices(one_layer(), {"out": (0.5, 0.5)}, QuantConfig(weight_bits=16, act_bits=16)) == []
    assert advices(one_layer(), {"out": (0.5, 0.5)}, QuantConfig(weight_bits=16, output_bits=16)) == []


def test_networks_without_an_error_or_without_advice() -> None:
    whole = {"in": rng(3).integers(-3, 4, (40, 1, 6, 6)).astype(np.float32) * 2.0}
    exact = analyze(one_layer(), whole, replace(PLAIN, zero_points=PLAIN.zero_points.NONE))
    assert exact.measured_db is None and exact.conclusion == "The outputs have no error." and not exact.helps
    assert all(row.sqnr_db is None and row.saturated == 0 for row in exact.layers)
    widest = analyze(small(), data(), replace(PLAIN, weight_bits=16, act_bits=16))
    assert widest.advice is None and widest.conclusion.startswith("More bits in any")
    worse = replace(exact, measured_db=30.0, advice=Advice("out", True, 0.5, "weight_bits", 9, 29.0))
    assert not worse.helps and worse.conclusion.startswith("More bits in any")
    assert replace(worse, measured_db=28.0).helps


def test_recipes_and_heads() -> None:
    """Without gradients in calibration they are taken afterwards; an index has no row."""
    for effort in Effort:
        found = analyze(small(), data(), effort.config(weight_bits=4, head=Head.ARGMAX))
        assert [row.name for row in found.layers] == ["in", "c", "d", "s", "m", "out"]
        assert sum(shares(row) for row in found.layers) == pytest.approx(1.0)


def test_formats_of_ports_are_those_of_the_host() -> None:
    config = QuantConfig(weight_bits=4)
    program, found = quantize(small(), data(), config), rows(analyze(small(), data(), config))
    factors = quantised(small(), data(), config, silent).data.factors
    for name in ("in", "out"):
        row = found[name]
        assert factors[name][0] != 1.0, "this network is equalised"
        assert (row.scale, row.zero_point) == (program.formats[name].scale, program.formats[name].zero_point)


def test_a_budget_settles_the_widths() -> None:
    for options in ({}, {"weights": WeightKind.CODEBOOK}):
        config = QuantConfig(average_bits=3.8, least_bits=2, most_bits=5, equalise=False, **options)
        draft = quantised(small(), data(), config, silent)
        chosen = settled(config, draft.fits)
        assert not chosen.mixed
        again = quantised(small(), data(), chosen, silent)
        assert all(np.array_equal(fit.integers, again.fits[name].integers) for name, fit in draft.fits.items())
        analysis = analyze(small(), data(), config)
        found = rows(analysis)
        assert analysis.options == chosen.describe() and analysis.advice
        option, layer = analysis.advice.option, analysis.advice.layer
        assert analysis.advice.value > getattr(chosen.of(layer), option)
        for name in draft.fits:
            row, of = found[name], chosen.of(name)
            assert row.stored_bits == ((of.entries - 1).bit_length() if options else of.weight_bits) < 8
        assert weight_only(small(), data(), config).sqnr_db == weight_only(small(), data(), chosen).sqnr_db


def test_memory_does_not_grow_with_samples() -> None:
    draft = quantised(small(), data(), PLAIN, silent)
    peaks = []
    for count in (320, 1280):
        many = Calibration(small(), data(count), FloatReference(small()))
        tracemalloc.start()
        analysis_of(replace(draft, data=many), draft.seen, PLAIN)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.parametrize("columns", [60, 80, 100, 160])
@pytest.mark.parametrize("weights", [WeightKind.UNIFORM, WeightKind.CODEBOOK])
def test_tables_fit_the_terminal(columns: int, weights: WeightKind) -> None:
    config = replace(PLAIN, weight_bits=4, weights=weights, entries=8)
    for parts in (
        shown.analysis(analyze(small(), data(), config)),
        shown.weight_only(weight_only(small(), data(), config)),
    ):
        out = StringIO()
        console = Console(file=out, width=columns)
        for part in parts:
            console.print(part)
        text = out.getvalue()
        assert all(len(line) <= columns for line in text.splitlines())
        assert ("4/8: stored" in text.replace("\n", " ")) == ("3/4" in text) == (weights is WeightKind.CODEBOOK)
        if "error %" in text:
            assert ("depthwise" in text) == ("acc. used:" in text) == (columns >= 100)
            assert ("at clip:" in text) or columns < 160
        assert "…" not in text or columns < 80, "no head is cut"
        assert "ONNX node" not in text, "this graph names no nodes"


def test_plain_values() -> None:
    found = asdict(analyze(small(), data(), PLAIN))
    assert set(found) == {"name", "options", "samples", "measured_db", "predicted_db", "layers", "advice"}
    assert set(found["layers"][0]) == {
        "name", "kind", "source", "weight_bits", "stored_bits", "weight_sqnr_db", "type", "scale", "zero_point",
        "sqnr_db", "saturated", "at_clip", "used_range", "acc_bits", "acc_bound", "acc_seen", "acc_used",
        "weight_share", "rounding_share",
    }  # fmt: skip
    assert found["samples"] == 64 and found["options"]["weight_bits"] == 8
