"""ONNX to torch, as plain `torch.nn` modules that the torch tools recognise.

General converters emit modules of their own for padding, pooling, clipping and sums; Sony MCT and Brevitas match on
`nn.ReLU6`, `nn.Linear` and `torch.add`.  This one knows the operations of the benchmark's models and refuses others.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import fx, nn

Weights = dict[str, torch.Tensor]
Attributes = dict[str, Any]


def _padding(pads: list[int]) -> tuple[tuple[int, int], list[nn.Module]]:
    """The symmetric padding of a window, or a module that pads before it."""
    top, left, bottom, right = pads
    if (top, left) == (bottom, right):
        return (top, left), []
    return (0, 0), [nn.ZeroPad2d((left, right, top, bottom))]


def conv(weights: list[torch.Tensor], a: Attributes) -> list[nn.Module]:
    """Conv."""
    w = weights[0]
    padding, before = _padding(a.get("pads", [0, 0, 0, 0]))
    group = a.get("group", 1)
    module = nn.Conv2d(
        w.shape[1] * group, w.shape[0], tuple(w.shape[2:]), tuple(a.get("strides", (1, 1))), padding,
        tuple(a.get("dilations", (1, 1))), group, bias=len(weights) > 1,
    )  # fmt: skip
    module.weight.data = w
    if module.bias is not None:
        module.bias.data = weights[1]
    return [*before, module]


def gemm(weights: list[torch.Tensor], a: Attributes) -> list[nn.Module]:
    """Gemm with a bias."""
    w = weights[0] if a.get("transB") else weights[0].T.contiguous()
    module = nn.Linear(w.shape[1], w.shape[0])
    module.weight.data, module.bias.data = w * a.get("alpha", 1.0), weights[1] * a.get("beta", 1.0)
    return [module]


def batch_norm(weights: list[torch.Tensor], a: Attributes) -> list[nn.Module]:
    """BatchNormalization."""
    module = nn.BatchNorm2d(len(weights[0]), eps=a.get("epsilon", 1e-5))
    module.weight.data, module.bias.data, module.running_mean, module.running_var = weights
    return [module]


def clip(weights: list[torch.Tensor], a: Attributes) -> list[nn.Module]:
    """Clip to 0 and 6; other bounds, as those of one channel each, have no module that both tools recognise."""
    if any(w.numel() > 1 for w in weights):
        raise ValueError("Clip: bounds of each channel, expected 0 and 6 for all")
    if [float(w) for w in weights] != [0.0, 6.0]:
        raise ValueError(f"Clip: bounds {[float(w) for w in weights]}, expected 0 and 6")
    return [nn.ReLU6()]


def max_pool(weights: list[torch.Tensor], a: Attributes) -> list[nn.Module]:
    """MaxPool; its input is never negative in these models, so that zeros may be padded."""
    padding, before = _padding(a.get("pads", [0, 0, 0, 0]))
    return [*before, nn.MaxPool2d(tuple(a["kernel_shape"]), tuple(a.get("strides", (1, 1))), padding)]


MODULES: dict[str, Callable[[list[torch.Tensor], Attributes], list[nn.Module]]] = {
    "Conv": conv,
    "Gemm": gemm,
    "BatchNormalization": batch_norm,
    "Clip": clip,
    "MaxPool": max_pool,
    "Relu": lambda weights, a: [nn.ReLU()],
    "GlobalAveragePool": lambda weights, a: [nn.AdaptiveAvgPool2d(1)],
    "Flatten": lambda weights, a: [nn.Flatten(1)],
}


def to_torch(path: Path) -> fx.GraphModule:
    """The model at `path`, ready for evaluation."""
    graph = onnx.load(str(path)).graph
    weights = {t.name: torch.from_numpy(np.array(numpy_helper.to_array(t))) for t in graph.initializer}
    root, traced = nn.Module(), fx.Graph()
    values = {graph.input[0].name: traced.placeholder("x")}
    for k, node in enumerate(graph.node):
        inputs = [values[name] for name in node.input if name in values]
        if node.op_type == "Add":
            values[node.output[0]] = traced.call_function(torch.add, tuple(inputs))
            continue
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        made = MODULES[node.op_type]([weights[name] for name in node.input if name in weights], attributes)
        value = inputs[0]
        for j, module in enumerate(made):
            name = f"{node.op_type.lower()}{k}_{j}"
            root.add_module(name, module)
            value = traced.call_module(name, (value,))
        values[node.output[0]] = value
    traced.output(values[graph.output[0].name])
    return fx.GraphModule(root, traced).eval()
