"""Train the demo network on scikit-learn's digits; write model.onnx, calib.npz and test.npz.

The network is small, but has one of each thing that the flow must handle: separate BatchNormalization nodes,
a residual Add, a max pool, a depthwise and a pointwise convolution, global average pool, Gemm and Softmax.

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

CALIB_SAMPLES = 128
MIN_ACCURACY = 0.98


class DigitsNet(nn.Module):
    """The demo network: image (N, 1, 8, 8), raw values 0..16, to logits (N, 10)."""

    def __init__(self, width: int = 16, features: int = 32) -> None:
        super().__init__()
        self.stem_conv = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(width)
        self.block1_conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.block1_bn1 = nn.BatchNorm2d(width)
        self.block1_conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.block1_bn2 = nn.BatchNorm2d(width)
        self.dw_conv = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.dw_bn = nn.BatchNorm2d(width)
        self.pw_conv = nn.Conv2d(width, features, 1, bias=False)
        self.pw_bn = nn.BatchNorm2d(features)
        self.logits = nn.Linear(features, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, 10) of images (N, 1, 8, 8)."""
        stem = functional.relu(self.stem_bn(self.stem_conv(image)))
        inner = functional.relu(self.block1_bn1(self.block1_conv1(stem)))
        block1 = functional.relu(self.block1_bn2(self.block1_conv2(inner)) + stem)
        pool = functional.max_pool2d(block1, 2)
        dw = functional.relu(self.dw_bn(self.dw_conv(pool)))
        pw = functional.relu(self.pw_bn(self.pw_conv(dw)))
        logits: Tensor = self.logits(pw.mean(dim=(2, 3)))
        return logits


def to_onnx(net: DigitsNet) -> onnx.ModelProto:
    """The ONNX model of the network."""
    out = training.Writer()

    def conv_bn(data: str, conv: str, bn: str) -> str:
        module, norm = net.get_submodule(conv), net.get_submodule(bn)
        assert isinstance(module, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        return out.norm(out.conv(data, module, conv), norm, bn)

    stem = out.node("Relu", [conv_bn("image", "stem_conv", "stem_bn")], "stem")
    inner = out.node("Relu", [conv_bn(stem, "block1_conv1", "block1_bn1")], "block1_relu1")
    add = out.node("Add", [conv_bn(inner, "block1_conv2", "block1_bn2"), stem], "block1_add")
    block1 = out.node("Relu", [add], "block1")
    pool = out.node("MaxPool", [block1], "pool", kernel_shape=[2, 2], strides=[2, 2])
    dw = out.node("Relu", [conv_bn(pool, "dw_conv", "dw_bn")], "dw")
    pw = out.node("Relu", [conv_bn(dw, "pw_conv", "pw_bn")], "pw")
    out.classifier(pw, net.logits)
    return out.model("digits")


def write_data(folder: Path, split: training.Split) -> None:
    """Write the samples for calibration, of the training split, and those of the test split."""
    image, _, test_image, test_label = split
    np.savez_compressed(folder / "calib.npz", image=image[:CALIB_SAMPLES])
    np.savez_compressed(folder / "test.npz", image=test_image, label=test_label)


if __name__ == "__main__":
    sys.exit(training.run(__doc__, HERE, DigitsNet, to_onnx, MIN_ACCURACY, write_data))
