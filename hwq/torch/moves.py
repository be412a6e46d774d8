"""Layers that choose or move integers: their results have the format of their inputs."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn import functional

from hwq.torch.graph import Pair
from hwq.torch.layers import Held, Layer


class Move(Layer):
    """The same function of integers and of real values."""

    @abstractmethod
    def moved(self, *xs: Tensor) -> Tensor:
        """The result."""

    def reals(self, *xs: Tensor) -> Tensor:
        """The function of real values."""
        return self.moved(*xs)

    def forward(self, *xs: Held) -> Tensor:
        """The function of integers."""
        return self.moved(*(x.integers for x in xs))


class MaxPool(Move):
    """The largest value of each window; padding never wins (rule P1)."""

    def __init__(
        self, label: str, inputs: tuple[str, ...], where: str, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
    ) -> None:
        super().__init__(label, inputs, where)
        self.kernel, self.stride, self.padding, self.dilation = kernel, stride, padding, dilation

    def moved(self, *xs: Tensor) -> Tensor:
        """The maxima."""
        y: Tensor = functional.max_pool2d(xs[0], self.kernel, self.stride, self.padding, self.dilation)
        return y


class Concat(Move):
    """Tensors one behind the other along an axis, batch included in the count."""

    def __init__(self, label: str, inputs: tuple[str, ...], where: str, axis: int) -> None:
        super().__init__(label, inputs, where)
        self.axis = axis

    def moved(self, *xs: Tensor) -> Tensor:
        """The joined tensors."""
        return torch.cat(xs, self.axis)


class Reshape(Move):
    """Other axes, the same elements in the same order."""

    def __init__(self, label: str, inputs: tuple[str, ...], where: str, shape: tuple[int, ...]) -> None:
        super().__init__(label, inputs, where)
        self.shape = shape

    def moved(self, *xs: Tensor) -> Tensor:
        """The same elements."""
        return xs[0].reshape(len(xs[0]), *self.shape)


class Dropout(Move):
    """Zeros at random while statistics of the batch play a part, nothing else."""

    def __init__(self, label: str, inputs: tuple[str, ...], where: str, share: float, by_channel: bool) -> None:
        super().__init__(label, inputs, where)
        self.share, self.by_channel = share, by_channel

    def moved(self, *xs: Tensor) -> Tensor:
        """What is left."""
        if not self.floating:
            return xs[0]
        return (functional.dropout2d if self.by_channel else functional.dropout)(xs[0], self.share)
