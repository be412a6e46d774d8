"""FloatGraph: the float network that hwq accepted, every tensor in canonical form (channels, height, width).

The frontend turns ONNX into this, the passes rewrite it, the quantiser lowers it to a `Program`.
Vectors are (F, 1, 1), 1-D signals (C, 1, W).  Flatten, Reshape, Squeeze, Unsqueeze and Transpose do not
exist here: they only relabel elements, and the relabelling is kept in the interface (`GraphInput.index`),
folded into the weights of the dense layer that follows, or made by a `Gather`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hwq.frontend.layers import (
    Activation,
    Add,
    ArgMax,
    AvgPool,
    BatchNorm,
    Cell,
    Clip,
    Concat,
    Const,
    Conv,
    Dense,
    ElementAffine,
    Extremum,
    FloatArray,
    Function,
    Gather,
    Layer,
    MatMul,
    MaxPool,
    Mul,
    Normalise,
    Pad,
    Pads,
    Pair,
    PRelu,
    Recurrent,
    Shape,
    Softmax,
    TopK,
    by_weight,
    clip_of,
    groups_of,
)

__all__ = [
    "Activation", "Add", "ArgMax", "AvgPool", "BatchNorm", "Cell", "Clip", "Concat", "Const", "Conv", "Dense",
    "ElementAffine", "Extremum", "FloatArray", "FloatGraph", "Function", "Gather", "GraphInput", "GraphOutput", "Layer",
    "MatMul", "MaxPool", "Mul", "Normalise", "PRelu", "Pad", "Pads", "Pair", "Recurrent", "Shape", "Softmax", "TopK",
    "by_weight", "clip_of", "groups_of",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class GraphInput:
    """An input of the model as its user sees it, and where each of its elements goes.

    `onnx_shape` has no batch axis; `index` has that shape and holds, for each element, its flat position
    in the canonical (C, H, W) tensor.
    """

    onnx_name: str
    tensor: str
    onnx_shape: tuple[int, ...]
    dtype: str
    index: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GraphOutput:
    """An output of the model; `host_ops` are ONNX operators that were left to the host (a final Softmax)."""

    onnx_name: str
    tensor: str
    onnx_shape: tuple[int, ...]
    index: NDArray[np.int64]
    host_ops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FloatGraph:
    """Layers in topological order; `shapes` maps every tensor (inputs included) to (C, H, W)."""

    name: str
    inputs: tuple[GraphInput, ...]
    outputs: tuple[GraphOutput, ...]
    layers: tuple[Layer, ...]
    shapes: dict[str, Shape] = field(repr=False)

    def consumers(self, tensor: str) -> tuple[Layer, ...]:
        """Layers that read `tensor`."""
        return tuple(layer for layer in self.layers if tensor in layer.inputs)

    def is_output(self, tensor: str) -> bool:
        """True when `tensor` is an output of the model."""
        return any(out.tensor == tensor for out in self.outputs)

    def shares_format_with_output(self, tensor: str) -> bool:
        """True for an output, and for what reaches one by pooling maxima or padding, which keep its format."""
        kept = (layer.name for layer in self.consumers(tensor) if isinstance(layer, MaxPool | Pad))
        return self.is_output(tensor) or any(self.shares_format_with_output(name) for name in kept)

    def with_layers(self, layers: tuple[Layer, ...], shapes: dict[str, Shape] | None = None) -> FloatGraph:
        """The same interface over other layers."""
        return replace(self, layers=layers, shapes=self.shapes if shapes is None else shapes)
