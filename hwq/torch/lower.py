"""Lowering: the operation of each layer of a trained network, with the layer's own integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from hwq.arith import IntArray, Interval, Requant, int_range
from hwq.errors import BadInput
from hwq.ir.names import sanitize
from hwq.ir.op import Op
from hwq.ir.program import MAX_TENSOR_BITS
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import Add, AvgPool, Concat, Conv, Dense, Depthwise, GroupConv, Linear, MaxPool, Rescale, Threshold
from hwq.ops.requantised import Requantised
from hwq.torch import layers, moves
from hwq.torch.layers import Layer
from hwq.torch.quantisers import TensorQuantiser

R = TypeVar("R", bound=Requantised)
EXACT = 1 << 53
"""Magnitudes up to which the float64 of training holds every integer."""


def lower_layer(
    layer: Layer, inputs: tuple[str, ...], formats: Sequence[TensorQuantiser], types: Mapping[str, TensorType],
    intervals: Mapping[str, Interval],
) -> list[Op]:  # fmt: skip
    """The operations of a layer, the last one named after it.

    Parameters
    ----------
    inputs
        Tensors of the program.
    formats
        Quantisers of the inputs.
    types, intervals
        Of all tensors so far.

    Raises
    ------
    BadInput
        When training would not hold a sum exactly, or the hardware none so wide.
    """
    fields = {"name": layer.label, "inputs": inputs}
    ins = tuple(intervals[name] for name in inputs)
    op = _LOWER[type(layer)](layer, fields, formats, [types[name] for name in inputs])
    if isinstance(op, Requantised):
        op = replace(op, acc_bits=op.accumulator_bits(*ins))
        reach = op.magnitude(*ins)
        if reach > EXACT:
            raise BadInput(
                f"{layer.label}{layer.where}: its sums reach {reach:.3g}, expected at most 2^53, which training "
                "computes exactly. Use fewer bits, or calibrate again."
            )
    if isinstance(op, Linear) and op.bits == 1:
        return _of_one_bit(op, ins, types)
    return [op]


def _of_one_bit(op: Linear, ins: tuple[Interval, ...], types: Mapping[str, TensorType]) -> list[Op]:
    """The sums as they are, and for each channel the least one that makes a 1 (rule B1).

    Rule R1 gives 1 or more where ``acc * m + 2^(shift - 1) >= 2^shift``; `acc` without the bias is what is compared.
    Sums that are too wide for a tensor are requantised to two bits first, of which one is used.
    """
    name, half = sanitize(f"{op.name}_sums", types), (1 << op.requant.shift) >> 1
    last = Threshold(
        name=op.name, inputs=(name,), thresholds=np.ones((1, 1), np.int64), low=0, bits=1, signed=False
    )  # fmt: skip
    bare = replace(op, name=name, bias=np.zeros_like(op.bias))
    bits = bare.accumulator_bits(*ins)
    if bits > MAX_TENSOR_BITS:
        return [replace(op, name=name, bits=2), last]
    low, high = int_range(bits, True)
    plain = Requant((1,), 0, op.requant.rounding, 0, low, high)
    multipliers = np.broadcast_to(np.array(op.requant.multiplier, np.int64), op.bias.shape)
    least = -(-((1 << op.requant.shift) - half) // multipliers) - op.bias
    if op.requant.qmax < 1:
        least = np.full_like(least, high + 1)
    thresholds = np.clip(least, low, high + 1)[:, None]
    return [
        replace(bare, acc_bits=bits, bits=bits, signed=True, requant=plain), replace(last, thresholds=thresholds)
    ]  # fmt: skip


def _integers(values: Any) -> IntArray:
    found: IntArray = values.detach().cpu().numpy().astype(np.int64)
    return found


def _result(layer: Layer) -> dict[str, Any]:
    return {"acc_bits": 2, "bits": layer.output.bits, "signed": layer.output.signed}


def _affine(layer: layers.Affine, fields: dict[str, Any], xs: Sequence[TensorQuantiser], types: list[TensorType]) -> Op:
    weight, bias, _, requant = layer.constants(xs[0])
    integers = _integers(weight)
    fields = fields | _result(layer) | {
        "requant": requant, "weight_bits": layer.weights.bits, "coding": layer.weights.coding(),
        "bias": np.ascontiguousarray(np.broadcast_to(_integers(bias), integers.shape[:1])),
    }  # fmt: skip
    if integers.ndim == 2:
        height, width, channels = types[0].shape
        image = integers.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
        return Dense(weight=np.ascontiguousarray(image), **fields)
    integers = np.ascontiguousarray(integers.transpose(0, 2, 3, 1))
    rows, columns = integers.shape[1:3]
    fields |= {"window": Window((rows, columns), layer.stride, layer.dilation, layer.pads), "pad_value": 0}
    if layer.groups == 1:
        return Conv(weight=integers, **fields)
    if integers.shape[0] == layer.groups and integers.shape[3] == 1:
        return Depthwise(weight=np.ascontiguousarray(integers[:, :, :, 0]), **fields)
    return GroupConv(weight=integers, groups=layer.groups, **fields)


def _add(layer: layers.Add, fields: dict[str, Any], xs: Sequence[TensorQuantiser], types: list[TensorType]) -> Op:
    factors, requant = layer.constants(xs[0], xs[1])
    return Add(factors=factors, bias=0, requant=requant, **fields, **_result(layer))


def _avgpool(
    layer: layers.AvgPool, fields: dict[str, Any], xs: Sequence[TensorQuantiser], types: list[TensorType]
) -> Op:
    window = Window(layer.kernel, layer.stride, pads=layer.padding * 2)
    return AvgPool(
        window=window, pad_value=0, bias=0, requant=layer.constants(xs[0]), **fields, **_result(layer)
    )  # fmt: skip


def _activation(
    layer: layers.Activation, fields: dict[str, Any], xs: Sequence[TensorQuantiser], types: list[TensorType]
) -> Op:
    return Rescale(bias=0, requant=layer.constants(xs[0]), **fields, **_result(layer))


def _maxpool(
    layer: moves.MaxPool, fields: dict[str, Any], xs: Sequence[TensorQuantiser], types: list[TensorType]
) -> Op:
    window = Window(layer.kernel, layer.stride, layer.dilation, layer.padding * 2)
    return MaxPool(window=window, pad_value=types[0].range[0], **fields)


def _concat(layer: moves.Concat, fields: dict[str, Any], xs: Sequence[TensorQuantiser], types: list[TensorType]) -> Op:
    return Concat(axis=(layer.axis + 1) % 3, **fields)


_LOWER: dict[type[Layer], Callable[..., Op]] = {
    layers.Affine: _affine, layers.Add: _add, layers.AvgPool: _avgpool, layers.Activation: _activation,
    moves.MaxPool: _maxpool, moves.Concat: _concat,
}  # fmt: skip
"""For each kind of layer the function that makes its operation, without the width of its sums."""
