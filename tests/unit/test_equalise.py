"""Equalisation: the function stays, groups share what they must, and networks that break quantisers survive."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import float_nets as fn
import numpy as np
import pytest
from numpy.typing import NDArray

from hwq import api
from hwq.frontend import graph as fg
from hwq.quant import QuantConfig, ScaleKind, quantize
from hwq.quant.config import PortScales
from hwq.quant.equalise import choose_factors, choose_limits
from hwq.quant.groups import Factors, groups, scaled
from hwq.quant.observers import observe
from hwq.sim import simulate_fast

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import rescaled

MADE = {
    "every layer": fn.every_layer(),
    "every layer, no clip": fn.every_layer(fg.Clip()),
    "bounds of both signs": fn.every_layer(fg.Clip(-0.3, 0.4)),
    "blocks": fn.blocks(),
    "blocks, tight clip": fn.blocks(fg.Clip(0.0, 0.2)),
    "blocks, no clip": fn.blocks(fn.RELU),
}


def random_factors(graph: fg.FloatGraph, seed: int = 0) -> Factors:
    """One for each channel, alike within groups, one for all channels where the interface is among them."""
    rng = fn.rng(seed)
    found: Factors = {}
    for group in groups(graph):
        channels = graph.shapes[group.tensors[0]][0]
        factors = 2.0 ** rng.uniform(-4, 4, 1 if group.port else channels)
        found |= dict.fromkeys(group.tensors, np.broadcast_to(factors, channels))
    return found


def with_index(graph: fg.FloatGraph) -> fg.FloatGraph:
    shapes: dict[str, fg.Shape] = {**graph.shapes, "i": (1, 1, 1)}
    port = fg.GraphOutput("i", "i", (1,), np.zeros(1, np.int64))
    return replace(graph.with_layers((*graph.layers, fg.ArgMax(name="i", inputs=("out",))), shapes), outputs=(port,))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", MADE)
def test_the_function_stays(name: str, seed: int) -> None:
    """Each channel of each tensor is what it was, times its factor."""
    graph = MADE[name]
    factors = random_factors(graph, seed)
    samples = fn.data(count=8)
    before = fn.run(graph, samples)
    start = {"in": samples["in"] * factors["in"].astype(np.float32)[:, None, None]}
    after = fn.run(scaled(graph, factors), start)
    for tensor, want in before.items():
        want = want * factors[tensor]
        np.testing.assert_allclose(after[tensor], want, atol=2e-5 * np.abs(want).max(), err_msg=tensor)


def test_an_index_stays() -> None:
    graph = with_index(fn.blocks())
    factors, samples = random_factors(graph), fn.data(count=30)
    assert "i" not in factors and len(set(factors["out"])) == 1
    start = {"in": samples["in"] * factors["in"].astype(np.float32)[:, None, None]}
    assert np.array_equal(fn.run(graph, samples)["i"], fn.run(scaled(graph, factors), start)["i"])


def test_scaled_twice() -> None:
    graph = fn.every_layer()
    one, two = random_factors(graph, 1), random_factors(graph, 2)
    both = scaled(graph, {name: one[name] * two[name] for name in one})
    for a, b in zip(scaled(scaled(graph, one), two).layers, both.layers, strict=True):
        if isinstance(a, fg.Conv | fg.Dense):
            assert isinstance(b, fg.Conv | fg.Dense)
            np.testing.assert_allclose(a.weight, b.weight)
            np.testing.assert_allclose(a.bias, b.bias)
        if isinstance(a, fg.Add | fg.Activation):
            assert isinstance(b, fg.Add | fg.Activation)
            np.testing.assert_allclose(a.clip.bounds()[1], b.clip.bounds()[1])


def test_groups() -> None:
    """Additions, pools, pads and activations join tensors; convolutions part them."""
    found = {frozenset(group.tensors): group.port for group in groups(fn.blocks())}
    assert found == {
        frozenset({"in"}): True, frozenset({"stem", "project1", "sum1"}): False, frozenset({"expand1"}): False,
        frozenset({"depth1"}): False, frozenset({"expand2"}): False, frozenset({"depth2"}): False,
        frozenset({"project2", "pool", "mean"}): False, frozenset({"out"}): True,
    }  # fmt: skip
    found = {frozenset(group.tensors): group.port for group in groups(fn.every_layer())}
    joined = {frozenset({"c", "d", "s", "m", "p", "t", "v"}): True}  # the pad has a value of its own
    assert found == {frozenset({"in"}): True, frozenset({"out"}): True} | joined


@pytest.mark.parametrize("scale", list(ScaleKind))
@pytest.mark.parametrize("name", MADE)
def test_choice(name: str, scale: ScaleKind) -> None:
    graph = MADE[name]
    seen = observe(fn.calibration(graph), True)
    for ports in PortScales:
        factors = choose_factors(graph, seen, QuantConfig(scale=scale, port_scales=ports), {})
        assert set(factors) == set(graph.shapes)
        for tensor, found in factors.items():
            assert found.shape == graph.shapes[tensor][:1] and (found > 0).all() and np.isfinite(found).all()
        for group in groups(graph):
            first = factors[group.tensors[0]]
            assert all(np.array_equal(factors[tensor], first) for tensor in group.tensors)
            assert len(set(first)) == 1 or not group.port
            assert not group.port or ports is PortScales.FREE or (first == 1.0).all()


@pytest.mark.parametrize("name", ["blocks", "blocks, tight clip"])
def test_bounds_are_not_lost(name: str) -> None:
    """Hardware has one bound for all channels: channels that reach it have the same factor."""
    graph = MADE[name]
    data = fn.calibration(graph)
    factors = choose_factors(graph, observe(data, True), QuantConfig(), {})
    values = fn.run(graph, data.samples)
    for layer in graph.layers:
        if isinstance(layer, fg.Conv) and np.isfinite(layer.clip.high):
            top = values[layer.name].max(axis=(0, 1, 2))
            bound = layer.clip.high * factors[layer.name]
            assert (top * factors[layer.name] <= bound.max() * 1.0001).all()
            reached = top >= 0.999 * layer.clip.high
            assert reached.any() == ("tight" in name)
            assert len(set(factors[layer.name][reached])) <= 1
            assert (bound[reached] >= (top * factors[layer.name]).max() * 0.999).all()


def dead_inside(weight: float, bias: float) -> fg.FloatGraph:
    """`blocks` with two dead channels between its convolutions."""
    graph = fn.blocks(fn.RELU)
    layers = []
    for layer in graph.layers:
        if isinstance(layer, fg.Conv) and layer.name in ("expand1", "expand2"):
            w, b = layer.weight.copy(), layer.bias.copy()
            w[[1, 4]], b[[1, 4]] = weight, bias
            layer = replace(layer, weight=w, bias=b)
        layers.append(layer)
    return graph.with_layers(tuple(layers))


@pytest.mark.parametrize(("weight", "bias"), [(0.0, 0.0), (1e-30, 1e-31), (-1e-20, -1e-3), (1e-9, 1e-9)])
def test_dead_channels_are_left_alone(weight: float, bias: float) -> None:
    graph = dead_inside(weight, bias)
    factors = choose_factors(graph, observe(fn.calibration(graph), True), QuantConfig(), {})
    for name in ("expand1", "expand2"):
        assert (factors[name][[1, 4]] == 1.0).all() and (factors[name][[0, 2, 3, 5, 6, 7]] != 1.0).any()
    program = quantize(graph, fn.data())
    assert program.info["sqnr_db"]["out"] > 30


def test_dead_channels_do_not_tighten_the_bound_of_the_others() -> None:
    """Hardware clips all channels at the least bound: that of a dead channel must not be it."""
    alive = MADE["blocks, tight clip"]
    layers = []
    for layer in alive.layers:
        if isinstance(layer, fg.Conv) and layer.name in ("expand1", "expand2"):
            dead = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
            layer = replace(layer, weight=layer.weight * dead[:, None, None, None], bias=layer.bias * dead)
        layers.append(layer)
    graph = alive.with_layers(tuple(layers))
    factors = choose_factors(graph, observe(fn.calibration(graph), True), QuantConfig(), {})
    top = fn.run(graph, fn.data())["expand1"].max(axis=(0, 1, 2)) * factors["expand1"]
    assert top[[1, 4]].tolist() == [0.0, 0.0] and top.max() <= (0.2 * factors["expand1"]).min() * 1.0001
    assert top.max() > 0.6 * 2.0 ** np.ceil(np.log2(top.max()))


def test_bounds_of_both_signs_share_a_factor() -> None:
    """A channel that reaches one bound and a channel that reaches the other cannot both keep theirs otherwise."""
    graph = fn.blocks(fg.Clip(-0.1, 0.3))
    factors = choose_factors(graph, observe(fn.calibration(graph), True), QuantConfig(), {})
    assert all(len(set(factors[name])) == 1 for name in ("expand1", "depth1"))
    assert len(set(factors["expand2"])) > 1
    config = QuantConfig(weight_bits=16, act_bits=16)
    assert quantize(graph, fn.data(), config).info["sqnr_db"]["out"] > 60


def seldom(value: float) -> tuple[fg.FloatGraph, NDArray[np.float32]]:
    """Two channels that are seen as they are; the second one is `value` in the last of 64 samples, else 1 at most."""
    same = replace(fn.conv("a", "in", (2, 2, 1, 1), clip=fn.RELU), weight=np.eye(2)[:, :, None, None], bias=np.zeros(2))
    graph = fn.graph((2, 4, 4), [same, fn.conv("out", "a", (3, 2, 1, 1))], {"a": (2, 4, 4), "out": (3, 4, 4)})
    x = fn.rng(3).uniform(-1, 1, (64, 2, 4, 4)).astype(np.float32)
    x[:, 0] *= 16.0
    x[-1, 1, 0, 0] = value
    return graph, x


def test_channels_of_unsure_range_are_not_brought_up() -> None:
    found = {}
    for value in (1.0, 40.0):
        graph, x = seldom(value)
        data = fn.calibration(graph, {"in": x})
        seen = replace(observe(data, True), halves=(observe(data.half(0), True), observe(data.half(1), True)))
        found[value] = choose_limits(graph, seen, QuantConfig())["a"]
    assert found[40.0] < 2.0 <= found[1.0]


def test_no_limits_without_halves() -> None:
    graph = fn.blocks()
    assert choose_limits(graph, observe(fn.calibration(graph), True), QuantConfig()) == {}


def test_a_calibration_in_another_form() -> None:
    """Tensors of the network as read, scaled, are those of the scaled network; what was seen is what is seen again."""
    graph = fn.blocks()
    factors = random_factors(graph)
    data = fn.calibration(graph)
    other = data.equalised(scaled(graph, factors), factors)
    (batch,) = other.batches(["in", "stem", "out", "stem:pre"], 100)
    start: Any = data.samples["in"] * factors["in"].astype(np.float32)[:, None, None]
    again = fn.run(other.graph, {"in": start}, ["in", "stem", "out", "stem:pre"])
    for name, want in again.items():
        np.testing.assert_allclose(batch[name], want, atol=2e-5 * np.abs(want).max())
    moved, looked = observe(data, True).times(factors), observe(fn.calibration(other.graph, {"in": start}), True)
    for name in graph.shapes:
        np.testing.assert_allclose(moved.tensors[name].highs, looked.tensors[name].highs, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(moved.tensors[name].variance, looked.tensors[name].variance, rtol=0.02, atol=1e-9)
        assert (moved.gains.get(name) is None) == (name == "in")
        if name != "in":
            np.testing.assert_allclose(moved.gains[name] * factors["out"][0] ** 2, looked.gains[name], rtol=0.02)


@pytest.mark.parametrize("ports", list(PortScales))
@pytest.mark.parametrize("scale", list(ScaleKind))
def test_ports_are_in_the_units_of_the_model(scale: ScaleKind, ports: PortScales) -> None:
    """Integers of the outputs stand for what the float network gives, whatever form was quantised."""
    graph, test = fn.blocks(fn.RELU), fn.data()
    program = quantize(graph, test, QuantConfig(scale=scale, port_scales=ports, weight_bits=12, act_bits=12))
    start = program.formats["in"].quantise(test["in"].transpose(0, 2, 3, 1), program.types["in"])
    got = program.formats["out"].dequantise(simulate_fast(program, {"in": start})["out"])
    want = fn.run(graph, test, ["out"])["out"]
    ratio = 10 * np.log10((want**2).sum() / ((got - want) ** 2).sum())
    assert ratio > 50 and ratio == pytest.approx(program.info["sqnr_db"]["out"], abs=0.01)
    if scale is not ScaleKind.FIXED and ports is PortScales.POW2:
        assert {float(np.frexp(program.formats[name].scale)[0]) for name in ("in", "out")} == {0.5}


def test_a_tensor_that_is_two_outputs() -> None:
    """Its scale is put into the units of the model once."""
    graph = fn.blocks()
    twice = replace(graph, outputs=(*graph.outputs, replace(graph.outputs[0], onnx_name="again")))
    assert quantize(twice, fn.data()).formats["out"] == quantize(graph, fn.data()).formats["out"]


@cache
def agreement(name: str, equalise: bool = True) -> tuple[float, float]:
    """SQNR of the logits on calibration data, and the share of test images with the float network's answer."""
    network = {
        "plain": rescaled.digits_mobilenet,
        "apart": rescaled.scaled_apart_network,
        "dead": rescaled.dead_channels_network,
        "constant": lambda: rescaled.dead_channels_network(constant=True),
    }[name]()
    program = api.quantize(network.model, {"image": network.calib[:100]}, QuantConfig(equalise=equalise))
    got = api.simulate(program, {"image": network.evaluation})[program.outputs[0].name]
    exact: NDArray[Any] = np.stack(network.float_run(list(network.evaluation)))
    ratio = program.info["sqnr_db"][program.outputs[0].tensor]
    return float(ratio), float((got.argmax(1) == exact.argmax(1)).mean())


def test_a_network_scaled_apart_is_as_good_as_before() -> None:
    """Channels multiplied by 2^-6 to 2^6, which breaks every quantiser without equalisation."""
    (ratio, same), (before, _) = agreement("apart"), agreement("plain")
    assert same >= 0.99 and ratio >= before - 1.0
    assert agreement("apart", equalise=False)[1] < 0.9


@pytest.mark.parametrize("name", ["dead", "constant"])
def test_dead_channels_lose_nothing(name: str) -> None:
    """They are left alone, and so are the others: as good as the network without them."""
    (ratio, same), (without, _) = agreement(name), agreement("plain")
    assert same >= 0.99 and ratio >= without - 1.0
    assert ratio >= agreement("plain", equalise=False)[0] + 1.0
