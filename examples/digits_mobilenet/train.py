"""Train a small MobileNetV2-like network on scikit-learn's digits; write model.onnx.

Inverted residual blocks with their batch normalisations as separate nodes. Inside the blocks the activation is Relu,
so that channels can be scaled apart without changing the function (benchmarks/rescaled.py); it is ReLU6, a Clip node,
behind the first and the last convolution. Split, augmentation and data files are those of ../digits.

Needs torch, scikit-learn, onnx and onnxruntime; README.md in this folder says how to install and run it.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

HERE = Path(__file__).resolve().parent
EPOCHS = 120
BATCH = 64
LEARNING_RATE = 5e-3
WEIGHT_DECAY = 1e-3
MIN_ACCURACY = 0.985
STEM = 16
BLOCKS = ((16, 3, 1), (24, 3, 2), (24, 3, 1))
"""Output channels, expansion and stride of each block; equal channels and stride 1 make it residual."""
FEATURES = 64


def load_digits_script() -> Any:
    """The training script of ../digits, for its split, augmentation and constants."""
    spec = importlib.util.spec_from_file_location("digits_train", HERE.parent / "digits" / "train.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


digits = load_digits_script()


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


def train(image: NDArray[np.float32], label: NDArray[np.int64]) -> MobileNet:
    """Train on the given samples with fixed seeds; return the network in evaluation mode."""
    torch.manual_seed(digits.SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(digits.SEED)
    net = MobileNet()
    x, y = torch.from_numpy(image), torch.from_numpy(label)
    optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    total_steps = EPOCHS * -(-len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=total_steps)
    for epoch in range(EPOCHS):
        for index in torch.randperm(len(x), generator=generator).split(BATCH):
            loss = functional.cross_entropy(net(digits.augment(x[index], generator)), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if (epoch + 1) % 20 == 0:
            print(f"epoch {epoch + 1}/{EPOCHS}: loss of the last batch {loss.item():.4f}", file=sys.stderr)
    return net.eval()


def to_onnx(net: MobileNet) -> onnx.ModelProto:
    """Write the network node by node, so that the file holds nothing but the graph and its weights."""
    weights: list[TensorProto] = [
        numpy_helper.from_array(np.float32(0), "zero"),
        numpy_helper.from_array(np.float32(6), "six"),
    ]
    nodes: list[onnx.NodeProto] = []

    def node(op: str, inputs: list[str], output: str, **attributes: int | float | list[int]) -> str:
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def weight(name: str, module: nn.Module, *fields: str) -> list[str]:
        names = [f"{name}.{field}" for field in fields]
        state = module.state_dict()
        weights.extend(numpy_helper.from_array(state[field].numpy(), f"{name}.{field}") for field in fields)
        return names

    def conv_norm(data: str, layer: ConvNorm, name: str) -> str:
        conv = layer.conv
        node(
            "Conv",
            [data, *weight(f"{name}_conv", conv, "weight")],
            f"{name}_conv",
            kernel_shape=list(conv.kernel_size),
            pads=[int(conv.padding[0])] * 4,
            strides=list(conv.stride),
            group=conv.groups,
        )
        parameters = weight(f"{name}_bn", layer.bn, "weight", "bias", "running_mean", "running_var")
        return node("BatchNormalization", [f"{name}_conv", *parameters], f"{name}_bn", epsilon=layer.bn.eps)

    data = node("Clip", [conv_norm("image", net.stem, "stem"), "zero", "six"], "stem")
    for number, block in enumerate(net.blocks, start=1):
        assert isinstance(block, Block)
        name = f"block{number}"
        expand = node("Relu", [conv_norm(data, block.expand, f"{name}_expand")], f"{name}_expand")
        dw = node("Relu", [conv_norm(expand, block.dw, f"{name}_dw")], f"{name}_dw")
        project = conv_norm(dw, block.project, f"{name}_project")
        data = node("Add", [project, data], name) if block.residual else project
    head = node("Clip", [conv_norm(data, net.head, "head"), "zero", "six"], "head")
    features = node("Flatten", [node("GlobalAveragePool", [head], "gap")], "features", axis=1)
    logits = node("Gemm", [features, *weight("logits", net.logits, "weight", "bias")], "logits", transB=1)
    node("Softmax", [logits], "probs", axis=1)

    graph = helper.make_graph(
        nodes,
        "digits_mobilenet",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["N", 10])],
        initializer=weights,
    )
    model = helper.make_model(
        graph,
        producer_name="hwq-digits",
        ir_version=digits.IR_VERSION,
        opset_imports=[helper.make_opsetid("", digits.OPSET)],
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> int:
    """Train, score, and write the file; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-o", "--output", type=Path, default=HERE, help="folder for the file")
    parser.add_argument("--validate", action="store_true", help="score a part of the training split; write nothing")
    arguments = parser.parse_args()

    image, label, test_image, test_label = digits.load_split()
    if arguments.validate:
        image, test_image, label, test_label = train_test_split(
            image, label, test_size=0.2, random_state=digits.SEED, stratify=label
        )
    net = train(image, label)
    model = to_onnx(net)

    probs = digits.probabilities(model, test_image)
    with torch.no_grad():
        expected = torch.softmax(net(torch.from_numpy(test_image)), dim=1).numpy()
    np.testing.assert_allclose(probs, expected, atol=1e-4, err_msg="the ONNX graph differs from the torch network")
    correct = int((probs.argmax(axis=1) == test_label).sum())
    accuracy = correct / len(test_label)
    parameters = sum(p.numel() for p in net.parameters())
    split = "validation" if arguments.validate else "test"
    print(f"{parameters} trained parameters; {split} accuracy {correct}/{len(test_label)} = {accuracy:.2%}")
    if arguments.validate:
        return 0
    if accuracy < MIN_ACCURACY:
        print(f"train.py: expected at least {MIN_ACCURACY:.1%}; nothing written", file=sys.stderr)
        return 1
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
