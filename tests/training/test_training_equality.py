"""The integers of a prepared network are those of its program, on both simulators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch_nets import Mixed, Narrow, Odd, differing, images, settled

import hwq.api
from hwq.ops import Codebook, Linear, Threshold
from hwq.quant.config import ScaleKind
from hwq.torch import Method, TrainConfig, calibrate, convert, export_onnx, prepare

pytestmark = pytest.mark.torch

POW2, FIXED = ScaleKind.POW2, ScaleKind.FIXED


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("scale", [POW2, FIXED])
def test_widths_and_scales(bits: int, method: Method, scale: ScaleKind) -> None:
    config = TrainConfig(bits, bits, scale=scale, method=method, per_channel=bits % 2 == 0)
    network = prepare(settled(Mixed().eval(), bits), images(), config)
    assert differing(network, 1.5 * images(30, seed=1)) == []


@pytest.mark.parametrize("scale", [POW2, FIXED])
@pytest.mark.parametrize("signed", [True, False])
def test_odd_layers(scale: ScaleKind, signed: bool) -> None:
    x = images() if signed else images().abs()
    network = prepare(settled(Odd().eval()), x, TrainConfig(6, 5, scale=scale))
    assert differing(network, 2 * images(30, seed=1)) == []
    program = convert(network)
    assert [op.kind for op in program.ops] == [
        "depthwise", "conv", "conv", "add", "maxpool", "rescale", "avgpool", "avgpool",
    ]  # fmt: skip
    assert program.types["image"].signed is signed


@pytest.mark.parametrize("scale", [POW2, FIXED])
@pytest.mark.parametrize("seed", range(3))
def test_one_bit(scale: ScaleKind, seed: int) -> None:
    """Bipolar weights and inputs of a bit; wide sums are requantised, narrow ones meet a threshold for each channel."""
    config = (
        TrainConfig(1, 1, scale=scale)
        .with_rule("stem", weight_bits=8)
        .with_rule("add", act_bits=2)
        .with_rule("pw", act_bits=2)
    )
    config = config.with_rule("grouped", act_bits=3)
    torch.manual_seed(seed)
    network = prepare(settled(Mixed().eval(), seed), images(), config)
    program = convert(network)
    assert differing(network, images(60, seed=1), program) == []
    signs = [op for op in program.ops if isinstance(op, Threshold)]
    assert [op.name for op in signs] == ["dw", "hidden"]
    weights = [op for op in program.ops if isinstance(op, Linear) and isinstance(op.coding, Codebook)]
    assert len(weights) == 5
    assert all(set(np.unique(op.weight)) <= {-1, 1} for op in weights)


@pytest.mark.parametrize("per_channel", [True, False])
def test_clusters(per_channel: bool) -> None:
    network = prepare(settled(Mixed().eval()), images(), TrainConfig(8, 8, clusters=5, per_channel=per_channel))
    program = convert(network)
    assert differing(network, images(30, seed=1), program) == []
    assert all(len(np.unique(op.weight)) <= 5 for op in program.ops if isinstance(op, Linear))


def test_exported_program() -> None:
    """A program of torch.export becomes the same integers as the module."""
    net, x = settled(Mixed().eval()), images()
    ours, theirs = (prepare(source, x, name="net") for source in (net, torch.export.export(net, (x,))))
    found, expected = convert(theirs), convert(ours)
    outputs = [hwq.api.simulate(program, {program.inputs[0].name: x.numpy()}) for program in (found, expected)]
    assert np.array_equal(*(next(iter(values.values())) for values in outputs))
    assert [op.kind for op in found.ops] == [op.kind for op in expected.ops]


def test_decisions_by_shapes() -> None:
    """torch.fx cannot trace them, torch.export can; an argument with a default is left out."""

    class Checked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Narrow()

        def forward(self, image: torch.Tensor, scale: float | None = None) -> torch.Tensor:
            if image.shape[1] != 2 or image.shape[0] < 2:
                raise ValueError("no image")
            logits: torch.Tensor = self.inner(image)
            return logits if scale is None else logits * scale

    network = prepare(settled(Checked().eval()), images())
    assert differing(network, images(5, seed=1)) == []
    assert [layer.label for layer in network.affine()] == ["inner_stem", "inner_inner", "inner_logits"]


def test_real_values_are_equal() -> None:
    net, x = settled(Mixed().eval()), images()
    network = prepare(net, x, TrainConfig(scale=FIXED, method=Method.LSQ))
    real = hwq.api.simulate(convert(network), {"image": x.numpy()})["logits"]
    assert np.array_equal(real.astype(np.float32), network(x).detach().numpy())


@pytest.mark.parametrize("kind", [Mixed, Odd, Narrow])
def test_eight_bits_are_near_the_float_network(kind: type[nn.Module]) -> None:
    net = settled(kind().eval())
    network = calibrate(prepare(net, images(64)), [images(64), (images(64, seed=3), torch.zeros(64))])
    with torch.no_grad():
        found, expected = network(images(64)), net(images(64))
    if kind is Odd:
        found, expected = (torch.cat([y.flatten(1) for y in pair], 1) for pair in (found, expected))
    assert float((found - expected).std() / expected.std()) < 0.1


def test_partial_sums_beyond_float32() -> None:
    """Sums that end small, but pass 2^24 on the way, which float32 would round."""
    half = 4096
    net = nn.Linear(2 * half, 4, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.cat([torch.ones(4, half), -torch.ones(4, half)], 1) * 127 / 128)
        net.weight[:, ::7] *= 126 / 127
    x = torch.randint(150, 256, (20, half)).repeat(1, 2).float()
    x[:, ::5] = 255 - torch.arange(20)[:, None] % 9
    network = prepare(net, x, TrainConfig(8, 8, output_bits=16))
    network.layers[1].output.step.set(torch.tensor([2.0**-7]))
    program = convert(network)
    assert max(program.ops[0].partial_sum((0, 255)), 1) > 1 << 24
    assert differing(network, x, program) == []


def test_names_and_shapes_of_ports() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 1)

        def forward(self, left: torch.Tensor, right: torch.Tensor) -> dict[str, torch.Tensor]:
            y = self.conv(left)
            return {"sum": y + right, "flat": y.flatten(1)}

    network = prepare(Named(), (images(size=4), images(channels=3, size=4)), name="named")
    program = convert(network)
    assert [(port.name, port.index.shape) for port in program.inputs] == [("left", (2, 4, 4)), ("right", (3, 4, 4))]
    assert [(port.name, port.index.shape) for port in program.outputs] == [("sum", (3, 4, 4)), ("flat", (48,))]
    xs = (images(size=4, seed=1), images(channels=3, size=4, seed=2))
    found = hwq.api.simulate(program, {"left": xs[0].numpy(), "right": xs[1].numpy()})
    for name, expected in network(*xs).items():
        assert np.array_equal(found[name].astype(np.float32), expected.detach().numpy())


@pytest.mark.parametrize("form", ["qdq", "qonnx", "onnx"])
def test_export(tmp_path: Path, form: str) -> None:
    network = prepare(settled(Narrow().eval()), images())
    export_onnx(network, tmp_path / "net.onnx", form)
    if form == "qdq":
        session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
        (name,) = (given.name for given in session.get_inputs())
        (found,) = session.run(None, {name: images(1).numpy()})
        assert np.array_equal(found, network(images(1)).detach().numpy())
    assert (tmp_path / "net.onnx").stat().st_size > 1000


def test_sums_that_floats_do_not_hold_are_refused() -> None:
    """Above 2^53 the float64 of training would round: here by a large bias and a multiplier of 16 bits."""
    network = prepare(nn.Sequential(nn.Linear(4, 4)), torch.randn(8, 4), TrainConfig(8, 8, scale=FIXED))
    (layer,) = network.affine()
    layer.weights.bits = 32
    with torch.no_grad():
        layer.bias.fill_(1e30)
    with pytest.raises(hwq.errors.BadInput, match=r"0: its sums reach .*, expected at most 2\^53"):
        convert(network)
