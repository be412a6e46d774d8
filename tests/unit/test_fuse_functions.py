"""Fusing functions: which layers become one, which must stay, and constant operands of what is no factor a channel."""

from __future__ import annotations

import float_nets as fn
import numpy as np

from hwq.frontend import graph as fg
from hwq.frontend.expression import Expr, X
from hwq.passes import simplify
from hwq.passes.constant_operands import constant_operands
from hwq.passes.dead_code import dead_code
from hwq.passes.fuse_functions import MAX_STEPS, fuse_functions

SHAPE = (2, 3, 4)
SIGMOID, TANH = Expr("Sigmoid", (X,)), Expr("Tanh", (X,))


def net(*layers: fg.Layer, outputs: tuple[str, ...] = ()) -> fg.FloatGraph:
    shapes = {layer.name: SHAPE for layer in layers}
    return fn.graph(SHAPE, list(layers), shapes, outputs or (layers[-1].name,))


def function(name: str, source: str, expr: Expr = SIGMOID) -> fg.Function:
    return fg.Function(name=name, inputs=(source,), expr=expr)


def mul(name: str, a: str, b: str) -> fg.Mul:
    return fg.Mul(name=name, inputs=(a, b))


def affine(name: str, source: str, scale: list[float], shift: list[float]) -> fg.BatchNorm:
    return fg.BatchNorm(name=name, inputs=(source,), scale=np.array(scale), shift=np.array(shift))


def pool(name: str, source: str) -> fg.MaxPool:
    return fg.MaxPool(name=name, inputs=(source,), kernel=(1, 1))


def fused(graph: fg.FloatGraph) -> list[tuple[str, str, tuple[str, ...]]]:
    """Kind, name and inputs of each layer after fusing; outputs stay equal."""
    made = dead_code(fuse_functions(graph))
    assert fuse_functions(made) is made
    names = [port.tensor for port in graph.outputs]
    before, after = (fn.run(one, fn.data(SHAPE, 3), names) for one in (graph, made))
    for name in names:
        np.testing.assert_allclose(after[name], before[name], rtol=1e-5, atol=1e-6)
    return [(type(layer).__name__, layer.name, layer.inputs) for layer in made.layers]


def test_a_swish_is_one_function() -> None:
    assert fused(net(function("s", "in"), mul("y", "in", "s"))) == [("Function", "y", ("in",))]


def test_a_shared_tensor_stays_for_its_other_reader() -> None:
    layers = [function("s", "in"), mul("y", "in", "s"), pool("p", "s")]
    assert fused(net(*layers, outputs=("y", "p"))) == [
        ("Function", "s", ("in",)), ("Function", "y", ("in",)), ("MaxPool", "p", ("s",))
    ]  # fmt: skip


def test_an_output_in_the_middle_stays() -> None:
    layers = [function("s", "in"), function("y", "s", TANH)]
    assert fused(net(*layers, outputs=("s", "y"))) == [("Function", "s", ("in",)), ("Function", "y", ("in",))]


def test_one_factor_for_all_channels_is_part_of_a_function_and_others_are_not() -> None:
    one = net(affine("a", "in", [2, 2], [1, 1]), function("y", "a"))
    each = net(affine("a", "in", [2, 3], [1, 1]), function("y", "a"))
    shifted = net(affine("a", "in", [2, 2], [1, 0]), function("y", "a"))
    assert fused(one) == [("Function", "y", ("in",))]
    assert fused(each) == fused(shifted) == [("BatchNorm", "a", ("in",)), ("Function", "y", ("a",))]


def test_two_tensors_are_no_function_of_one() -> None:
    layers = [fn.conv("a", "in", (2, 2, 1, 1)), fn.conv("bb", "in", (2, 2, 1, 1)), function("s", "a"),
              mul("y", "s", "bb")]  # fmt: skip
    assert [kind for kind, _, _ in fused(net(*layers))] == ["Conv", "Conv", "Function", "Mul"]


def test_linear_parts_stay_with_the_layers_that_do_them() -> None:
    relu = fg.Activation(name="r", inputs=("p",), clip=fn.RELU)
    graph = net(pool("p", "in"), relu, fg.Add(name="y", inputs=("p", "r")))
    assert fuse_functions(graph) is graph


def test_a_clip_behind_a_conv_stays_with_the_conv() -> None:
    conv = fn.conv("c", "in", (2, 2, 1, 1))
    relu = fg.Activation(name="r", inputs=("c",), clip=fn.RELU6)
    made = simplify(net(conv, relu, function("y", "r")))
    assert [(type(layer), layer.name) for layer in made.layers] == [(fg.Conv, "r"), (fg.Function, "y")]
    assert fg.clip_of(made.layers[0]) == fn.RELU6


def test_a_clip_with_factors_is_no_function_of_a_value() -> None:
    relu = fg.Activation(name="r", inputs=("in",), clip=fg.Clip(-1.0, 1.0, (1.0, 2.0)))
    graph = net(relu, function("y", "r"))
    assert fuse_functions(graph) is graph


def test_differences_and_extrema_keep_their_order() -> None:
    less = fg.Add(name="y", inputs=("s", "in"), signs=(1, -1))
    least = fg.Extremum(name="m", inputs=("y", "s"), largest=False)
    assert fused(net(function("s", "in"), less, least)) == [("Function", "m", ("in",))]


def test_long_chains_end() -> None:
    layers: list[fg.Layer] = [function("l0", "in")]
    layers += [mul(f"l{number}", f"l{number - 1}", f"l{number - 1}") for number in range(1, 12)]
    made = dead_code(fuse_functions(net(*layers)))
    steps = [sum(1 for _ in layer.expr.steps()) for layer in made.layers if isinstance(layer, fg.Function)]
    assert len(made.layers) > 1 and max(steps) <= 2 * MAX_STEPS + 1


def test_constant_operands() -> None:
    """A product and a sum, as far as they do something, under the names that are free."""
    rng = fn.rng()
    scale, shift = rng.normal(0, 1, SHAPE), rng.normal(0, 1, SHAPE)
    cases = {
        "both": (scale, shift, ["y_factors", "y_scaled", "y_terms_2", "y"]),
        "scale": (scale, np.zeros(SHAPE), ["y_factors", "y"]),
        "shift": (np.ones(SHAPE), shift, ["y_terms_2", "y"]),
    }
    for scales, shifts, names in cases.values():
        layer = fg.ElementAffine(name="y", inputs=("y_terms",), scale=scales, shift=shifts)
        graph = net(pool("y_terms", "in"), layer)
        made = constant_operands(graph)
        assert [layer.name for layer in made.layers] == ["y_terms", *names]
        assert made.shapes == dict.fromkeys(["in", "y_terms", *names], SHAPE)
        before, after = (fn.run(one, fn.data(SHAPE, 3), ["y"])["y"] for one in (graph, made))
        np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)
        assert constant_operands(made) is made
