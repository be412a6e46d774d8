"""Grouped convolutions against dense and depthwise ones that compute the same: integers, foldings, quantisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import float_nets as fn
import numpy as np
import pytest
from cases import CASES
from nets import add, conv, corners, depthwise, groupconv, program, tensor
from numpy.typing import NDArray

from hwq.errors import BadInput
from hwq.frontend import graph as fg
from hwq.hw.fold import Fold, cycles
from hwq.hw.folding_file import parse_folding
from hwq.hw.options import options
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.ops import Conv, GroupConv
from hwq.quant import QuantConfig, quantize
from hwq.quant.absorb import lowered
from hwq.quant.groups import scaled
from hwq.quant.slim import check_equal, slim
from hwq.sim import simulate_fast, simulate_plain

K1 = Window((1, 1))
SAME = Window((3, 3), pads=(1, 1, 1, 1))


def block_diagonal(weight: NDArray[Any], groups: int, axis: int) -> NDArray[Any]:
    """Grouped weights with zeros for the inputs of other groups; `axis` has the inputs."""
    blocks = np.split(weight, groups)
    shape = list(blocks[0].shape)
    shape[axis] *= groups
    wide = [np.zeros(shape, weight.dtype) for _ in blocks]
    for number, (block, own) in enumerate(zip(blocks, wide, strict=True)):
        np.split(own, groups, axis)[number][...] = block
    return np.concatenate(wide)


@pytest.mark.parametrize("name", CASES["groupconv"])
def test_equals_a_dense_convolution(name: str) -> None:
    p = CASES["groupconv"][name]
    op = p.ops[0]
    assert isinstance(op, GroupConv)
    fields = {field: getattr(op, field) for field in ("name", "inputs", "requant", "acc_bits", "bits", "signed")}
    dense = Conv(
        **fields, weight=block_diagonal(op.weight, op.groups, 3), bias=op.bias, weight_bits=op.weight_bits,
        window=op.window, pad_value=op.pad_value,
    )  # fmt: skip
    assert np.array_equal(op.evaluate(p.samples["a"]), dense.evaluate(p.samples["a"]))
    assert op.accumulator(p.types["a"].range) == dense.accumulator(p.types["a"].range)


def test_one_kernel_a_channel_is_depthwise() -> None:
    x = tensor(5, 4, 3)
    op = groupconv(x, 3, 3, SAME, pad=-9)
    other = depthwise(x, SAME, pad=-9)
    same = replace(other, weight=op.weight[..., 0], bias=op.bias, requant=op.requant, acc_bits=op.acc_bits)
    samples = corners({"a": x})["a"]
    assert np.array_equal(op.evaluate(samples), same.evaluate(samples))


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (1, 7)])
def test_channels_that_fill_blocks_stay_outside(shape: tuple[int, int]) -> None:
    """The fast simulator widens dense layers; groups read and make what there is, joined with layers that are wide."""
    x, t, w = tensor(*shape, 3), tensor(*shape, 12), tensor(*shape, 24)
    ops = [
        conv(x, 12, SAME, name="stem"),
        groupconv(t, 12, 3, SAME, name="g", source="stem", scale="pow2", pad=3),
        add(t, t, name="sum", sources=("g", "stem")),
        groupconv(t, 24, 12, K1, name="wide", source="sum", scale="shift"),
        depthwise(w, SAME, name="dw", source="wide", scale="shift"),
        conv(w, 12, K1, name="narrow", source="dw", scale="shift"),
        groupconv(t, 4, 2, SAME, source="narrow", scale="shift"),
    ]
    p = program(ops, {"a": x}, samples=corners({"a": x}, 20))
    want, got = (run(p, p.samples, keep_all=True) for run in (simulate_plain, simulate_fast))
    assert all(np.array_equal(want[name], got[name]) for name in want)


def test_cycles() -> None:
    """Output pixels x outputs / PE x taps x beats of a group."""
    x, y = tensor(6, 6, 8), tensor(6, 6, 12)
    op = groupconv(x, 12, 2, SAME)
    assert cycles(op, Fold(1, 1, 1, 1), (x,), y) == 36 * 12 * 9 * 4
    assert cycles(op, Fold(2, 1, 3, 2), (x,), y) == 36 * 4 * 9 * 2
    assert cycles(op, Fold(4, 2, 6, 4), (x,), y) == 36 * 2 * 9
    found = options(program([op], {"a": x}), op)
    assert {(option.fold.pe, option.fold.simd) for option in found} <= {(p, s) for p in (1, 2, 3, 6) for s in (1, 2, 4)}
    assert found[-1].cycles == 36 * 2 * 9


REFUSED: dict[str, tuple[Mapping[str, Any], str]] = {
    "inputs": ({"simd": 3}, "simd is 3 and pe 1, expected divisors of a group's 4 inputs and 6 outputs"),
    "beyond a group": ({"simd": 8}, "simd is 8 and pe 1, expected divisors"),
    "outputs": ({"pe": 4, "rq": 4}, "simd is 1 and pe 4, expected divisors"),
    "parallel": ({"window": "parallel"}, "window is .parallel., expected serial here"),
    "too slow": ({"pe": 6, "simd": 4, "rq": 1}, "rq is 1, expected a divisor of pe = 6 that is at least pe / 4"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_foldings(change: Mapping[str, Any], message: str) -> None:
    x = tensor(6, 6, 8)
    p = program([groupconv(x, 12, 2, Window((2, 2)))], {"a": x})
    with pytest.raises(BadInput, match=message):
        parse_folding({"y": {"pe": 1, "simd": 1, "rq": 1, "window": "serial", **change}}, p, "x")


def test_slimming_keeps_its_channels() -> None:
    """Equal and dead channels in front of groups and behind them stay; taps without weights go."""
    x, t = tensor(4, 4, 2), tensor(4, 4, 4)
    first = conv(x, 4, K1, name="c")
    first = replace(first, weight=first.weight[[0, 0, 1, 1]] * [[[[1]]], [[[1]]], [[[0]]], [[[0]]]])
    op = groupconv(t, 4, 2, SAME, source="c", name="g")
    op.weight[:, 0] = 0
    p = program([first, op, conv(t, 3, K1, source="g")], {"a": x})
    slimmer, saved = slim(p)
    assert not saved.channels
    found = slimmer.ops[1]
    assert isinstance(found, GroupConv) and found.weight.shape == (4, 2, 3, 2)
    check_equal(p, slimmer, corners({"a": x}, 30))


def shuffled() -> fg.FloatGraph:
    """Units as of ShuffleNet: grouped 1x1, depthwise, grouped 1x1; then two and three kernels a channel."""
    layers: list[fg.Layer] = [
        fn.conv("stem", "in", (12, 2, 3, 3), pads=fn.BORDER, clip=fn.RELU),
        fn.conv("squeeze", "stem", (6, 4, 1, 1), 0.5, groups=3, clip=fn.RELU),
        fn.conv("depth", "squeeze", (6, 1, 3, 3), 0.5, groups=6, pads=fn.BORDER),
        fn.conv("expand", "depth", (12, 2, 1, 1), 0.6, groups=3),
        fg.Add(name="sum", inputs=("expand", "stem"), clip=fn.RELU),
        fn.conv("twofold", "sum", (24, 1, 3, 3), 0.4, groups=12, pads=fn.BORDER, stride=(2, 2), clip=fn.RELU6),
        fn.conv("mix", "twofold", (8, 6, 3, 3), 0.3, groups=4, clip=fn.RELU),
        fn.dense("out", "mix", (5, 8, 1, 1), 0.8),
    ]
    shapes: dict[str, fg.Shape] = {
        "stem": (12, 6, 6), "squeeze": (6, 6, 6), "depth": (6, 6, 6), "expand": (12, 6, 6), "sum": (12, 6, 6),
        "twofold": (24, 3, 3), "mix": (8, 1, 1), "out": (5, 1, 1),
    }  # fmt: skip
    return fn.graph((2, 6, 6), layers, shapes)


def test_factors_and_offsets_find_their_weights() -> None:
    """The function stays where inner channels have factors of their own, and where some are lowered by constants."""
    graph, samples = shuffled(), fn.data(count=20, low=0.5)
    inner = [name for name in graph.shapes if name not in ("in", "out")]
    factors = {name: np.ones(shape[0]) for name, shape in graph.shapes.items()}
    for number, name in enumerate(inner):
        factors[name] = 2.0 ** fn.rng(number).uniform(-2, 2, graph.shapes[name][0])
    factors["expand"] = factors["sum"] = factors["stem"]
    want = fn.run(graph, samples)
    got = fn.run(scaled(graph, factors), samples)
    for name in graph.shapes:
        np.testing.assert_allclose(got[name], want[name] * factors[name], rtol=1e-4, atol=1e-4)
    offsets = {"depth": np.linspace(0.0, 0.5, 6)}
    got = fn.run(lowered(graph, offsets), samples, ["depth", "expand"])
    np.testing.assert_allclose(got["depth"], want["depth"] - offsets["depth"], atol=1e-5)
    np.testing.assert_allclose(got["expand"], want["expand"], atol=1e-5)


def densified(graph: fg.FloatGraph) -> fg.FloatGraph:
    """The same function with one group in every layer."""
    return graph.with_layers(
        tuple(
            replace(layer, weight=block_diagonal(layer.weight, layer.groups, 1), groups=1)
            if isinstance(layer, fg.Conv) else layer
            for layer in graph.layers
        )
    )  # fmt: skip


def sqnr(graph: fg.FloatGraph, p: Program) -> float:
    samples = fn.data(count=200, seed=11)
    x = {"in": p.formats["in"].quantise(samples["in"].transpose(0, 2, 3, 1), p.types["in"])}
    integers = simulate_fast(p, x)["out"]
    assert np.array_equal(integers, simulate_plain(p, x)["out"])
    want, got = fn.run(graph, samples, ["out"])["out"], p.formats["out"].dequantise(integers)
    return float(10 * np.log10((want**2).sum() / ((got - want) ** 2).sum()))


def test_groups_lose_no_more_than_a_dense_network() -> None:
    graph = shuffled()
    config, samples = QuantConfig(weight_bits=4, act_bits=4), fn.data(count=60)
    found = quantize(graph, samples, config)
    kinds = {op.name: op.kind for op in found.ops}
    assert {kinds[name] for name in ("squeeze", "expand", "twofold", "mix")} == {"groupconv"}
    assert (kinds["stem"], kinds["depth"]) == ("conv", "depthwise")
    assert sqnr(graph, found) >= sqnr(graph, quantize(densified(graph), samples, config)) - 1.0
