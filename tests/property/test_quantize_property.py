"""Random options on random networks: a verified program whenever it is not refused, the same each time it is made.

Its hardware gives the same integers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import float_nets as fn
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, note, reject, settings
from hypothesis import strategies as st
from random_configs import configs
from random_programs import check_foldings

from hwq.arith import MANTISSA_BITS
from hwq.errors import BadInput
from hwq.frontend import graph as fg
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ir.text import dump
from hwq.ops import Linear
from hwq.ops.coding import codes
from hwq.quant import QuantConfig, RangeMethod, ScaleKind, quantize
from hwq.quant.slim import check_equal
from hwq.sim import simulate_fast, simulate_plain

Draw = Any
SOME = settings(max_examples=max(12, settings().max_examples // 8), suppress_health_check=list(HealthCheck))
HARDWARE = settings(max_examples=max(6, settings().max_examples // 12), suppress_health_check=list(HealthCheck))


@st.composite
def graphs(draw: Draw) -> fg.FloatGraph:
    """Convolutions of every kind, clips, a residual, pools and a pad, with some channels dead; a vector comes out."""
    rng = fn.rng(draw(st.integers(0, 1 << 20)))
    clips = st.sampled_from([fg.Clip(), fn.RELU, fn.RELU6, fg.Clip(-0.5, 0.8)])
    channels = draw(st.integers(1, 5))
    layers: list[fg.Layer] = [fn.conv("c1", "in", (channels, 2, 3, 3), pads=fn.BORDER, clip=draw(clips))]
    shapes: dict[str, fg.Shape] = {"c1": (channels, 6, 6)}
    last = "c1"
    kinds = ("conv", "depthwise", "groups", "add", "maximum", "average", "pad", "activation")
    for number, kind in enumerate(draw(st.lists(st.sampled_from(kinds), max_size=4)), 2):
        name, (channels, height, width) = f"l{number}", shapes[last]
        shapes[name] = shapes[last]
        if kind == "conv":
            layers.append(fn.conv(name, last, (channels, channels, 1, 1), clip=draw(clips)))
        elif kind == "depthwise":
            layers.append(fn.conv(name, last, (channels, 1, 3, 3), pads=fn.BORDER, groups=channels, clip=draw(clips)))
            assume(channels > 1)
        elif kind == "groups":
            groups = draw(st.sampled_from([n for n in range(1, channels + 1) if channels % n == 0]))
            filters = groups * draw(st.integers(1, max(1, 6 // groups)))
            layers.append(fn.conv(name, last, (filters, channels // groups, 1, 1), groups=groups, clip=draw(clips)))
            shapes[name] = (filters, height, width)
        elif kind == "add":
            partner = draw(st.sampled_from([t for t, shape in shapes.items() if shape == shapes[last] and t != name]))
            layers.append(fg.Add(name=name, inputs=(last, partner), clip=draw(clips)))
        elif kind == "maximum":
            layers.append(fg.MaxPool(name=name, inputs=(last,), kernel=(3, 3), pads=fn.BORDER))
        elif kind == "average":
            layers.append(fg.AvgPool(name=name, inputs=(last,), kernel=(3, 3), pads=fn.BORDER))
        elif kind == "pad":
            layers.append(
                fg.Pad(name=name, inputs=(last,), pads=(1, 0, 0, 1), value=draw(st.sampled_from((0.0, -0.4))))
            )
            shapes[name] = (channels, height + 1, width + 1)
        else:
            layers.append(fg.Activation(name=name, inputs=(last,), clip=draw(clips)))
        last = name
    layers.append(fn.dense("out", last, (3, *shapes[last])))
    shapes["out"] = (3, 1, 1)
    return fn.graph((2, 6, 6), [changed(layer, rng) for layer in layers], shapes)


def changed(layer: fg.Layer, rng: np.random.Generator) -> fg.Layer:
    """Other weights, with channels scaled apart or dead."""
    if not isinstance(layer, fg.Conv | fg.Dense):
        return layer
    size = 2.0 ** rng.uniform(-6, 6, (len(layer.weight), 1, 1, 1)) * rng.choice([0.0, 1e-30, 1.0, 1.0, 1.0, 1.0])
    weight = rng.normal(0, 0.4, layer.weight.shape) * (size if rng.integers(2) else 1.0)
    return replace(layer, weight=weight, bias=rng.normal(0, 1, len(weight)) * rng.choice([0.0, 0.1, 1.0]))


def inputs(program: Program, seed: int) -> dict[str, Any]:
    rng = fn.rng(seed)
    low, high = program.input_types["in"].range
    x = rng.integers(low, high + 1, (5, *program.input_types["in"].shape))
    x[0], x[1] = low, high
    return {"in": x}


def quantised(graph: fg.FloatGraph, samples: fn.Samples, config: QuantConfig) -> Program:
    """The program; an example whose budget cannot be kept is passed over."""
    try:
        return quantize(graph, samples, config)
    except BadInput:
        assert config.mixed
        reject()


@SOME
@given(graph=graphs(), config=configs(), seed=st.integers(0, 1 << 20), count=st.sampled_from((1, 2, 9)))
def test_any_options(graph: fg.FloatGraph, config: QuantConfig, seed: int, count: int) -> None:
    """The program is verified and exact in both simulators, codes exist, and slimming changes no output."""
    note(str(config))
    note("\n".join(f"{type(layer).__name__} {layer.name} {layer.inputs}" for layer in graph.layers))
    samples = fn.data(count=count, seed=seed)
    program = quantised(graph, samples, config)
    program.verify()
    x = inputs(program, seed)
    (name,) = program.output_tensors()
    assert np.array_equal(simulate_plain(program, x)[name], simulate_fast(program, x)[name])
    for op in program.ops:
        if isinstance(op, Linear):
            options = config.of(op.name)
            assert config.mixed or op.weight_bits == max(2, options.weight_bits)
            if op.coding is not None:
                codes(op.weight, op.coding.values(op.weight_bits), op.weight_bits)
            allowed = {ScaleKind.POW2: 1, ScaleKind.EXACT: options.mantissa_bits or MANTISSA_BITS}
            assert op.requant.mantissa_bits <= allowed.get(config.scale, 16)
    slimmer = quantize(graph, samples, replace(config, slim=True))
    check_equal(program, slimmer, x)
    assert slimmer.formats["in"] == program.formats["in"] and slimmer.types[name] == program.types[name]


@pytest.mark.icarus
@HARDWARE
@given(graph=graphs(), config=configs(), slim=st.booleans(), data=st.data())
def test_any_options_in_hardware(graph: fg.FloatGraph, config: QuantConfig, slim: bool, data: st.DataObject) -> None:
    """Every inner stream of the build equals the simulator, under random foldings, stalled and not."""
    note(str(config))
    program = quantised(graph, fn.data(count=3), replace(config, slim=slim))
    note(dump(program))
    check_foldings(data, program, 1)


@SOME
@given(graph=graphs(), config=configs())
def test_same_bytes(graph: fg.FloatGraph, config: QuantConfig) -> None:
    samples = fn.data(count=5)
    one, two = (quantised(graph, samples, config) for _ in range(2))
    assert serial.digest(one) == serial.digest(two) and one.info == two.info


@SOME
@given(graph=graphs(), scale=st.sampled_from(ScaleKind), seed=st.integers(0, 1 << 20))
def test_sixteen_bits_follow_the_float_network(graph: fg.FloatGraph, scale: ScaleKind, seed: int) -> None:
    """On the data of the calibration, in the units of the model."""
    samples = fn.data(count=9, seed=seed)
    program = quantize(graph, samples, QuantConfig(weight_bits=16, act_bits=16, scale=scale, range=RangeMethod.MAX))
    want = fn.run(graph, samples, ["out"])["out"]
    x = program.formats["in"].quantise(samples["in"].transpose(0, 2, 3, 1), program.types["in"])
    got = program.formats["out"].dequantise(simulate_fast(program, {"in": x})["out"])
    assert np.abs(got - want).max() <= 0.01 * np.abs(want).max() + 1e-9
