"""GroupConv: a convolution whose channels are in groups that do not see each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray
from hwq.ir.op import register
from hwq.ir.types import TensorType
from hwq.ops.convolution import Convolution


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupConv(Convolution):
    """weight (M, KH, KW, C / groups): output m reads the inputs of group floor(m / (M / groups)) alone.

    With `groups` = C it is a depthwise convolution with M / C kernels for each channel.
    """

    kind: ClassVar[str] = "groupconv"

    groups: int

    @property
    def kernels(self) -> IntArray:
        """`groups` of them."""
        return self.weight.reshape(self.groups, -1, *self.weight.shape[1:])

    def weight_shape(self, x: TensorType) -> tuple[int, ...]:
        """(M, KH, KW, C / groups), after checks that the groups divide the channels."""
        if self.groups < 2 or x.channels % self.groups or self.channels % self.groups:
            raise ValueError(
                f"{self.groups} groups, expected at least 2 that divide {x.channels} inputs and {self.channels} outputs"
            )
        return self.channels, *self.window.kernel, x.channels // self.groups

    def tap(self, view: IntArray, kh: int, kw: int) -> IntArray:
        """One matrix product for each group."""
        inputs = np.split(view, self.groups, axis=3)
        return np.concatenate([x @ w.T for x, w in zip(inputs, self.kernels[:, :, kh, kw], strict=True)], axis=3)
