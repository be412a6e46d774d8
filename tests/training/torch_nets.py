"""Small modules for the tests of training, and the comparison of a network with its program."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hwq.ir.program import Program, quantise_inputs
from hwq.sim import Simulator, simulate_plain
from hwq.torch import Network, convert

torch.set_num_threads(1)


class Mixed(nn.Module):
    """One of most layers: depthwise, grouped and plain convolutions, add, concat, both pools, ReLU6."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 8, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(8)
        self.dw = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.dw_bn = nn.BatchNorm2d(8)
        self.pw = nn.Conv2d(8, 8, 1)
        self.grouped = nn.Conv2d(16, 6, (2, 3), (1, 2), (0, 1), groups=2)
        self.drop = nn.Dropout(0.25)
        self.hidden = nn.Linear(6 * 3 * 2, 7)
        self.hidden_bn = nn.BatchNorm1d(7)
        self.logits = nn.Linear(7, 5)

    def forward(self, image: Tensor) -> Tensor:
        stem = functional.relu6(self.stem_bn(self.stem(image)))
        inner = functional.relu(self.dw_bn(self.dw(stem)))
        joined = torch.cat([functional.relu(self.pw(inner) + stem), stem], 1)
        pooled = functional.max_pool2d(joined, 2)
        data = functional.relu(self.grouped(pooled)).flatten(1)
        logits: Tensor = self.logits(functional.relu(self.hidden_bn(self.hidden(self.drop(data)))))
        return logits


class Odd(nn.Module):
    """A difference, an average with a border, a clamp alone, bounds on both sides, a normalisation alone."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(2)
        self.a = nn.Conv2d(2, 4, 3, padding="same", dilation=2)
        self.b = nn.Conv2d(2, 4, 1)
        self.act = nn.Hardtanh(-0.5, 0.75)
        self.pool = nn.AvgPool2d(2, 1, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        data = self.norm(image)
        left, right = self.a(data), self.act(self.b(data))
        pooled = self.pool(functional.max_pool2d(left - right, 3, 2, 1).clamp(min=0))
        return pooled.mean((2, 3)), right


class Narrow(nn.Module):
    """A residual block, which files for other tools can hold."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.stem_bn = nn.Conv2d(2, 8, 3, bias=False), nn.BatchNorm2d(8)
        self.inner = nn.Conv2d(8, 8, 3, padding=1)
        self.logits = nn.Linear(8, 5)

    def forward(self, image: Tensor) -> Tensor:
        stem = functional.relu(self.stem_bn(self.stem(image)))
        block = functional.max_pool2d(functional.relu(self.inner(stem) + stem), 2)
        logits: Tensor = self.logits(block.mean((2, 3)))
        return logits


def images(count: int = 12, channels: int = 2, size: int = 8, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, channels, size, size, generator=generator)


def settled(net: nn.Module, seed: int = 0) -> nn.Module:
    """`net` with random statistics and factors in its normalisations, one of them negative and one zero."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            with torch.no_grad():
                module.running_mean.normal_(0, 0.3, generator=generator)
                module.running_var.uniform_(0.2, 1.5, generator=generator)
                module.weight.uniform_(0.3, 1.5, generator=generator)
                module.bias.normal_(0, 0.3, generator=generator)
                module.weight[0], module.weight[1] = -0.7, 0.0
    return net


def differing(network: Network, xs: Tensor, program: Program | None = None) -> list[str]:
    """Tensors of the program that are not those of the network, by either simulator."""
    program = program or convert(network)
    found = network.integers(xs)
    given = quantise_inputs(program, {program.inputs[0].name: xs.numpy()})
    plain, fast = simulate_plain(program, given, keep_all=True), Simulator(program, keep_all=True)(given)
    wrong = []
    for name, values in plain.items():
        if name in found:
            ours = found[name].numpy()
            ours = ours.transpose(0, 2, 3, 1) if ours.ndim == 4 else ours[:, None, None, :]
            if not (np.array_equal(ours, values) and np.array_equal(ours, fast[name])):
                wrong.append(name)
    assert set(program.output_tensors()) <= set(found)
    return wrong
