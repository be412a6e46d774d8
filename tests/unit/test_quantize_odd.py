"""Weights and data that break quantisers: zeros, constants, dead channels, extremes, one sample."""

from __future__ import annotations

from dataclasses import replace

import float_nets as fn
import numpy as np
import pytest

from hwq.frontend import graph as fg
from hwq.ops import Linear
from hwq.quant import QuantConfig, RangeMethod, ScaleKind, quantize
from hwq.quant.config import BiasCorrection, WeightKind
from hwq.quant.fitting import bias_bits
from hwq.quant.rounding import Solver
from hwq.sim import simulate_plain

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.mark.parametrize(("scale", "per_channel"), [*((scale, True) for scale in ScaleKind), (ScaleKind.POW2, False)])
@pytest.mark.parametrize("bits", [1, 4, 16])
@pytest.mark.parametrize("weights", fn.ODD)
def test_odd_weights(weights: str, bits: int, scale: ScaleKind, per_channel: bool) -> None:
    """Whatever the weights are, there is a verified program whose bias and accumulator stay narrow."""
    act = max(2, bits)
    config = QuantConfig(weight_bits=bits, act_bits=act, per_channel=per_channel, equalise=per_channel, scale=scale)
    program = quantize(fn.single(*fn.ODD[weights]), fn.data((3, 2, 2), 10), config)
    (op,) = program.ops
    assert isinstance(op, Linear)
    reach = (1 << 16) * int(np.abs(op.weight).sum(axis=(1, 2, 3)).max())
    assert np.abs(op.bias).max() <= (2 << bias_bits(bits, act)) + reach
    assert op.acc_bits <= 40
    assert all(0 < m < 1 << 16 for m in op.requant.multiplier)
    assert np.isfinite([form.scale for form in program.formats.values()]).all()


@pytest.mark.parametrize("kind", [WeightKind.CODEBOOK, WeightKind.POWERS])
@pytest.mark.parametrize("solver", [Solver.NEAREST, Solver.GPFQ, Solver.DESCENT])
@pytest.mark.parametrize("weights", fn.ODD)
def test_odd_coded_weights(weights: str, solver: Solver, kind: WeightKind) -> None:
    for scale in (ScaleKind.EXACT, ScaleKind.FIXED):
        config = QuantConfig(weight_bits=6, weights=kind, entries=4, solver=solver, scale=scale, equalise=False)
        quantize(fn.single(*fn.ODD[weights]), fn.data((3, 2, 2), 10), config)


@pytest.mark.parametrize(("scale", "correction"), list(zip(ScaleKind, BiasCorrection, strict=True)))
@pytest.mark.parametrize("weights", ["all zero", "constant", "one constant channel", "dead channel", "huge bias"])
def test_odd_weights_still_compute(weights: str, scale: ScaleKind, correction: BiasCorrection) -> None:
    """With 16 bits the integers follow the float layer to within a few steps of the output."""
    weight, bias = fn.ODD[weights]
    config = QuantConfig(weight_bits=16, act_bits=16, scale=scale, bias_correction=correction)
    x = fn.data((3, 2, 2))
    program = quantize(fn.single(weight, bias), x, config)
    want = np.einsum("mc,nchw->nhwm", weight, x["in"].astype(np.float64)) + bias
    form = program.formats["in"]
    got = simulate_plain(program, {"in": form.quantise(x["in"].transpose(0, 2, 3, 1), program.types["in"])})["out"]
    error = np.abs(program.formats["out"].dequantise(got) - want).max()
    assert error <= 3e-3 * max(1.0, np.abs(want).max())


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0, 0.7, 1e-30, 1e30])
def test_input_that_never_changes(value: float) -> None:
    x = {"in": np.full((4, 3, 2, 2), value, np.float32)}
    for config in (QuantConfig(), QuantConfig(scale=ScaleKind.FIXED, range=RangeMethod.MAX)):
        program = quantize(fn.single(*fn.ODD["uneven channels"]), x, config)
        got = program.formats["in"].dequantise(program.samples["in"])
        assert np.allclose(got, value, rtol=0.02, atol=1e-9)


@pytest.mark.parametrize("solver", [Solver.GPFQ, Solver.DESCENT])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("level", [0.7, -300.0])
def test_nearly_constant_input(level: float, bits: int, solver: Solver) -> None:
    """The rounding of sums of large squares must not look like variance, nor make it negative."""
    x = {"in": np.full((40, 2, 6, 6), level, np.float32)}
    for changed in (0.0, 0.5 * level):
        x["in"][0, 0, 0, 0] = level - changed
        program = quantize(fn.every_layer(), x, QuantConfig(act_bits=bits, solver=solver, equalise=False))
        assert (program.info["sqnr_db"]["out"] or 99.0) > 20


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("bits", [4, 8, 16])
def test_few_samples(bits: int, count: int) -> None:
    """One sample says nothing about the weights of a dense layer: they are rounded to what they are."""
    layer = fn.dense("out", "in", (5, 2, 6, 6), 1.0)
    graph = fn.graph((2, 6, 6), [layer], {"out": (5, 1, 1)})
    for solver in Solver:
        config = QuantConfig(act_bits=bits, solver=solver, output_bits=16, equalise=False)
        program = quantize(graph, fn.data(count=count), config)
        (op,) = program.ops
        assert isinstance(op, Linear)
        steps = np.array(op.requant.multiplier) * 2.0**-op.requant.shift * program.formats["out"].scale
        weights = op.weight.transpose(0, 3, 1, 2) * (steps / program.formats["in"].scale)[:, None, None, None]
        assert np.abs(weights - layer.weight).max() < 0.2 * np.abs(layer.weight).max()


@pytest.mark.parametrize("power", [-140, -126, -30, 30, 100])
def test_small_and_large_data(power: int) -> None:
    """Data of any size that float32 holds, down to denormal numbers."""
    x = {"in": fn.data((3, 2, 2))["in"] * np.float32(2.0**power)}
    graph = fn.single(np.array([[0.5, -1, 2], [1, 0, 1]]), np.zeros(2))
    for scale in ScaleKind:
        program = quantize(graph, x, QuantConfig(scale=scale))
        assert power < -30 or program.info["sqnr_db"]["out"] > 30


def test_layer_that_is_never_active() -> None:
    """All values are cut off: what follows sees zeros."""
    layer = fn.conv("c", "in", (4, 2, 3, 3), clip=fn.RELU)
    layers: list[fg.Layer] = [replace(layer, bias=np.full(4, -100.0)), fn.dense("out", "c", (3, 4, 4, 4))]
    graph = fn.graph((2, 6, 6), layers, {"c": (4, 4, 4), "out": (3, 1, 1)})
    for solver, scale in ((Solver.GPFQ, ScaleKind.FIXED), (Solver.DESCENT, ScaleKind.POW2)):
        program = quantize(graph, fn.data(), QuantConfig(scale=scale, solver=solver))
        assert not program.formats["out"].dequantise(simulate_plain(program, program.samples)["out"]).any()


@pytest.mark.parametrize("scale", [ScaleKind.POW2, ScaleKind.EXACT])
def test_scales_of_a_layer_that_is_never_active(scale: ScaleKind) -> None:
    """There is nothing to measure its scale by; its multipliers are still powers of two, or short."""
    layer = replace(fn.conv("c", "in", (4, 2, 3, 3), clip=fn.RELU), bias=np.full(4, -100.0))
    graph = fn.graph((2, 6, 6), [layer, fn.dense("out", "c", (3, 4, 4, 4))], {"c": (4, 4, 4), "out": (3, 1, 1)})
    for op in quantize(graph, fn.data(), QuantConfig(scale=scale, slim=False)).ops:
        assert isinstance(op, Linear)
        assert op.requant.mantissa_bits <= (1 if scale is ScaleKind.POW2 else 3)


def test_a_tensor_added_to_itself() -> None:
    """And read again later."""
    layers: list[fg.Layer] = [
        fn.conv("c", "in", (3, 2, 1, 1)),
        fg.Add(name="twice", inputs=("c", "c")),
        fg.Add(name="thrice", inputs=("twice", "c")),
        fn.dense("out", "thrice", (2, 3, 6, 6)),
    ]
    shapes: dict[str, fg.Shape] = {**dict.fromkeys(("c", "twice", "thrice"), (3, 6, 6)), "out": (2, 1, 1)}
    program = quantize(fn.graph((2, 6, 6), layers, shapes), fn.data(), QuantConfig(search=True))
    assert program.info["sqnr_db"]["out"] > 30


@pytest.mark.parametrize("value", [-0.4, 0.3, 9.0])
def test_a_border_beyond_what_it_surrounds(value: float) -> None:
    """Pad keeps the format of its input, which must hold the border: here below, within and above a ReLU's values."""
    layers = [
        fn.conv("c", "in", (4, 2, 3, 3), pads=fn.BORDER, clip=fn.RELU),
        fg.Pad(name="p", inputs=("c",), pads=(1, 0, 0, 1), value=value),
        fn.conv("out", "p", (3, 4, 3, 3)),
    ]
    graph = fn.graph((2, 6, 6), layers, {"c": (4, 6, 6), "p": (4, 7, 7), "out": (3, 5, 5)})
    config = QuantConfig(act_bits=12, weight_bits=12, equalise=False)
    program = quantize(graph, fn.data((2, 6, 6), 20), config)
    pad = next(op for op in program.ops if op.name == "p")
    held = program.formats["p"].dequantise(np.array(pad.pad_value))
    assert abs(float(held) - value) <= program.formats["p"].scale
    assert program.info["sqnr_db"]["out"] > 45
