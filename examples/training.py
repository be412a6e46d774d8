"""What the training scripts of the examples share: data, training, and the way to an ONNX file that is as good.

The test split is used once, for the final score. `--validate` scores a part of the training split instead, and writes
nothing: use it to choose settings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

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
EPOCHS = 120
BATCH = 64
LEARNING_RATE = 5e-3
WEIGHT_DECAY = 1e-3
OPSET = 17
IR_VERSION = 8

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
Split = tuple[Images, Labels, Images, Labels]
"""Training images and labels, test images and labels."""
Net = TypeVar("Net", bound=nn.Module)


def load_split() -> Split:
    """Return the fixed split of scikit-learn's digits; images are (N, 1, 8, 8), raw values 0..16."""
    data, target = load_digits(return_X_y=True)
    image = data.reshape(-1, 1, 8, 8).astype(np.float32)
    return divided(image, target.astype(np.int64), TEST_SAMPLES)


def divided(image: Images, label: Labels, second: float) -> Split:
    """Two parts with the same share of each label; `second` is the number of samples of the second, or its share."""
    image_a, image_b, label_a, label_b = train_test_split(
        image, label, test_size=second, random_state=SEED, stratify=label
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


def train(make: Callable[[], Net], image: Images, label: Labels) -> Net:
    """Make a network and train it on the given samples with fixed seeds; return it in evaluation mode."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(SEED)
    net = make()
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


class Writer:
    """Writes a network node by node, so that the file holds nothing but the graph and its weights."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[TensorProto] = []

    def node(self, op: str, inputs: list[str], output: str, **attributes: int | float | list[int]) -> str:
        """Add a node that is called like its output; return that name."""
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: NDArray[np.float32] | np.float32) -> str:
        """Add an initializer; return its name."""
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, name: str, module: nn.Module, *fields: str) -> list[str]:
        """Add parameters of a module; return their names."""
        state = module.state_dict()
        return [self.constant(f"{name}.{field}", state[field].numpy()) for field in fields]

    def conv(self, data: str, module: nn.Conv2d, name: str, **attributes: int | list[int]) -> str:
        """Add a convolution without bias."""
        kernel, edge = list(module.kernel_size), int(module.padding[0])
        inputs = [data, *self.weight(name, module, "weight")]
        return self.node("Conv", inputs, name, kernel_shape=kernel, pads=[edge] * 4, group=module.groups, **attributes)

    def norm(self, data: str, module: nn.BatchNorm2d, name: str) -> str:
        """Add a batch normalisation."""
        parameters = self.weight(name, module, "weight", "bias", "running_mean", "running_var")
        return self.node("BatchNormalization", [data, *parameters], name, epsilon=module.eps)

    def classifier(self, data: str, logits: nn.Linear) -> None:
        """Add what ends both networks: average pool, `logits` and `probs`."""
        features = self.node("Flatten", [self.node("GlobalAveragePool", [data], "gap")], "features", axis=1)
        self.node("Gemm", [features, *self.weight("logits", logits, "weight", "bias")], "logits", transB=1)
        self.node("Softmax", ["logits"], "probs", axis=1)

    def model(self, name: str) -> onnx.ModelProto:
        """The model from `image` to `probs`."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
            [helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["N", 10])],
            initializer=self.weights,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, producer_name="hwq-digits", ir_version=IR_VERSION, opset_imports=opsets)
        onnx.checker.check_model(model, full_check=True)
        return model


def probabilities(model: onnx.ModelProto, image: Images) -> Images:
    """Run the model with onnxruntime."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (probs,) = session.run(["probs"], {"image": image})
    return np.asarray(probs, dtype=np.float32)


def run(
    description: str | None,
    folder: Path,
    make: Callable[[], Net],
    to_onnx: Callable[[Net], onnx.ModelProto],
    least: float,
    write_data: Callable[[Path, Split], None] | None = None,
) -> int:
    """Train, score, and write the files; return the exit code.

    Parameters
    ----------
    description
        The docstring of the script.
    folder
        Where to write, unless told otherwise on the command line.
    make, to_onnx
        The network (logits of images), and its file (`probs` of `image`).
    least
        Accuracy below which nothing is written.
    write_data
        Writes samples as well.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0] if description else None)
    parser.add_argument("-o", "--output", type=Path, default=folder, help="folder for what is written")
    parser.add_argument("--validate", action="store_true", help="score a part of the training split; write nothing")
    arguments = parser.parse_args()

    split = load_split()
    image, label, test_image, test_label = divided(*split[:2], 0.2) if arguments.validate else split
    net = train(make, image, label)
    model = to_onnx(net)

    probs = probabilities(model, test_image)
    with torch.no_grad():
        expected = torch.softmax(net(torch.from_numpy(test_image)), dim=1).numpy()
    np.testing.assert_allclose(probs, expected, atol=1e-4, err_msg="the ONNX graph differs from the torch network")
    correct = int((probs.argmax(axis=1) == test_label).sum())
    accuracy = correct / len(test_label)
    parameters = sum(p.numel() for p in net.parameters())
    name = "validation" if arguments.validate else "test"
    print(f"{parameters} trained parameters; {name} accuracy {correct}/{len(test_label)} = {accuracy:.2%}")
    if arguments.validate:
        return 0
    if accuracy < least:
        print(f"train.py: accuracy {accuracy:.2%}, expected at least {least:.1%}; nothing written", file=sys.stderr)
        return 1
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    if write_data is not None:
        write_data(arguments.output, split)
    return 0
