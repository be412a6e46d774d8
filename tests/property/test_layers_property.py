"""Random float networks of the layers beside convolutions: their programs run, are exact, and follow the network."""

from __future__ import annotations

import tempfile
from pathlib import Path

import float_nets as fn
import numpy as np
from golden_models import check_equal
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from random_layers import graphs, inputs

from hwq.frontend import graph as fg
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ir.text import dump
from hwq.quant import QuantConfig, RangeMethod, ScaleKind, quantize
from hwq.quant.config import Effort, ZeroPoints
from hwq.quant.errors import decibel
from hwq.sim import simulate_fast, simulate_plain

SOME = settings(max_examples=max(12, settings().max_examples // 8), suppress_health_check=list(HealthCheck))
LEAST = 40.0
"""Decibels at the outputs with 14 bits for activations.

Rounding 14 bits of a signal whose peak is 5 times its deviation leaves 75 dB, a scale that is a power of two 6 less.
Each product of two tensors, as many as six in a row, adds the noise of both and makes peaks rarer: 3 to 5 dB each.
"""


@st.composite
def configs(draw: st.DrawFn) -> QuantConfig:
    config = draw(st.sampled_from(Effort)).config(
        act_bits=draw(st.integers(3, 16)), scale=draw(st.sampled_from(ScaleKind)),
        zero_points=draw(st.sampled_from(ZeroPoints)), slim=draw(st.booleans()), search=False,
    )  # fmt: skip
    return config.with_rule("l[13]", act_bits=draw(st.integers(2, 16))) if draw(st.booleans()) else config


def reals(program: Program, x: dict[str, np.ndarray], keep_all: bool = False) -> dict[str, np.ndarray]:
    """What the program makes of real values."""
    (name,) = program.input_types
    given = program.formats[name].quantise(x[name].transpose(0, 2, 3, 1), program.types[name])
    found = simulate_fast(program, {name: given}, keep_all=keep_all)
    return {name: program.formats[name].dequantise(values) for name, values in found.items()}


@SOME
@given(graph=graphs(), config=configs(), seed=st.integers(0, 1 << 20))
def test_any_options(graph: fg.FloatGraph, config: QuantConfig, seed: int) -> None:
    """Verified, equal in both simulators and in the golden model, equal when made again, and when saved and loaded."""
    note(str(config))
    samples = inputs(graph, 6, seed)
    program = quantize(graph, samples, config)
    note(dump(program))
    program.verify()
    assert serial.digest(quantize(graph, samples, config)) == serial.digest(program)
    low, high = program.input_types["in"].range
    x = {"in": fn.rng(seed).integers(low, high + 1, (3, *program.input_types["in"].shape))}
    plain, fast = simulate_plain(program, x), simulate_fast(program, x)
    assert plain.keys() == fast.keys() and all(np.array_equal(plain[name], fast[name]) for name in plain)
    check_equal(program, x)
    with tempfile.TemporaryDirectory() as folder:
        serial.save(program, Path(folder, "net.hwq"))
        loaded = serial.load(Path(folder, "net.hwq"))
    assert serial.digest(loaded) == serial.digest(program) and loaded.formats == program.formats


@SOME
@given(
    graph=graphs(), scale=st.sampled_from(ScaleKind), zero_points=st.sampled_from(ZeroPoints), forms=st.booleans(),
    seed=st.integers(0, 1 << 20),
)  # fmt: skip
def test_many_bits_follow_the_float_network(
    graph: fg.FloatGraph, scale: ScaleKind, zero_points: ZeroPoints, forms: bool, seed: int
) -> None:
    samples = inputs(graph, 16, seed)
    config = QuantConfig(
        weight_bits=16, act_bits=14, scale=scale, zero_points=zero_points, equalise=forms, absorb=forms,
        range=RangeMethod.MAX,
    )  # fmt: skip
    program = quantize(graph, samples, config)
    note(dump(program))
    names = [port.tensor for port in graph.outputs]
    want, got = fn.run(graph, samples, names), reals(program, samples)
    for name in names:
        signal = float((want[name].astype(np.float64) ** 2).sum())
        ratio = decibel(signal, float(((got[name] - want[name]) ** 2).sum()))
        assert ratio is None or ratio >= LEAST or signal < 1e-12
