"""Training: what is learned moves, and every batch of an epoch has the integers of the program."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional
from torch_nets import Mixed, differing, images, settled

from hwq.quant.config import ScaleKind
from hwq.torch import Method, Network, TrainConfig, calibrate, convert, parameter_groups, prepare
from hwq.torch.steps import Step, nearest

pytestmark = pytest.mark.torch


class Small(nn.Module):
    """A network for digits of 8 x 8."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.a_bn = nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8)
        self.b, self.b_bn = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.logits = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.a_bn(self.a(x)))
        y = functional.relu(self.b_bn(self.b(y)) + y)
        logits: torch.Tensor = self.logits(y.mean((2, 3)))
        return logits


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    data, label = load_digits(return_X_y=True)
    return torch.from_numpy(data.reshape(-1, 1, 8, 8).astype(np.float32)), torch.from_numpy(label).long()


@pytest.mark.parametrize(("method", "scale"), [(Method.TQT, ScaleKind.POW2), (Method.LSQ, ScaleKind.FIXED)])
def test_every_batch_of_an_epoch(method: Method, scale: ScaleKind) -> None:
    """The loss falls before the freeze; after it each batch, in training, is the program's, at every step."""
    torch.manual_seed(0)
    x, y = digits()
    network = calibrate(prepare(Small(), x[:64], TrainConfig(4, 4, method=method, scale=scale)), [x])
    optimizer = torch.optim.Adam(parameter_groups(network, 2e-2, 1e-2))
    batches = list(zip(x.split(128), y.split(128), strict=True))
    losses = []
    for epoch in range(4):
        if epoch == 3:
            network.freeze()
        total = 0.0
        for image, label in batches:
            if network.frozen:
                assert network.training
                assert differing(network, image) == []
                real = network(image)
                assert torch.equal(real, network.eval()(image))
                network.train()
            loss = functional.cross_entropy(network(image), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total)
    assert losses[3] < 0.9 * losses[0]


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("scale", [ScaleKind.POW2, ScaleKind.FIXED])
def test_everything_learns(method: Method, scale: ScaleKind) -> None:
    """A gradient reaches every parameter, and a step moves it; scales stay positive, powers of two exact."""
    network = prepare(settled(Mixed()), images(32), TrainConfig(4, 4, method=method, scale=scale)).train()
    label = torch.arange(32) % 5
    optimizer = torch.optim.SGD(network.parameters(), 0.05)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    for _ in range(3):
        optimizer.zero_grad()
        functional.cross_entropy(network(images(32)), label).backward()
        optimizer.step()
    still = [name for name, value in network.named_parameters() if torch.equal(value, before[name])]
    # Sums may be whole multiples of the last scale, which then loses nothing; a mean takes out the bias before it.
    assert [name for name in still if name not in ("layers.11.output.step.value", "layers.2.bias")] == []
    steps = torch.cat([module() for module in network.modules() if isinstance(module, Step)]).detach()
    assert bool((steps > 0).all())
    if scale is ScaleKind.POW2:
        assert bool((torch.frexp(steps).mantissa == 0.5).all())


def test_centroids_learn() -> None:
    network = prepare(settled(Mixed()), images(32), TrainConfig(8, 8, clusters=4)).train()
    entries = [layer.weights.entries for layer in network.affine()]
    before = [entry.detach().clone() for entry in entries if entry is not None]
    network(images(32)).square().sum().backward()
    torch.optim.SGD(network.parameters(), 0.1).step()
    assert all(not torch.equal(now, old) for now, old in zip(entries, before, strict=True))


@pytest.mark.parametrize("method", list(Method))
def test_gradient_of_a_scale(method: Method) -> None:
    """round(v) - v within the range and the bound outside, by the published rule (see `Method`)."""
    config = TrainConfig(8, 3, method=method, scale=ScaleKind.FIXED)
    step = Step(1, 7, 10, config)
    step.set(torch.tensor([0.5]))
    x = torch.tensor([0.1, 0.7, 9.0])
    scale = step()
    (nearest(x / scale, 0, 7) * scale).sum().backward()
    expected = (0 - 0.2) + (1 - 1.4) + 7
    gain = 1 / np.sqrt(70) if method is Method.LSQ else np.log(2)
    assert float(step.value.grad) == pytest.approx(0.5 * expected * gain, rel=1e-5)


def test_state_is_saved_and_loaded(tmp_path: object) -> None:
    network, other = (prepare(settled(Mixed().eval(), seed), images()) for seed in (0, 1))
    other.load_state_dict(network.state_dict())
    assert torch.equal(network(images(4)), other(images(4)))


def test_modes() -> None:
    """A prepared module is in the mode of the module; freezing outlives a change of mode and can be taken back."""
    network = prepare(Mixed().train(), images())
    assert network.training and not network.frozen
    statistics = network.affine()[0].norm
    assert statistics is not None and statistics.training
    network.freeze().eval().train()
    assert network.frozen and not statistics.training
    frozen = _mean(network)
    network(images(8, seed=5))
    assert torch.equal(_mean(network), frozen)
    network.freeze(False)
    network(images(8, seed=5))
    assert not torch.equal(_mean(network), frozen)
    assert convert(network).name == "Mixed"
    assert network.training


def _mean(network: Network) -> torch.Tensor:
    norm = network.affine()[0].norm
    assert norm is not None and norm.running_mean is not None
    return norm.running_mean.clone()
