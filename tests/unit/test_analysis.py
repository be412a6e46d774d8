"""Analysis and weight-only quantisation: known losses of small networks, advice that helps, and bounded memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from hwq.frontend import graph as fg
from hwq.frontend.reference import FloatReference
from hwq.ir.types import Format, TensorType
from hwq.ops.requantised import Requantised
from hwq.quant import QuantConfig, RangeMethod, ScaleKind, quantize, silent
from hwq.quant.advice import Advice, advices
from hwq.quant.analysis import TRIED, Analysis, LayerAnalysis, analysis_of, analyze, quantised, settled, weight_ratio
from hwq.quant.calibration import Calibration
from hwq.quant.config import BiasCorrection, Effort, Head, WeightKind
from hwq.quant.config_file import read_options
from hwq.quant.rounding import Solver
from hwq.quant.watch import Watch, stops
from hwq.quant.weight_only import fit_to_floats, weight_only, with_weights
from hwq.quant.weights import Fit
from hwq.report import analysis as shown
from hwq.sim import simulate_plain

RELU, NO_CLIP = fg.Clip(0.0), fg.Clip()
PLAIN = QuantConfig(equalise=False, solver=Solver.NEAREST, range=RangeMethod.MAX)
Samples = dict[str, np.ndarray]


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def graph(shape: fg.Shape, layers: list[fg.Layer], shapes: dict[str, fg.Shape], output: str = "out") -> fg.FloatGraph:
    def order(size: fg.Shape) -> np.ndarray:
        return np.arange(int(np.prod(size))).reshape(size)

    return fg.FloatGraph(
        "g",
        (fg.GraphInput("x", "in", shape, "float32", order(shape)),),
        (fg.GraphOutput("y", output, shapes[output], order(shapes[output])),),
        tuple(layers),
        {"in": shape, **shapes},
    )


def data(count: int = 64, shape: fg.Shape = (2, 6, 6)) -> Samples:
    return {"in": rng(7).uniform(-1.0, 1.0, (count, *shape)).astype(np.float32)}


def small() -> fg.FloatGraph:
    """A convolution, a depthwise one, a sum, a pool and a dense layer."""
    pads = (1, 1, 1, 1)
    first, second = rng(1).normal(0, 0.3, (4, 2, 3, 3)), rng(2).normal(0, 0.3, (4, 1, 3, 3))
    layers: list[fg.Layer] = [
        fg.Conv(name="c", inputs=("in",), weight=first, bias=np.zeros(4), pads=pads, clip=RELU),
        fg.Conv(name="d", inputs=("c",), weight=second, bias=np.full(4, 0.1), pads=pads, groups=4),
        fg.Add(name="s", inputs=("c", "d"), clip=fg.Clip(0.0, 1.0)),
        fg.MaxPool(name="m", inputs=("s",), kernel=(2, 2), stride=(2, 2)),
        fg.Dense(name="out", inputs=("m",), weight=rng(5).normal(0, 0.3, (5, 4, 3, 3)), bias=np.zeros(5)),
    ]
    shapes: dict[str, fg.Shape] = {"c": (4, 6, 6), "d": (4, 6, 6), "s": (4, 6, 6), "m": (4, 3, 3), "out": (5, 1, 1)}
    return graph((2, 6, 6), layers, shapes)


def one_layer(clip: fg.Clip = NO_CLIP, weight: float = 1.0) -> fg.FloatGraph:
    layer = fg.Conv(name="out", inputs=("in",), weight=np.full((1, 1, 1, 1), weight), bias=np.zeros(1), clip=clip)
    return graph((1, 6, 6), [layer], {"out": (1, 6, 6)})


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
    assert found.measured_db is not None and found.predicted_db == pytest.approx(found.measured_db, abs=3.0)


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
            assert ("at clip:" in text) or columns < 100
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
