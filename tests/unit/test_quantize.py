"""The quantiser on small float networks: widths, scales, ranges, odd layers, memory, and the same bytes each time."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwq import api
from hwq.arith import Rounding, int_range
from hwq.errors import BadInput
from hwq.frontend import graph as fg
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ops import Add, ArgMax, AvgPool, Conv, Dense, Depthwise, Linear, MaxPool, Pad, Rescale
from hwq.quant import QuantConfig, RangeMethod, ScaleKind, quantize
from hwq.quant.config import Head, ZeroPoints
from hwq.quant.factors import as_multipliers
from hwq.quant.linear import bias_bits
from hwq.quant.observers import BINS, Observation, observe
from hwq.quant.ranges import activation_format, pow2_ceil
from hwq.sim import simulate_fast, simulate_plain

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
RELU = fg.Clip(0.0)
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


def conv(name: str, source: str, shape: tuple[int, ...], gain: float = 0.3, **more: Any) -> fg.Conv:
    weight = rng(len(name)).normal(0, gain, shape)
    return fg.Conv(name=name, inputs=(source,), weight=weight, bias=rng(3).normal(0, 0.1, shape[0]), **more)


def every_layer() -> fg.FloatGraph:
    """One of each kind of layer."""
    pads = (1, 1, 1, 1)
    layers: list[fg.Layer] = [
        conv("c", "in", (4, 2, 3, 3), pads=pads, clip=RELU),
        conv("d", "c", (4, 1, 3, 3), pads=pads, groups=4),
        fg.Add(name="s", inputs=("c", "d"), clip=fg.Clip(0.0, 6.0)),
        fg.MaxPool(name="m", inputs=("s",), kernel=(2, 2), stride=(2, 2)),
        fg.Pad(name="p", inputs=("m",), pads=(1, 0, 0, 1), value=0.5),
        fg.Activation(name="t", inputs=("p",), clip=fg.Clip(0.1, 0.9)),
        fg.AvgPool(name="v", inputs=("t",), kernel=(2, 2)),
        fg.Dense(name="out", inputs=("v",), weight=rng(5).normal(0, 0.3, (5, 4, 3, 3)), bias=np.zeros(5)),
    ]
    shapes: dict[str, fg.Shape] = {
        "c": (4, 6, 6), "d": (4, 6, 6), "s": (4, 6, 6), "m": (4, 3, 3), "p": (4, 4, 4), "t": (4, 4, 4),
        "v": (4, 3, 3), "out": (5, 1, 1),
    }  # fmt: skip
    return graph((2, 6, 6), layers, shapes)


def data(shape: fg.Shape = (2, 6, 6), count: int = 40, low: float = -1.0) -> Samples:
    return {"in": rng(7).uniform(low, 1.0, (count, *shape)).astype(np.float32)}


def sqnr(program: Program, name: str = "out") -> float:
    return float(program.info["sqnr_db"][name] or np.inf)


def linears(program: Program) -> list[Linear]:
    return [op for op in program.ops if isinstance(op, Linear)]


def test_every_layer_becomes_its_operation() -> None:
    program = quantize(every_layer(), data())
    assert [type(op) for op in program.ops] == [Conv, Depthwise, Add, MaxPool, Pad, Rescale, AvgPool, Dense]
    assert all(db is None or db > 20 for db in program.info["sqnr_db"].values())
    assert program.info["calibration_samples"] == 40
    x = program.samples
    assert np.array_equal(simulate_plain(program, x)["out"], simulate_fast(program, x)["out"])


@pytest.mark.parametrize("scale", list(ScaleKind))
def test_widths(scale: ScaleKind) -> None:
    """Weights, activations and outputs keep to their bits, and more bits do not make it worse."""
    quality = []
    for bits in (2, 3, 4, 5, 6, 8, 10, 12, 13, 14, 15, 16):
        config = QuantConfig(weight_bits=bits, act_bits=bits, output_bits=18 - bits, scale=scale)
        program = quantize(every_layer(), data(), config)
        for op in linears(program):
            top = (1 << (bits - 1)) - 1
            assert op.weight_bits == bits and np.abs(op.weight).max() <= top
        inner = {name: type_.bits for name, type_ in program.types.items() if name != "out"}
        assert set(inner.values()) == {bits} and program.types["out"].bits == 18 - bits
        quality.append(sqnr(quantize(every_layer(), data(), replace(config, output_bits=16))))
    assert all(later > sooner - 1.0 for sooner, later in itertools.pairwise(quality))
    assert quality[2] > 20 and quality[5] > 40 and quality[-1] > 85


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("method", list(RangeMethod))
@pytest.mark.parametrize("zero_points", list(ZeroPoints))
def test_power_of_two_scales(per_channel: bool, method: RangeMethod, zero_points: ZeroPoints) -> None:
    """Every scale and every multiplier is a power of two; per tensor there is one multiplier."""
    config = QuantConfig(per_channel=per_channel, range=method, zero_points=zero_points)
    program = quantize(every_layer(), data(), config)
    assert all(np.frexp(form.scale)[0] == 0.5 for form in program.formats.values())
    for op in linears(program):
        assert all(m & (m - 1) == 0 for m in op.requant.multiplier)
        assert len(op.requant.multiplier) == 1 or per_channel
    with_zero = {name for name, form in program.formats.items() if form.zero_point}
    assert with_zero <= {ZeroPoints.NONE: set(), ZeroPoints.INPUTS: {"in"}}.get(zero_points, set(program.types))
    assert (with_zero >= {"in"}) == (zero_points is not ZeroPoints.NONE)
    assert sqnr(program) > 20


@pytest.mark.parametrize("method", list(RangeMethod))
@pytest.mark.parametrize("per_channel", [True, False])
def test_fixed_scales(per_channel: bool, method: RangeMethod) -> None:
    config = QuantConfig(scale=ScaleKind.FIXED, per_channel=per_channel, range=method, zero_points=ZeroPoints.ALL)
    program = quantize(every_layer(), data(), config)
    for op in linears(program):
        assert max(op.requant.multiplier) < 1 << 16
        assert len(op.requant.multiplier) in ((1, op.channels) if per_channel else (1,))
    assert sqnr(program) > 25


@pytest.mark.parametrize("rounding", list(Rounding))
def test_rounding_is_kept(rounding: Rounding) -> None:
    program = quantize(every_layer(), data(), QuantConfig(rounding=rounding))
    assert {op.requant.rounding for op in program.ops if hasattr(op, "requant")} == {rounding}
    assert sqnr(program) > 15


@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_signs(low: float) -> None:
    """Tensors that are never negative are unsigned without a zero point, whatever is asked for."""
    for zero_points in ZeroPoints:
        program = quantize(every_layer(), data(low=low), QuantConfig(zero_points=zero_points))
        assert not program.types["c"].signed and program.formats["c"].zero_point == 0
        plain = zero_points is ZeroPoints.NONE
        assert program.types["in"].signed == (low < 0 and plain)
        assert (program.formats["in"].zero_point != 0) == (low < 0 and not plain)


def test_clips_are_exact() -> None:
    """ReLU6 clamps at the integer next to 6, and padding reads the zero point."""
    program = quantize(every_layer(), data(), QuantConfig(zero_points=ZeroPoints.ALL))
    ops = {op.name: op for op in program.ops}
    form = program.formats["t"]
    low, high = ops["t"].requant.qmin, ops["t"].requant.qmax  # type: ignore[attr-defined]
    assert abs(form.dequantise(np.array([low, high])) - [0.1, 0.9]).max() <= form.scale / 2
    assert ops["c"].pad_value == program.formats["in"].zero_point != 0  # type: ignore[attr-defined]
    assert abs(program.formats["m"].dequantise(np.array([ops["p"].pad_value]))[0] - 0.5) < 0.02  # type: ignore


def single(weight: np.ndarray, bias: np.ndarray) -> fg.FloatGraph:
    """One 1x1 convolution over 3 channels."""
    layer = fg.Conv(name="out", inputs=("in",), weight=weight.reshape(-1, 3, 1, 1), bias=bias)
    return graph((3, 2, 2), [layer], {"out": (len(bias), 2, 2)})


ODD: dict[str, tuple[np.ndarray, np.ndarray]] = {
    "all zero": (np.zeros((2, 3)), np.zeros(2)),
    "constant": (np.zeros((2, 3)), np.array([1.5, -0.25])),
    "one constant channel": (np.array([[0.5, -1, 2], [0, 0, 0]]), np.array([0.1, 3.0])),
    "dead channel": (np.array([[0.5, -1, 2], [1e-30, -2e-31, 3e-30]]), np.array([0.1, 0.7])),
    "dead channels only": (np.full((2, 3), 1e-30), np.array([1e-31, 0.0])),
    "huge bias": (np.array([[0.01, 0.02, -0.01], [0.5, 1, 2]]), np.array([1e4, -1.0])),
    "huge bias of a dead channel": (np.array([[0.5, 1, 2], [1e-30, 0, 0]]), np.array([0.1, -1e4])),
    "uneven channels": (np.array([[1e-4, 2e-4, -1e-4], [10.0, 20, -10]]), np.array([1e-5, 1.0])),
    "huge weights": (np.array([[1e20, -1e20, 2e20], [1e20, 1e19, 0]]), np.array([1e18, 0.0])),
    "tiny weights": (np.array([[1e-20, -1e-20, 2e-20], [1e-20, 1e-19, 0]]), np.array([1e-21, 0.0])),
}


@pytest.mark.parametrize("scale", list(ScaleKind))
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("bits", [2, 4, 8, 16])
@pytest.mark.parametrize("weights", ODD)
def test_odd_weights(weights: str, bits: int, per_channel: bool, scale: ScaleKind) -> None:
    """Whatever the weights are, there is a verified program whose bias and accumulator stay narrow."""
    weight, bias = ODD[weights]
    config = QuantConfig(weight_bits=bits, act_bits=bits, per_channel=per_channel, scale=scale)
    program = quantize(single(weight, bias), data((3, 2, 2)), config)
    (op,) = linears(program)
    assert np.abs(op.bias).max() <= (2 << bias_bits(bits, bits)) + (1 << 16) * int(
        np.abs(op.weight).sum(axis=(1, 2, 3)).max()
    )
    assert op.acc_bits <= 40
    assert all(0 < m < 1 << 16 for m in op.requant.multiplier)
    assert np.isfinite([form.scale for form in program.formats.values()]).all()


@pytest.mark.parametrize("scale", list(ScaleKind))
@pytest.mark.parametrize("weights", ["constant", "one constant channel", "dead channel", "huge bias"])
def test_odd_weights_still_compute(weights: str, scale: ScaleKind) -> None:
    """With 16 bits the integers follow the float layer to within a few steps of the output."""
    weight, bias = ODD[weights]
    config = QuantConfig(weight_bits=16, act_bits=16, scale=scale)
    x = data((3, 2, 2))
    program = quantize(single(weight, bias), x, config)
    want = np.einsum("mc,nchw->nhwm", weight, x["in"].astype(np.float64)) + bias
    form = program.formats["in"]
    got = simulate_plain(program, {"in": form.quantise(x["in"].transpose(0, 2, 3, 1), program.types["in"])})["out"]
    error = np.abs(program.formats["out"].dequantise(got) - want).max()
    assert error <= 3e-3 * max(1.0, np.abs(want).max())


def test_input_that_never_changes() -> None:
    for value in (0.0, 3.0, -2.0, 1e-30, 1e30):
        x = {"in": np.full((4, 3, 2, 2), value, np.float32)}
        for config in (QuantConfig(), QuantConfig(scale=ScaleKind.FIXED, range=RangeMethod.MAX)):
            program = quantize(single(*ODD["uneven channels"]), x, config)
            got = program.formats["in"].dequantise(program.samples["in"])
            assert np.allclose(got, value, rtol=0.02, atol=1e-9)


def test_same_input_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        serial.save(quantize(every_layer(), data()), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_memory_does_not_grow_with_the_number_of_batches() -> None:
    """Observers keep histograms, not data."""

    def peak(batches: int) -> int:
        def stream() -> Iterator[Samples]:
            for seed in range(batches):
                yield {"t": rng(seed).normal(0, 1, (16, 8, 16, 16)).astype(np.float32)}

        tracemalloc.start()
        observe(stream(), stream())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(2)
    assert peak(40) < 1.1 * peak(4)


def test_observer_sees_everything() -> None:
    batches = [{"t": rng(seed).normal(seed, 1, (8, 2, 3, 3)).astype(np.float32)} for seed in range(5)]
    seen = observe(batches, batches)["t"]
    every = np.concatenate([batch["t"].ravel() for batch in batches])
    assert (seen.low, seen.high) == (every.min(), every.max())
    assert seen.counts.sum() == every.size
    assert np.abs(np.histogram(every, BINS, (seen.low, seen.high))[0] - seen.counts).sum() <= 0.02 * every.size


@pytest.mark.parametrize("percent", [90.0, 99.0, 99.99, 100.0])
def test_percentile(percent: float) -> None:
    every = rng().normal(0, 1, 100_000)
    counts, _ = np.histogram(every, BINS, (every.min(), every.max()))
    low, high = Observation(float(every.min()), float(every.max()), counts).percentile(percent)
    tail = (100.0 - percent) / 2
    want = np.percentile(every, [tail, 100 - tail])
    width = (every.max() - every.min()) / BINS
    assert abs(low - want[0]) <= 2 * width and abs(high - want[1]) <= 2 * width


def _seen(x: np.ndarray) -> Observation:
    counts, _ = np.histogram(x, BINS, (x.min(), x.max()) if x.max() > x.min() else (x.min(), x.min() + 1))
    return Observation(float(x.min()), float(x.max()), counts)


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
@pytest.mark.parametrize("kind", list(ScaleKind))
@pytest.mark.parametrize("zero_point", [True, False])
def test_formats_cover_the_range(bits: int, kind: ScaleKind, zero_point: bool) -> None:
    """By MAX nothing is clipped by more than half a step; MSE is never worse than MAX in its own measure."""
    for low, high in ((-1.0, 3.0), (-5.0, 0.01), (0.0, 7.0), (2.0, 9.0), (-4.0, -3.0)):
        x = rng().uniform(low, high, 4000)
        errors = {}
        for method in (RangeMethod.MAX, RangeMethod.MSE):
            config = QuantConfig(scale=kind, range=method)
            form, signed = activation_format(_seen(x), bits, config, zero_point)
            bottom, top = int_range(bits, signed)
            assert bottom <= form.zero_point <= top
            got = form.dequantise(np.clip(np.floor(x / form.scale + 0.5) + form.zero_point, bottom, top).astype(int))
            errors[method] = float(((x - got) ** 2).sum())
            if method is RangeMethod.MAX:
                assert np.abs(x - got).max() <= 1.01 * form.scale
        assert errors[RangeMethod.MSE] <= 1.02 * errors[RangeMethod.MAX] + 1e-12


@pytest.mark.parametrize("ratio", [2.0**-40, 1e-9, 0.1, 1 / 3, 0.999, 1.0, 1.0001, 5.0, 30_000.0])
def test_multipliers(ratio: float) -> None:
    """16 bits of mantissa, in lowest terms, and a power of two is exact."""
    for ratios in ([ratio], [ratio, ratio / 7], [ratio, ratio / 2.0**15]):
        multipliers, shift = as_multipliers(ratios)
        assert all(0 < m < 1 << 16 for m in multipliers) and 0 <= shift <= 46
        assert shift == 0 or any(m % 2 for m in multipliers)
        if ratio > 1e-8:
            assert abs(multipliers[0] * 2.0**-shift / ratio - 1) < 2.0**-15
    assert as_multipliers([pow2_ceil(ratio)])[0][0] in [1 << k for k in range(17)]


@pytest.mark.parametrize("bits", [1, 0, 17, -3])
@pytest.mark.parametrize("name", ["weight_bits", "act_bits", "output_bits"])
def test_refused_widths(name: str, bits: int) -> None:
    with pytest.raises(BadInput, match=f"--{name.replace('_', '-')}: {bits}, expected 2 to 16"):
        QuantConfig(**{name: bits})  # type: ignore[arg-type]


@pytest.mark.parametrize("percent", [50.0, 100.1, -1.0, float("nan")])
def test_refused_percentile(percent: float) -> None:
    with pytest.raises(BadInput, match="--percentile"):
        QuantConfig(percentile=percent)


def test_argmax_head() -> None:
    g = every_layer()
    x = data()
    logits, index = quantize(g, x), quantize(g, x, QuantConfig(head=Head.ARGMAX))
    assert isinstance(index.ops[-1], ArgMax) and index.ops[-1].name == "out_argmax"
    want = simulate_plain(logits, logits.samples)["out"].argmax(axis=-1)
    assert np.array_equal(simulate_plain(index, index.samples)["out_argmax"][..., 0], want)
    with pytest.raises(BadInput, match=r"--head argmax: output y has shape \(2, 2, 2\), expected a vector"):
        quantize(single(*ODD["uneven channels"]), data((3, 2, 2)), QuantConfig(head=Head.ARGMAX))


@pytest.mark.parametrize("scale", list(ScaleKind))
@pytest.mark.parametrize("bits", [4, 8])
def test_bias_correction_does_not_make_the_demo_worse(scale: ScaleKind, bits: int) -> None:
    files = DIGITS / "model.onnx", DIGITS / "calib.npz"
    quality = {}
    for corrected in (True, False):
        config = QuantConfig(scale=scale, weight_bits=bits, bias_correction=corrected)
        program = api.quantize(*files, config)
        quality[corrected] = float(program.info["sqnr_db"][program.ops[-1].name] or 0)
    assert quality[True] >= quality[False] - 0.1


def test_demo_accuracy() -> None:
    """The quantised demo network is as good as the float one, to within a few of its 450 test images."""
    program = api.quantize(DIGITS / "model.onnx", DIGITS / "calib.npz")
    with np.load(DIGITS / "test.npz") as archive:
        images, labels = archive["image"], archive["label"]
    scores = next(iter(v for k, v in api.simulate(program, {"image": images}).items() if k == "probs"))
    assert (scores.argmax(axis=1) == labels).mean() >= 0.975
