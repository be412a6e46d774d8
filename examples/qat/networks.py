"""Networks of the training example: image (N, 1, 8, 8), raw values 0..16, to logits (N, 10)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from digits.train import DigitsNet
from digits_mobilenet.train import ConvNorm, MobileNet


class Residual(nn.Module):
    """Two convolutions, and the input added: through a convolution of 1 x 1 where the size changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = ConvNorm(inputs, outputs, 3, stride)
        self.second = ConvNorm(outputs, outputs, 3)
        self.short = ConvNorm(inputs, outputs, 1, stride) if stride > 1 or inputs != outputs else nn.Identity()

    def forward(self, data: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        return functional.relu(self.second(functional.relu(self.first(data))) + self.short(data))


class ResNet(nn.Module):
    """A stem and three residual blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(1, 16, 3)
        self.blocks = nn.Sequential(Residual(16, 16, 1), Residual(16, 24, 2), Residual(24, 32, 2))
        self.logits = nn.Linear(32, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Logits."""
        data = self.blocks(functional.relu(self.stem(image)))
        logits: Tensor = self.logits(functional.adaptive_avg_pool2d(data, 1).flatten(1))
        return logits


class Plain(nn.Module):
    """Convolutions and a linear layer over all that the last one makes: nothing but products, for binary weights."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(1, 32, 3)
        self.middle = ConvNorm(32, 48, 3, 2)
        self.last = ConvNorm(48, 64, 3, 2)
        self.logits = nn.Linear(64 * 2 * 2, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Logits."""
        data = functional.relu(self.stem(image))
        data = functional.relu(self.last(functional.relu(self.middle(data))))
        logits: Tensor = self.logits(data.flatten(1))
        return logits


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "cnn": DigitsNet, "mobilenet": MobileNet, "resnet": ResNet, "binary": Plain, "ternary": Plain,
}  # fmt: skip
"""By the name on the command line."""
