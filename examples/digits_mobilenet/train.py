"""Train a small MobileNetV2-like network on scikit-learn's digits; write model.onnx.

Inverted residual blocks with their batch normalisations as separate nodes. Inside the blocks the activation is Relu,
so that channels can be scaled apart without changing the function (benchmarks/rescaled.py); it is ReLU6, a Clip node,
behind the first and the last convolution. Split, augmentation and data files are those of ../digits.

Needs torch, scikit-learn, onnx and onnxruntime; README.md in this folder says how to install and run it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from torch import Tensor, nn
from torch.nn import functional

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import training  # noqa: E402

MIN_ACCURACY = 0.985
STEM = 16
BLOCKS = ((16, 3, 1), (24, 3, 2), (24, 3, 1))
"""Output channels, expansion and stride of each block; equal channels and stride 1 make it residual."""
FEATURES = 64


class ConvNorm(nn.Module):
    """Convolution that keeps the size at stride 1, and its batch normalisation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, data: Tensor) -> Tensor:
        """Normalised convolution of `data` (N, C, H, W)."""
        out: Tensor = self.bn(self.conv(data))
        return out


class Block(nn.Module):
    """Inverted residual block: expand and Relu, depthwise and Relu, project, and the input added where it fits."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = ConvNorm(inputs, inner, 1)
        self.dw = ConvNorm(inner, inner, 3, stride, groups=inner)
        self.project = ConvNorm(inner, outputs, 1)
        self.residual = inputs == outputs and stride == 1

    def forward(self, data: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        out: Tensor = self.project(functional.relu(self.dw(functional.relu(self.expand(data)))))
        return out + data if self.residual else out


class MobileNet(nn.Module):
    """The network: image (N, 1, 8, 8), raw values 0..16, to logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        widths = [STEM, *(outputs for outputs, _, _ in BLOCKS)]
        self.stem = ConvNorm(1, STEM, 3)
        self.blocks = nn.ModuleList(Block(inputs, *block) for inputs, block in zip(widths, BLOCKS, strict=False))
        self.head = ConvNorm(widths[-1], FEATURES, 1)
        self.logits = nn.Linear(FEATURES, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, 10) of images (N, 1, 8, 8)."""
        data = functional.relu6(self.stem(image))
        for block in self.blocks:
            data = block(data)
        logits: Tensor = self.logits(functional.relu6(self.head(data)).mean(dim=(2, 3)))
        return logits


def to_onnx(net: MobileNet) -> onnx.ModelProto:
    """The ONNX model of the network."""
    out = training.Writer()
    bounds = [out.constant("zero", np.float32(0)), out.constant("six", np.float32(6))]

    def conv_norm(data: str, layer: ConvNorm, name: str) -> str:
        conv = out.conv(data, layer.conv, f"{name}_conv", strides=list(layer.conv.stride))
        return out.norm(conv, layer.bn, f"{name}_bn")

    data = out.node("Clip", [conv_norm("image", net.stem, "stem"), *bounds], "stem")
    for number, block in enumerate(net.blocks, start=1):
        assert isinstance(block, Block)
        name = f"block{number}"
        expand = out.node("Relu", [conv_norm(data, block.expand, f"{name}_expand")], f"{name}_expand")
        dw = out.node("Relu", [conv_norm(expand, block.dw, f"{name}_dw")], f"{name}_dw")
        project = conv_norm(dw, block.project, f"{name}_project")
        data = out.node("Add", [project, data], name) if block.residual else project
    head = out.node("Clip", [conv_norm(data, net.head, "head"), *bounds], "head")
    out.classifier(head, net.logits)
    return out.model("digits_mobilenet")


if __name__ == "__main__":
    sys.exit(training.run(__doc__, HERE, MobileNet, to_onnx, MIN_ACCURACY))
