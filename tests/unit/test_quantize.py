"""The quantiser as a whole: what its options promise of the program, and the quality of the demo."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import float_nets as fn
import numpy as np
import pytest

from hwq import api
from hwq.arith import MANTISSA_BITS, Requant, Rounding
from hwq.errors import BadInput
from hwq.frontend import graph as fg
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ops import Add, ArgMax, AvgPool, Conv, Dense, Depthwise, Linear, MaxPool, Pad, Rescale
from hwq.ops.coding import Codebook, PowerSums
from hwq.quant import QuantConfig, RangeMethod, ScaleKind, quantize
from hwq.quant.config import BiasCorrection, Head, PortScales, WeightKind, ZeroPoints
from hwq.quant.observers import observe
from hwq.quant.pipeline import draft
from hwq.sim import simulate_fast, simulate_plain

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
FAST = QuantConfig(equalise=False, slim=False, range=RangeMethod.MSE)


def sqnr(program: Program, name: str = "out") -> float:
    return float(program.info["sqnr_db"][name] or np.inf)


def linears(program: Program) -> list[Linear]:
    return [op for op in program.ops if isinstance(op, Linear)]


def requants(program: Program) -> dict[str, Requant]:
    """Those of layers whose factors are ratios of scales; an average divides by its pixels as well."""
    return {op.name: op.requant for op in program.ops if isinstance(op, Linear | Add | Rescale)}


def test_every_layer_becomes_its_operation() -> None:
    program = quantize(fn.every_layer(), fn.data())
    assert [type(op) for op in program.ops] == [Conv, Depthwise, Add, MaxPool, Pad, Rescale, AvgPool, Dense]
    assert all(db is None or db > 15 for db in program.info["sqnr_db"].values())
    assert program.info["calibration_samples"] == 40 and program.info["slimmed"]
    x = program.samples
    assert np.array_equal(simulate_plain(program, x)["out"], simulate_fast(program, x)["out"])


@pytest.mark.parametrize("scale", list(ScaleKind))
def test_widths(scale: ScaleKind) -> None:
    """Weights, activations and outputs keep to their bits, and more bits do not make it worse."""
    quality = []
    for bits in (2, 3, 4, 8, 13, 16):
        config = replace(FAST, weight_bits=bits, act_bits=bits, output_bits=18 - bits, scale=scale)
        program = quantize(fn.every_layer(), fn.data(), config)
        for op in linears(program):
            assert op.weight_bits == bits and np.abs(op.weight).max() <= (1 << (bits - 1)) - 1
        inner = {name: type_.bits for name, type_ in program.types.items() if name != "out"}
        assert set(inner.values()) == {bits} and program.types["out"].bits == 18 - bits
        quality.append(sqnr(quantize(fn.every_layer(), fn.data(), replace(config, output_bits=16))))
    assert all(later > sooner - 1.0 for sooner, later in itertools.pairwise(quality))
    assert quality[2] > 20 and quality[3] > 40 and quality[-1] > 85


@pytest.mark.parametrize("zero_points", list(ZeroPoints))
@pytest.mark.parametrize("ports", list(PortScales))
@pytest.mark.parametrize("per_channel", [True, False])
def test_power_of_two_scales(per_channel: bool, ports: PortScales, zero_points: ZeroPoints) -> None:
    """Every multiplier is a power of two, and every scale inside; per tensor there is one multiplier."""
    config = QuantConfig(per_channel=per_channel, port_scales=ports, zero_points=zero_points)
    program = quantize(fn.every_layer(), fn.data(), config)
    inside = set(program.formats) - ({"in", "out"} if ports is PortScales.FREE else set())
    assert all(np.frexp(program.formats[name].scale)[0] == 0.5 for name in inside)
    assert all(requant.mantissa_bits == 1 for requant in requants(program).values())
    assert all(len(op.requant.multiplier) == 1 or per_channel for op in linears(program))
    with_zero = {name for name, form in program.formats.items() if form.zero_point}
    allowed = {ZeroPoints.NONE: set(), ZeroPoints.INPUTS: {"in"}, ZeroPoints.PORTS: {"in", "out"}}
    assert with_zero <= allowed.get(zero_points, set(program.types))
    assert ("in" in with_zero) == (zero_points is not ZeroPoints.NONE)
    assert ("out" in with_zero) == (zero_points in (ZeroPoints.PORTS, ZeroPoints.ALL))
    assert sqnr(program) > 20


@pytest.mark.parametrize(("weight_bits", "bits"), [(8, 0), (3, 1), (8, 2), (3, 3), (8, 4)])
def test_exact_scales(weight_bits: int, bits: int) -> None:
    """No multiplier has more mantissa bits than asked for; 0 chooses few enough to do without a multiplier."""
    config = QuantConfig(scale=ScaleKind.EXACT, mantissa_bits=bits, weight_bits=weight_bits)
    found = requants(quantize(fn.blocks(), fn.data(), config))
    assert max(requant.mantissa_bits for requant in found.values()) <= (bits or MANTISSA_BITS)


@pytest.mark.parametrize("kind", list(WeightKind))
@pytest.mark.parametrize("bits", [1, 3, 4])
@pytest.mark.parametrize("scale", [ScaleKind.EXACT, ScaleKind.POW2])
def test_multipliers_are_the_scales(scale: ScaleKind, bits: int, kind: WeightKind) -> None:
    """Nothing is lost between the scales that weights were fitted for and the integers that hardware multiplies by."""
    config = replace(FAST, scale=scale, mantissa_bits=bits, weight_bits=6, weights=kind)
    layer = fn.conv("c", "in", (6, 2, 3, 3), clip=fn.RELU)
    spread = np.array([1.0, 0.3, 2.0**-6, 2.0**-11, 2.0**-14, 2.0**-30])[:, None, None, None]
    layers: list[fg.Layer] = [replace(layer, weight=layer.weight * spread), fn.dense("out", "c", (5, 6, 4, 4))]
    graph = fn.graph((2, 6, 6), layers, {"c": (6, 4, 4), "out": (5, 1, 1)})
    data = fn.calibration(graph)
    found = draft(data, observe(data, True), config)
    for op in linears(found.program):
        fit, source = found.fits[op.name], found.formats[op.inputs[0]].form
        want = fit.scales * source.scale / found.formats[op.name].form.scale
        got = np.array(op.requant.multiplier) * 2.0**-op.requant.shift
        assert np.array_equal(np.broadcast_to(got, want.shape), want)


@pytest.mark.parametrize("method", list(RangeMethod))
@pytest.mark.parametrize("per_channel", [True, False])
def test_fixed_scales(per_channel: bool, method: RangeMethod) -> None:
    config = QuantConfig(scale=ScaleKind.FIXED, per_channel=per_channel, range=method, zero_points=ZeroPoints.ALL)
    program = quantize(fn.every_layer(), fn.data(), config)
    for op in linears(program):
        assert max(op.requant.multiplier) < 1 << 16
        assert len(op.requant.multiplier) in ((1, op.channels) if per_channel else (1,))
    assert sqnr(program) > 20


@pytest.mark.parametrize("rounding", list(Rounding))
def test_rounding_is_kept(rounding: Rounding) -> None:
    program = quantize(fn.every_layer(), fn.data(), QuantConfig(rounding=rounding))
    assert {op.requant.rounding for op in program.ops if hasattr(op, "requant")} == {rounding}
    assert sqnr(program) > 15


@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_signs(low: float) -> None:
    """Tensors that are never negative are unsigned without a zero point, whatever is asked for."""
    for zero_points in ZeroPoints:
        program = quantize(fn.every_layer(), fn.data(low=low), replace(FAST, zero_points=zero_points))
        assert not program.types["c"].signed and program.formats["c"].zero_point == 0
        plain = zero_points is ZeroPoints.NONE
        assert program.types["in"].signed == (low < 0 and plain)
        assert (program.formats["in"].zero_point != 0) == (low < 0 and not plain)


def test_clips_are_exact() -> None:
    """ReLU6 clamps at the integer next to 6, and padding reads the zero point."""
    program = quantize(fn.every_layer(), fn.data(), replace(FAST, zero_points=ZeroPoints.ALL))
    ops = {op.name: op for op in program.ops}
    form = program.formats["t"]
    low, high = ops["t"].requant.qmin, ops["t"].requant.qmax  # type: ignore[attr-defined]
    assert abs(form.dequantise(np.array([low, high])) - [0.1, 0.9]).max() <= form.scale / 2
    assert ops["c"].pad_value == program.formats["in"].zero_point != 0  # type: ignore[attr-defined]
    assert abs(program.formats["m"].dequantise(np.array([ops["p"].pad_value]))[0] - 0.5) < 0.02  # type: ignore


def test_options_of_layers() -> None:
    """Each pattern reaches its layers, and activations are the layer's own output."""
    config = (
        replace(FAST, weight_bits=5)
        .with_rule("depth*", weight_bits=1, act_bits=6)
        .with_rule("project1", weights=WeightKind.CODEBOOK, entries=5)
        .with_rule("project2", weights=WeightKind.CODEBOOK, entries=4, shared_table=False)
        .with_rule("out", weights=WeightKind.POWERS, terms=1, weight_bits=6)
        .with_rule("in", act_bits=3)
    )
    program = quantize(fn.blocks(), fn.data(), config)
    ops = {op.name: op for op in linears(program)}
    assert ops["depth1"].weight_bits == 2 and set(np.unique(ops["depth1"].weight)) == {-1, 1}
    assert program.types["depth1"].bits == 6 and program.types["in"].bits == 3 and program.types["stem"].bits == 8
    tables = [ops[name].coding for name in ("depth1", "project1", "project2")]
    assert all(isinstance(table, Codebook) for table in tables)
    assert [table.entries.shape for table in tables if isinstance(table, Codebook)] == [(2,), (5,), (6, 4)]
    assert ops["out"].coding == PowerSums(1) and ops["out"].weight_bits == 6
    assert ops["stem"].coding is None and ops["stem"].weight_bits == 5
    with pytest.raises(BadInput, match="layer 'depht': no layer has such a name, expected one of stem, expand1"):
        quantize(fn.blocks(), fn.data(), config.with_rule("depht", weight_bits=3))


def test_same_input_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        serial.save(quantize(fn.every_layer(), fn.data(), QuantConfig(search=True)), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_argmax_head() -> None:
    """The same network with one operation more."""
    graph, x = fn.every_layer(), fn.data()
    logits, index = quantize(graph, x), quantize(graph, x, QuantConfig(head=Head.ARGMAX))
    assert isinstance(index.ops[-1], ArgMax) and index.ops[-1].name == "out_argmax"
    want = simulate_plain(logits, logits.samples)["out"].argmax(axis=-1)
    assert np.array_equal(simulate_plain(index, index.samples)["out_argmax"][..., 0], want)
    image = fn.single(*fn.ODD["uneven channels"])
    with pytest.raises(BadInput, match=r"--head argmax: output out has shape \(2, 2, 2\), expected a vector"):
        quantize(image, fn.data((3, 2, 2)), QuantConfig(head=Head.ARGMAX))


def test_argmax_head_leaves_indices_alone() -> None:
    """A network that ends in TopK has no logits to search; without data of its gradients this ended in a KeyError."""
    graph = fn.every_layer()
    best = fg.TopK(name="best", inputs=("out",), source="best", k=2)
    shapes = dict(graph.shapes) | {"best": (2, 1, 1)}
    port = fg.GraphOutput("best", "best", (2,), np.arange(2))
    graph = replace(graph.with_layers((*graph.layers, best), shapes), outputs=(port,))
    plain, argmax = (quantize(graph, fn.data(), QuantConfig(head=head)) for head in (Head.LOGITS, Head.ARGMAX))
    assert [op.name for op in argmax.ops] == [op.name for op in plain.ops] and argmax.ops[-1].name == "best"


@pytest.mark.parametrize(("bits", "scale"), [(4, ScaleKind.POW2), (8, ScaleKind.POW2), (4, ScaleKind.FIXED)])
def test_bias_correction_does_not_make_the_demo_worse(bits: int, scale: ScaleKind) -> None:
    with np.load(DIGITS / "calib.npz") as archive:
        samples = {"image": archive["image"][:64]}
    quality = {}
    for correction in BiasCorrection:
        program = api.quantize(
            DIGITS / "model.onnx", samples, replace(FAST, scale=scale, weight_bits=bits, bias_correction=correction)
        )
        quality[correction] = sqnr(program, program.ops[-1].name)
    assert quality[BiasCorrection.MEASURED] >= max(quality.values()) - 0.3
    assert quality[BiasCorrection.ANALYTIC] >= quality[BiasCorrection.NONE] - 0.5


def test_demo_accuracy() -> None:
    """The quantised demo network is as good as the float one, to within a few of its 450 test images."""
    program = api.quantize(DIGITS / "model.onnx", DIGITS / "calib.npz")
    with np.load(DIGITS / "test.npz") as archive:
        images, labels = archive["image"], archive["label"]
    scores = api.simulate(program, {"image": images})["probs"]
    assert (scores.argmax(axis=1) == labels).mean() >= 0.975
