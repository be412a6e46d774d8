"""Train the demo network on scikit-learn's digits; write model.onnx, calib.npz and test.npz.

The network is small, but has one of each thing that the flow must handle: separate BatchNormalization nodes,
a residual Add, a max pool, a depthwise and a pointwise convolution, global average pool, Gemm and Softmax.
The test split is used once, for the final score. `--validate` scores a part of the training split instead,
and writes nothing: use it to choose settings.

Needs torch, scikit-learn, onnx and onnxruntime; README.md in this folder says how to install and run it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

SEED = 0
TEST_SAMPLES = 450
CALIB_SAMPLES = 128
EPOCHS = 120
BATCH = 64
LEARNING_RATE = 5e-3
WEIGHT_DECAY = 1e-3
MIN_ACCURACY = 0.98
OPSET = 17
IR_VERSION = 8

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


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


def load_split() -> tuple[Images, Labels, Images, Labels]:
    """Return the fixed split: training images and labels, test images and labels."""
    data, target = load_digits(return_X_y=True)
    image = data.reshape(-1, 1, 8, 8).astype(np.float32)
    label = target.astype(np.int64)
    image_a, image_b, label_a, label_b = train_test_split(
        image, label, test_size=TEST_SAMPLES, random_state=SEED, stratify=label
    )
    return image_a, label_a, image_b, label_b


def augment(image: Tensor, generator: torch.Generator) -> Tensor:
    """Move, turn and scale each image a little: up to 1 pixel, 0.15 rad and 10 %; zeros from outside."""
    n = image.shape[0]

    def uniform(limit: float) -> Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1) * limit

    angle, scale = uniform(0.15), 1 + uniform(0.1)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    pixel = 2 / image.shape[-1]
    row_x = torch.stack([cos, -sin, uniform(pixel)], dim=1)
    row_y = torch.stack([sin, cos, uniform(pixel)], dim=1)
    grid = functional.affine_grid(torch.stack([row_x, row_y], dim=1), list(image.shape), align_corners=False)
    return functional.grid_sample(image, grid, align_corners=False)


def train(image: Images, label: Labels) -> DigitsNet:
    """Train on the given samples with fixed seeds; return the network in evaluation mode."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(SEED)
    net = DigitsNet()
    x, y = torch.from_numpy(image), torch.from_numpy(label)
    steps = -(-len(x) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=EPOCHS * steps)
    for epoch in range(EPOCHS):
        total = 0.0
        for index in torch.randperm(len(x), generator=generator).split(BATCH):
            loss = functional.cross_entropy(net(augment(x[index], generator)), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(index)
        if (epoch + 1) % 20 == 0:
            print(f"epoch {epoch + 1}/{EPOCHS}: training loss {total / len(x):.4f}", file=sys.stderr)
    return net.eval()


def to_onnx(net: DigitsNet) -> onnx.ModelProto:
    """Write the network node by node, so that the file holds nothing but the graph and its weights."""
    weights: list[TensorProto] = []
    nodes: list[onnx.NodeProto] = []
    state = {name: value.numpy() for name, value in net.state_dict().items()}

    def node(op: str, inputs: list[str], output: str, **attributes: int | float | list[int]) -> str:
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def weight(module: str, *fields: str) -> list[str]:
        names = [f"{module}.{field}" for field in fields]
        weights.extend(numpy_helper.from_array(state[name], name) for name in names)
        return names

    def conv_bn(data: str, conv: str, bn: str) -> str:
        module, norm = net.get_submodule(conv), net.get_submodule(bn)
        assert isinstance(module, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        kernel, edge = list(module.kernel_size), int(module.padding[0])
        node(
            "Conv",
            [data, *weight(conv, "weight")],
            conv,
            kernel_shape=kernel,
            pads=[edge] * 4,
            group=module.groups,
        )
        parameters = weight(bn, "weight", "bias", "running_mean", "running_var")
        return node("BatchNormalization", [conv, *parameters], bn, epsilon=norm.eps)

    stem = node("Relu", [conv_bn("image", "stem_conv", "stem_bn")], "stem")
    inner = node("Relu", [conv_bn(stem, "block1_conv1", "block1_bn1")], "block1_relu1")
    add = node("Add", [conv_bn(inner, "block1_conv2", "block1_bn2"), stem], "block1_add")
    block1 = node("Relu", [add], "block1")
    pool = node("MaxPool", [block1], "pool", kernel_shape=[2, 2], strides=[2, 2])
    dw = node("Relu", [conv_bn(pool, "dw_conv", "dw_bn")], "dw")
    pw = node("Relu", [conv_bn(dw, "pw_conv", "pw_bn")], "pw")
    features = node("Flatten", [node("GlobalAveragePool", [pw], "gap")], "features", axis=1)
    logits = node("Gemm", [features, *weight("logits", "weight", "bias")], "logits", transB=1)
    node("Softmax", [logits], "probs", axis=1)

    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["N", 10])],
        initializer=weights,
    )
    model = helper.make_model(
        graph,
        producer_name="hwq-digits",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def probabilities(model: onnx.ModelProto, image: Images) -> Images:
    """Run the model with onnxruntime."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (probs,) = session.run(["probs"], {"image": image})
    return np.asarray(probs, dtype=np.float32)


def main() -> int:
    """Train, score, and write the three files; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent, help="folder for the three files")
    parser.add_argument("--validate", action="store_true", help="score a part of the training split; write nothing")
    arguments = parser.parse_args()

    image, label, test_image, test_label = load_split()
    if arguments.validate:
        image, test_image, label, test_label = train_test_split(
            image, label, test_size=0.2, random_state=SEED, stratify=label
        )
    net = train(image, label)
    model = to_onnx(net)

    probs = probabilities(model, test_image)
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
        print(
            f"train.py: accuracy {accuracy:.2%}, expected at least {MIN_ACCURACY:.0%}; nothing written",
            file=sys.stderr,
        )
        return 1

    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    np.savez_compressed(arguments.output / "calib.npz", image=image[:CALIB_SAMPLES])
    np.savez_compressed(arguments.output / "test.npz", image=test_image, label=test_label)
    return 0


if __name__ == "__main__":
    sys.exit(main())
