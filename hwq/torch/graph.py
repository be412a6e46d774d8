"""What is read of a module: nodes of a few kinds, each with one output, as the user wrote them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from hwq.frontend.layers import Clip

Pair = tuple[int, int]
UNBOUNDED = Clip()
"""No activation."""


@dataclass(slots=True, kw_only=True)
class Node:
    """One step; `name` is that of its output, `shape` is without the batch, `where` the user's line."""

    name: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    where: str


@dataclass(slots=True, kw_only=True)
class InputNode(Node):
    """An argument of the module."""


@dataclass(slots=True, kw_only=True)
class AffineNode(Node):
    """A convolution (weight of four axes) or linear layer (of two), later with what is fused."""

    weight: nn.Parameter
    bias: nn.Parameter | None
    stride: Pair = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    norm: nn.BatchNorm1d | nn.BatchNorm2d | None = None
    clip: Clip = UNBOUNDED


@dataclass(slots=True, kw_only=True)
class NormNode(Node):
    """A batch normalisation."""

    norm: nn.BatchNorm1d | nn.BatchNorm2d


@dataclass(slots=True, kw_only=True)
class ClipNode(Node):
    """ReLU and its like."""

    clip: Clip


@dataclass(slots=True, kw_only=True)
class AddNode(Node):
    """a + sign * b."""

    sign: int
    clip: Clip = UNBOUNDED


@dataclass(slots=True, kw_only=True)
class ConcatNode(Node):
    """Along an axis, the batch counted."""

    axis: int


@dataclass(slots=True, kw_only=True)
class MaxPoolNode(Node):
    """Maximum of windows."""

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair


@dataclass(slots=True, kw_only=True)
class AvgPoolNode(Node):
    """Mean of windows."""

    kernel: Pair
    stride: Pair
    padding: Pair
    clip: Clip = UNBOUNDED


@dataclass(slots=True, kw_only=True)
class ReshapeNode(Node):
    """The same elements on other axes."""


@dataclass(slots=True, kw_only=True)
class DropoutNode(Node):
    """Zeros at random in training."""

    share: float
    by_channel: bool


@dataclass(slots=True)
class Graph:
    """Nodes in order, and name and tensor of each output.

    `form` is what the module returns: `Tensor`, `tuple` or `dict`.
    """

    nodes: list[Node]
    outputs: list[tuple[str, str]]
    form: type

    def readers(self, name: str) -> list[Node]:
        """The nodes that read a tensor."""
        return [node for node in self.nodes if name in node.inputs]

    def leaves(self, name: str) -> bool:
        """Whether a tensor is an output."""
        return any(tensor == name for _, tensor in self.outputs)
