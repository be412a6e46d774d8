"""Sharing: which tensors have one format, what is requantised before a join, and formats that follow from it."""

from __future__ import annotations

import float_nets as fn
import numpy as np
import pytest

from hwq.frontend import graph as fg
from hwq.frontend.expression import Expr, X
from hwq.quant import QuantConfig, RangeMethod
from hwq.quant.cells import INPUT_BITS
from hwq.quant.config import ZeroPoints
from hwq.quant.formats import Formats, choose_formats
from hwq.quant.groups import groups
from hwq.quant.observers import observe
from hwq.quant.sharing import groups_of, with_rescales

SHAPE = (2, 3, 4)
TANH = Expr("Tanh", (X,))
INDEX = np.arange(24).reshape(SHAPE)


def conv(name: str, source: str = "in", gain: float = 0.3, channels: int = 2) -> fg.Conv:
    return fn.conv(name, source, (channels, 2, 1, 1), gain)


def concat(name: str, *inputs: str) -> fg.Concat:
    return fg.Concat(name=name, inputs=inputs, axis=1)


def largest(name: str, a: str, b: str) -> fg.Extremum:
    return fg.Extremum(name=name, inputs=(a, b), largest=True)


def gather(name: str, source: str, value: float = 0.0) -> fg.Gather:
    return fg.Gather(name=name, inputs=(source,), index=INDEX, value=value)


def pool(name: str, source: str) -> fg.MaxPool:
    return fg.MaxPool(name=name, inputs=(source,), kernel=(1, 1))


def net(*layers: fg.Layer, outputs: tuple[str, ...] = ()) -> fg.FloatGraph:
    """A graph whose concatenations double the height."""
    shapes: dict[str, fg.Shape] = {"in": SHAPE}
    for layer in layers:
        kind = shapes[layer.inputs[0]] if layer.inputs else SHAPE
        if isinstance(layer, fg.Concat):
            kind = (kind[0], sum(shapes[name][1] for name in layer.inputs), kind[2])
        shapes[layer.name] = (len(layer.weight), *kind[1:]) if isinstance(layer, fg.Conv) else kind
    del shapes["in"]
    return fn.graph(SHAPE, list(layers), shapes, outputs or (layers[-1].name,))


def formats(graph: fg.FloatGraph, config: QuantConfig | None = None, low: float = -1.0) -> Formats:
    graph = with_rescales(graph)
    seen = observe(fn.calibration(graph, fn.data(SHAPE, low=low)), False)
    return choose_formats(graph, seen.tensors, config or QuantConfig(range=RangeMethod.MAX))


def test_a_tensor_in_two_joins_makes_one_group() -> None:
    graph = net(conv("a"), conv("b"), conv("c"), concat("ab", "a", "b"), concat("bc", "b", "c"))
    assert groups_of(graph)["a"] == ("a", "b", "c", "ab", "bc")
    assert groups_of(graph)["in"] == ("in",)


def test_chains_of_joins_pools_and_gathers_share() -> None:
    layers = [conv("a"), conv("b"), gather("g", "a"), pool("m", "g"), concat("j", "m", "b"), pool("p", "j"),
              conv("d", "p")]  # fmt: skip
    found = groups_of(net(*layers))
    assert found["a"] == ("a", "b", "g", "m", "j", "p") and found["d"] == ("d",)
    chosen = formats(net(*layers))
    assert len({chosen[name] for name in found["a"]}) == 1


@pytest.mark.parametrize("between", [[], [gather("g", "in")], [pool("m", "in"), gather("g", "m")]])
def test_inputs_are_requantised_before_a_join(between: list[fg.Layer]) -> None:
    last = between[-1].name if between else "in"
    graph = net(conv("a"), *between, concat("j", "a", last), concat("k", last, "a"))
    made = with_rescales(graph)
    (rescale,) = [layer for layer in made.layers if isinstance(layer, fg.Activation)]
    assert rescale.inputs == (last,) and rescale.name == f"{last}_rescaled" and rescale.clip.is_identity
    joins = [layer.inputs for layer in made.layers if isinstance(layer, fg.Concat)]
    assert joins == [("a", rescale.name), (rescale.name, "a")]
    assert with_rescales(made) is made


def test_what_knows_its_format_is_requantised_before_a_join() -> None:
    softmax = fg.Softmax(name="s", inputs=("a",))
    made = with_rescales(net(conv("a"), conv("b"), softmax, concat("j", "s", "b")))
    assert [layer.name for layer in made.layers] == ["a", "b", "s", "s_rescaled", "j"]
    chosen = formats(made)
    assert chosen["s"].form.scale == 2.0**-16 and not chosen["s"].signed and chosen["s"].bits == 16
    assert chosen["s_rescaled"] == chosen["b"] == chosen["j"] != chosen["s"]


def test_joins_of_joins_are_not_requantised() -> None:
    graph = net(conv("a"), conv("b"), largest("m", "a", "b"), concat("j", "m", "a"))
    assert with_rescales(graph) is graph


def test_a_join_of_unequal_sizes_has_the_wider_range() -> None:
    chosen = formats(net(conv("a"), conv("bb", gain=30.0), concat("j", "a", "bb")))
    alone = formats(net(conv("bb", gain=30.0)))
    assert chosen["a"] == chosen["bb"] == chosen["j"] and chosen["j"].form.scale == alone["bb"].form.scale


def test_what_a_maximum_drops_counts_for_other_readers() -> None:
    """The maximum is never negative: no reason to cut off the negative values that `a` has for `d`."""
    both = [conv("a", gain=3.0), conv("b"), fg.Activation(name="r", inputs=("b",), clip=fn.RELU),
            largest("m", "r", "a")]  # fmt: skip
    assert formats(net(*both))["a"].signed is False
    assert formats(net(*both, conv("d", "a"), outputs=("m", "d")))["a"].signed is True
    config = QuantConfig(range=RangeMethod.MAX, zero_points=ZeroPoints.NONE)
    assert formats(net(*both, outputs=("a", "m")), config)["m"].levels == (-128, 127)


def test_asymmetric_formats_of_a_group_reach_as_far_as_each() -> None:
    """One join is never positive, the other never negative, and a tensor is in both."""
    low, high = fg.Clip(-2.0, 0.0), fg.Clip(0.0, 2.0)
    layers = [conv("n", gain=9.0), conv("a"),
              fg.Activation(name="neg", inputs=("n",), clip=low), fg.Activation(name="pos", inputs=("n",), clip=high),
              fg.Activation(name="z", inputs=("a",), clip=fg.Clip(0.0, 0.0)),
              concat("j", "neg", "z"), concat("k", "pos", "z")]  # fmt: skip
    config = QuantConfig(range=RangeMethod.MAX, zero_points=ZeroPoints.ALL)
    chosen = formats(net(*layers, outputs=("j", "k")), config)["j"]
    ends = [(level - chosen.form.zero_point) * chosen.form.scale for level in chosen.levels]
    assert ends[0] <= -1.99 and ends[1] >= 1.99


@pytest.mark.parametrize("zero_points", ZeroPoints)
def test_normalised_values_have_no_zero_point(zero_points: ZeroPoints) -> None:
    normal = fg.Normalise(name="n", inputs=("a",), epsilon=0.1)
    graph = net(conv("a"), normal, pool("m", "n"), concat("j", "m", "a"), outputs=("n", "j"))
    assert formats(graph, QuantConfig(zero_points=zero_points))["n"].form.zero_point == 0


def test_readers_give_bits() -> None:
    function = fg.Function(name="f", inputs=("a",), expr=TANH)
    config = QuantConfig(act_bits=8)
    assert formats(net(conv("a"), function), config)["a"].bits == 10
    assert formats(net(conv("a"), function, conv("d", "a"), outputs=("f", "d")), config)["a"].bits == 8
    assert formats(net(conv("a"), function, outputs=("a", "f")), config)["a"].bits == 8
    assert formats(net(function.__class__(name="f", inputs=("in",), expr=TANH)), config)["in"].bits == 8
    assert formats(net(conv("a"), function), config.with_rule("a", act_bits=6))["a"].bits == 6
    assert formats(net(conv("a"), function), QuantConfig(act_bits=15))["a"].bits == 16


def test_cells() -> None:
    cell = fg.Recurrent(name="r", inputs=("a",), cell=fg.Cell.LSTM, weight=np.full((8, 2), 0.1), bias=np.zeros(2))
    shape = (2, 1, 4)
    graph = fn.graph(shape, [conv("a", channels=8), cell], {"a": (8, 1, 4), "r": shape}, ("r",))
    seen = observe(fn.calibration(graph, fn.data(shape)), False)
    chosen = choose_formats(graph, seen.tensors, QuantConfig(act_bits=7))
    assert (chosen["a"].bits, chosen["a"].signed, chosen["a"].form.zero_point) == (INPUT_BITS, True, 0)
    assert (chosen["r"].bits, chosen["r"].signed, chosen["r"].form.scale) == (7, True, 2.0**-6)


def test_channels_beside_functions_and_joins_take_no_factors() -> None:
    slopes = fg.PRelu(name="p", inputs=("a",), slopes=np.array([0.1, 0.2]))
    graph = net(conv("a"), slopes, conv("d", "p"), fg.Function(name="f", inputs=("d",), expr=TANH),
                concat("j", "f", "f"), conv("e", "j"))  # fmt: skip
    found = {group.tensors: group for group in groups(graph)}
    assert {frozenset(names) for names in found} == {
        frozenset(names) for names in (("in",), ("a", "p"), ("d",), ("f",), ("j",), ("e",))
    }
    fixed = {name for names, group in found.items() if group.fixed for name in names}
    assert fixed == {"d", "f", "j"}
