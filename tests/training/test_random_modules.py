"""Random modules with random scales, also absurd ones: what is converted is equal, on every tensor."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_nets import differing, images, settled

from hwq.errors import BadInput
from hwq.quant.config import ScaleKind
from hwq.torch import Method, TrainConfig, convert, prepare
from hwq.torch.steps import Step

pytestmark = pytest.mark.torch


class Random(nn.Module):
    """Some convolutions, pools, sums and joins in a row, then perhaps a linear layer."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.convs, self.norms, self.steps = nn.ModuleList(), nn.ModuleList(), []
        channels, size = 2, 9
        for _ in range(rng.randint(2, 5)):
            kind = rng.choice(["conv", "depthwise", "grouped", "block", "join", "max", "average"])
            if kind in ("max", "average") and size < 3:
                continue
            if kind in ("conv", "depthwise", "grouped", "block", "join"):
                keep = kind in ("block", "join")
                groups = {"depthwise": channels, "grouped": 2}.get(kind, 1)
                outputs = channels if kind in ("depthwise", "block") else 2 * rng.randint(1, 4)
                kernel = rng.choice([1, 3]) if size > 2 else 1
                stride = 1 if keep or size < 4 else rng.choice([1, 2])
                self.convs.append(
                    nn.Conv2d(channels, outputs, kernel, stride, kernel // 2, groups=groups, bias=rng.random() < 0.5)
                )
                self.norms.append(nn.BatchNorm2d(outputs) if rng.random() < 0.6 else nn.Identity())
                self.steps.append((kind, len(self.convs) - 1, rng.choice(["none", "relu", "relu6", "tanh"])))
                channels = channels + outputs if kind == "join" else outputs
                size = (size - 1) // stride + 1
            else:
                self.steps.append((kind, rng.choice([2, 3]), rng.choice(["none", "relu"])))
                size = (size - self.steps[-1][1]) // 2 + 1
        self.head = nn.Linear(channels * size * size, 3) if rng.random() < 0.7 else None

    def forward(self, data: Tensor) -> Tensor:
        for kind, number, activation in self.steps:
            if kind == "max":
                y = functional.max_pool2d(data, number, 2)
            elif kind == "average":
                y = functional.avg_pool2d(data, number, 2)
            else:
                y = self.norms[number](self.convs[number](data))
                y = y - data if kind == "block" and number % 2 else y + data if kind == "block" else y
                y = torch.cat([data, y], 1) if kind == "join" else y
            data = _ACTIVATIONS[activation](y)
        return data if self.head is None else self.head(data.flatten(1))


_ACTIVATIONS = {
    "none": lambda y: y, "relu": functional.relu, "relu6": functional.relu6, "tanh": lambda y: y.clamp(-0.7, 1.3),
}  # fmt: skip


@pytest.mark.parametrize("seed", range(24))
def test_random(seed: int) -> None:
    rng = random.Random(seed)
    torch.manual_seed(seed)
    config = TrainConfig(
        rng.randint(1, 8), rng.randint(2, 8), rng.randint(2, 8), rng.randint(2, 12),
        rng.choice([ScaleKind.POW2, ScaleKind.FIXED]), rng.choice(list(Method)), rng.random() < 0.5,
    )  # fmt: skip
    if config.weight_bits > 1 and rng.random() < 0.3:
        config = TrainConfig(config.weight_bits, config.act_bits, clusters=rng.randint(2, 9))
    network = prepare(settled(Random(rng).eval(), seed), images(size=9, seed=seed), config)
    assert differing(network, 2 * images(6, size=9, seed=seed + 1)) == []
    for module in network.modules():
        if isinstance(module, Step):
            with torch.no_grad():
                noise = torch.randn_like(module.value) * (4 if seed % 2 else 1)
                module.value.copy_(module.value + noise if module.method is Method.TQT else module.value * noise.exp())
    try:
        program = convert(network)
    except BadInput as refused:
        assert "expected at most" in str(refused) or "bits" in str(refused)
        return
    assert differing(network, 2 * images(6, size=9, seed=seed + 1), program) == []
