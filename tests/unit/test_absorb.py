"""Absorption of biases: the function stays, only what may be lowered is, and narrow activations gain by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import float_nets as fn
import numpy as np
import pytest
from numpy.testing import assert_allclose

from hwq.frontend import graph as fg
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.quant import QuantConfig, quantize
from hwq.quant.absorb import WORTH, absorbed, choose_offsets, lowered
from hwq.quant.calibration import Calibration
from hwq.quant.observers import Survey, observe
from hwq.quant.pipeline import guarded
from hwq.sim import simulate_fast, simulate_plain

HIGH = np.array([12.0, 0.0, 8.0, 0.1, 20.0, 9.0])
"""Biases of the layers that are read, so large that some of their channels never come near zero."""
NARROW = QuantConfig(act_bits=4, output_bits=16)


def raised(clip: fg.Clip = fn.RELU, **more: Any) -> fg.FloatGraph:
    """A convolution, a depthwise one and another with large biases, and a dense layer; all but the first unpadded."""
    layers: list[fg.Layer] = [
        replace(fn.conv("a", "in", (6, 2, 3, 3), pads=fn.BORDER, clip=clip), bias=HIGH),
        replace(fn.conv("b", "a", (6, 1, 3, 3), groups=6, clip=fn.RELU, **more), bias=2.0 * HIGH[::-1]),
        replace(fn.conv("c", "b", (6, 6, 1, 1), 0.1, clip=fn.RELU), bias=3.0 * HIGH),
        fn.dense("out", "c", (5, 6, 2, 2)),
    ]
    shapes: dict[str, fg.Shape] = {"a": (6, 6, 6), "b": (6, 4, 4), "c": (6, 4, 4), "out": (5, 1, 1)}
    if more:
        shapes |= {"b": (6, 6, 6), "c": (6, 6, 6)}
    layers[3] = fn.dense("out", "c", (5, *shapes["c"]))
    return fn.graph((2, 6, 6), layers, shapes)


def looked(graph: fg.FloatGraph, count: int = 40) -> tuple[Calibration, Survey]:
    data = fn.calibration(graph, fn.data(count=count))
    return data, observe(data, True)


def sqnr(program: Program, graph: fg.FloatGraph, seed: int) -> float:
    """That of the outputs, on samples of one's own, by integers on which both simulators agree."""
    samples = fn.data(count=60, seed=seed)
    x = {"in": program.formats["in"].quantise(samples["in"].transpose(0, 2, 3, 1), program.types["in"])}
    integers = simulate_fast(program, x)["out"]
    assert np.array_equal(integers, simulate_plain(program, x)["out"])
    want, got = fn.run(graph, samples, ["out"])["out"], program.formats["out"].dequantise(integers)
    return float(10 * np.log10((want**2).sum() / ((got - want) ** 2).sum()))


def test_the_function_stays() -> None:
    """Each tensor is what it was, less its offsets; the output is the same."""
    graph = raised()
    offsets = choose_offsets(graph, looked(graph)[1])
    assert set(offsets) == {"a", "b", "c"} and all((found > 0).sum() >= 3 for found in offsets.values())
    samples = fn.data()
    before, after = fn.run(graph, samples), fn.run(lowered(graph, offsets), samples)
    for name, want in before.items():
        want = want - offsets.get(name, 0.0)
        assert want.min() >= (0.0 if name in offsets else -np.inf)
        assert_allclose(after[name], want, atol=1e-5 * np.abs(before[name]).max(), err_msg=name)


def test_offsets() -> None:
    """The mean less three standard deviations, or the lowest value if that is less, where it is worth it."""
    graph = raised()
    offsets = choose_offsets(graph, looked(graph)[1])
    values = fn.run(graph, fn.data(), list(offsets))
    for name, found in offsets.items():
        x = values[name].reshape(-1, 6).astype(np.float64)
        want = np.minimum(x.mean(0) - 3 * x.std(0), x.min(0))
        worth = want > WORTH * x.max(0)
        assert worth.any() and np.array_equal(found > 0, worth)
        assert_allclose(found[worth], want[worth], rtol=0.01)
    assert (offsets["a"][[1, 3]] == 0.0).all()


def test_a_calibration_in_another_form() -> None:
    """Tensors of the network as read, lowered, are those of the lowered network, and so is what is seen of them.

    The lowest value of a channel may be zero now, where no gradient passes.
    """
    data, seen = looked(raised())
    lower, moved = absorbed(data, seen)
    assert lower.offsets
    names = [*data.tensors, "a:pre", "b:pre", "c:pre", "out:pre"]
    (batch,) = lower.batches(names, 100)
    for name, want in fn.run(lower.graph, data.samples, names).items():
        assert_allclose(batch[name], want, atol=2e-5, err_msg=name)
    again = observe(fn.calibration(lower.graph), True)
    assert again.tensors["a"].high < 0.7 * seen.tensors["a"].high
    for name, found in moved.tensors.items():
        for part in ("lows", "highs", "averages", "mean", "variance"):
            assert_allclose(
                getattr(found, part), getattr(again.tensors[name], part), rtol=0.01, atol=2e-3, err_msg=part
            )
        assert_allclose(found.weights.sum(1), again.tensors[name].weights.sum(1), rtol=0.01)
        assert found.percentile(99.0) == pytest.approx(again.tensors[name].percentile(99.0), rel=0.01, abs=2e-3)
    for name, gain in moved.gains.items():
        assert_allclose(gain, again.gains[name], rtol=0.01)


def test_samples_below_the_offsets_are_clipped() -> None:
    data, seen = looked(raised(), 6)
    others = fn.calibration(data.graph, fn.data(count=500, seed=8)).in_form_of(absorbed(data, seen)[0])
    (batch,) = others.batches(["a", "a:pre"], 500)
    assert batch["a:pre"][..., 0].min() < 0.0 == batch["a"].min()
    assert np.array_equal(batch["a"], np.maximum(batch["a:pre"], 0.0))
    assert_allclose(batch["a"], fn.run(others.graph, others.samples, ["a"])["a"], atol=2e-5)


def test_halves_are_lowered_too() -> None:
    data, seen = looked(raised())
    halves = tuple(observe(data.half(which), True) for which in (0, 1))
    lower, moved = absorbed(data, replace(seen, halves=halves))
    for before, after in zip(halves, moved.halves, strict=True):
        assert_allclose(after.tensors["b"].lows, before.tensors["b"].lows - lower.offsets["b"])
        assert after.tensors["out"] is before.tensors["out"] and after.samples == before.samples


def with_layer(graph: fg.FloatGraph, layer: fg.Layer) -> fg.FloatGraph:
    """The graph with another reader of `a`."""
    port = fg.GraphOutput("z", "z", graph.shapes["a"], np.arange(216).reshape(graph.shapes["a"]))
    other = graph.with_layers((*graph.layers, layer), {**graph.shapes, "z": graph.shapes["a"]})
    return replace(other, outputs=(*graph.outputs, port))


def with_output(graph: fg.FloatGraph) -> fg.FloatGraph:
    port = fg.GraphOutput("a", "a", graph.shapes["a"], np.arange(216).reshape(graph.shapes["a"]))
    return replace(graph, outputs=(*graph.outputs, port))


LEFT_ALONE = {
    "padding": raised(pads=fn.BORDER),
    "upper bound": raised(fg.Clip(0.0, 15.0)),
    "no activation": raised(fg.Clip()),
    "another lower bound": raised(fg.Clip(0.5)),
    "output": with_output(raised()),
    "add": with_layer(raised(), fg.Add(name="z", inputs=("a", "a"))),
    "activation": with_layer(raised(), fg.Activation(name="z", inputs=("a",), clip=fn.RELU)),
    "maximum": with_layer(raised(), fg.MaxPool(name="z", inputs=("a",), kernel=(3, 3), pads=fn.BORDER)),
    "average": with_layer(raised(), fg.AvgPool(name="z", inputs=("a",), kernel=(3, 3), pads=fn.BORDER)),
    "padded reader beside one without": with_layer(raised(), fn.conv("z", "a", (6, 6, 3, 3), pads=fn.BORDER)),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_left_alone(name: str) -> None:
    """`a` cannot be lowered; `c` and, where `a` is the reason, `b` still can."""
    graph = LEFT_ALONE[name]
    assert set(choose_offsets(graph, looked(graph)[1])) == {"b", "c"}


def test_dead_channels_are_left_alone() -> None:
    """A constant as large as the others is none: absorbed, it leaves nothing to round."""
    graph = raised()
    first = graph.layers[0]
    assert isinstance(first, fg.Conv)
    weight, bias = first.weight.copy(), first.bias.copy()
    weight[[0, 2]], bias[[0, 2]] = 0.0, (1e-20, 7.0)
    graph = graph.with_layers((replace(first, weight=weight, bias=bias), *graph.layers[1:]))
    data, seen = looked(graph)
    lower, moved = absorbed(data, seen)
    assert_allclose(lower.offsets["a"][[0, 2]], [0.0, 7.0], rtol=1e-6)
    assert moved.tensors["a"].highs[2] < 1e-5


def test_two_bare_readers() -> None:
    graph = with_layer(raised(), fn.conv("z", "a", (6, 6, 1, 1)))
    offsets = choose_offsets(graph, looked(graph)[1])
    assert set(offsets) == {"a", "b", "c"}
    before, after = (fn.run(form, fn.data(), ["out", "z"]) for form in (graph, lowered(graph, offsets)))
    for name, want in before.items():
        assert_allclose(after[name], want, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize("seed", [21, 22])
def test_narrow_activations_gain(seed: int) -> None:
    """On samples that took no part."""
    graph, samples = raised(), fn.data(count=100)
    without, with_ = (quantize(graph, samples, replace(NARROW, absorb=absorb)) for absorb in (False, True))
    assert with_.info["options"]["absorb"] and not without.info["options"]["absorb"]
    assert sqnr(with_, graph, seed) > sqnr(without, graph, seed) + 10.0
    assert float(with_.info["sqnr_db"]["out"]) > float(without.info["sqnr_db"]["out"]) + 10.0


def test_dropped_where_it_does_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offsets far beyond what values fall to are not kept."""
    data, seen = looked(raised())
    seen = replace(seen, halves=tuple(observe(data.half(which), True) for which in (0, 1)))
    config = replace(NARROW, absorb=True)
    assert guarded(data, seen, config)[0].offsets
    monkeypatch.setattr("hwq.quant.absorb.choose_offsets", lambda graph, seen: {"a": seen.tensors["a"].highs * 0.999})
    assert absorbed(data, seen)[0].offsets
    assert not guarded(data, seen, config)[0].offsets


@pytest.mark.parametrize("graph", [fn.blocks(), fn.every_layer(), fn.blocks(fn.RELU)])
def test_nothing_to_absorb(graph: fg.FloatGraph) -> None:
    data, seen = looked(graph)
    same, unchanged = absorbed(data, seen)
    assert same is data and unchanged is seen
    one, two = (quantize(graph, fn.data(), QuantConfig(absorb=absorb)) for absorb in (False, True))
    assert serial.digest(replace(one, info={})) == serial.digest(replace(two, info={}))
