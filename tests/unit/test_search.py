"""Search of scales: never worse, scales stay legal, and a scale that is wrong is put right."""

from __future__ import annotations

from dataclasses import replace

import float_nets as fn
import numpy as np
import pytest

from hwq.frontend import graph as fg
from hwq.quant import QuantConfig, RangeMethod, ScaleKind, quantize, silent
from hwq.quant.config import Head, ZeroPoints
from hwq.quant.formats import Formats, choose_formats
from hwq.quant.normalise_table import smallest_scale
from hwq.quant.observers import observe
from hwq.quant.pipeline import Draft, draft, fitted
from hwq.quant.rounding import Solver
from hwq.quant.search import search_scales

FAST = QuantConfig(equalise=False, slim=False, range=RangeMethod.MAX, act_bits=5, weight_bits=5)
MADE = {"every layer": fn.every_layer(), "blocks": fn.blocks()}


def start(graph: fg.FloatGraph, config: QuantConfig) -> Draft:
    data = fn.calibration(graph)
    return draft(data, observe(data, True), config)


@pytest.mark.parametrize("scale", list(ScaleKind))
@pytest.mark.parametrize("name", MADE)
def test_moves(name: str, scale: ScaleKind) -> None:
    """Scales move by one power of two at most, and nothing else does; tensors that share a format go together."""
    config = replace(FAST, scale=scale)
    before = start(MADE[name], config)
    after = search_scales(before, config, silent)
    assert after.noise <= before.noise and (after.noise < before.noise) == (after.formats != before.formats)
    for tensor, chosen in after.formats.items():
        old = before.formats[tensor]
        assert (chosen.bits, chosen.signed) == (old.bits, old.signed)
        assert abs(np.log2(chosen.form.scale / old.form.scale)) in (0.0, 1.0)
        assert chosen.type((1, 1, 1)).range[0] <= chosen.form.zero_point <= chosen.type((1, 1, 1)).range[1]
    for layer in after.data.graph.layers:
        if isinstance(layer, fg.MaxPool | fg.Pad):
            assert after.formats[layer.name] == after.formats[layer.inputs[0]]
    after.program.verify()


def test_less_noise() -> None:
    """Ranges that take in every value are too wide for 4 bits."""
    config = replace(FAST, act_bits=4)
    before = start(fn.blocks(), config)
    assert search_scales(before, config, silent).noise < 0.9 * before.noise


@pytest.mark.parametrize("wrong", [2.0, 0.5])
@pytest.mark.parametrize("tensor", ["in", "stem", "sum1", "project2", "out"])
def test_a_wrong_scale_is_put_right(tensor: str, wrong: float) -> None:
    """Weights are rounded as they are: fitted ones make good for much of what a wrong scale loses."""
    graph = fn.blocks()
    config = replace(
        FAST, act_bits=8, weight_bits=8, range=RangeMethod.MSE, zero_points=ZeroPoints.NONE, solver=Solver.NEAREST
    )
    data = fn.calibration(graph)
    seen = observe(data, True)
    good: Formats = choose_formats(graph, seen.tensors, config)
    bad = dict(good)
    form = good[tensor].form
    bad[tensor] = replace(good[tensor], form=replace(form, scale=form.scale * (8.0 if wrong > 1 else 0.25)))
    for layer in graph.layers:
        if isinstance(layer, fg.MaxPool):
            bad[layer.name] = bad[layer.inputs[0]]
    spoilt, best = fitted(data, seen, bad, config), fitted(data, seen, good, config)
    found = search_scales(spoilt, config, silent)
    assert spoilt.noise > 1.1 * best.noise and found.noise < 0.96 * spoilt.noise
    assert (found.formats[tensor].form.scale < bad[tensor].form.scale) == (wrong > 1)


@pytest.mark.parametrize("zero_points", list(ZeroPoints))
@pytest.mark.parametrize("head", list(Head))
def test_whole_way(head: Head, zero_points: ZeroPoints) -> None:
    """With everything else as by default, the output on calibration data is not worse."""
    graph = fn.blocks()
    config = QuantConfig(head=head, zero_points=zero_points, act_bits=6, slim=False)
    plain, searched = (quantize(graph, fn.data(), replace(config, search=search)) for search in (False, True))
    assert searched.info["sqnr_db"]["out"] >= plain.info["sqnr_db"]["out"] - 1e-9


def test_tensors_in_any_order() -> None:
    """The order in which shapes were noted has no meaning."""
    graph = fn.blocks()
    other = replace(graph, shapes=dict(reversed(graph.shapes.items())))
    config = QuantConfig(search=True, act_bits=5)
    assert quantize(other, fn.data(), config).ops[-1].name == quantize(graph, fn.data(), config).ops[-1].name


def test_two_inputs() -> None:
    """One of them is read late."""
    shape = (2, 6, 6)
    layers: list[fg.Layer] = [
        fn.conv("a", "in", (3, 2, 3, 3), pads=fn.BORDER, clip=fn.RELU),
        fn.conv("b", "late", (3, 2, 1, 1)),
        fg.Add(name="sum", inputs=("a", "b"), clip=fn.RELU),
        fn.dense("out", "sum", (4, 3, 6, 6)),
    ]
    shapes: dict[str, fg.Shape] = {"a": (3, 6, 6), "late": shape, "b": (3, 6, 6), "sum": (3, 6, 6), "out": (4, 1, 1)}
    graph = fn.graph(shape, layers, shapes)
    port = replace(graph.inputs[0], onnx_name="z", tensor="late")
    graph = replace(graph, inputs=(*graph.inputs, port))
    samples = {**fn.data(), "late": 5 * fn.data(seed=3)["in"]}
    config = QuantConfig(act_bits=5, slim=False)
    plain, searched = (quantize(graph, samples, replace(config, search=search)) for search in (False, True))
    assert searched.info["sqnr_db"]["out"] >= plain.info["sqnr_db"]["out"]
    assert set(searched.samples) == {"in", "late"}


def test_progress_is_told_in_order() -> None:
    told: list[float] = []
    config = replace(FAST, act_bits=8)
    before = start(fn.blocks(), config)
    search_scales(before, config, lambda _, share: told.append(share or 0.0))
    assert told == sorted(told) and told[0] == 0.0 and 0.8 < told[-1] < 1.0


def test_scales_stay_within_what_a_normalisation_has() -> None:
    """A channel alone is all zeros, so every halved scale is as good: the search once went below the finest table."""
    layers = [
        fg.Normalise(name="n", inputs=("in",), epsilon=0.1),
        fn.conv("out", "n", (2, 1, 1, 1)),
    ]
    graph = fn.graph((1, 3, 3), layers, {"n": (1, 3, 3), "out": (2, 3, 3)}, ("out",))
    program = quantize(graph, fn.data((1, 3, 3)), QuantConfig(search=True, scale=ScaleKind.EXACT))
    assert program.formats["n"].scale >= smallest_scale(1)
