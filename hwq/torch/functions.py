"""Handlers: for each call that hwq has a layer for, the node that it becomes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn
from torch.nn import functional

from hwq.frontend.layers import Clip
from hwq.torch import graph as tg
from hwq.torch.calls import Call, pair
from hwq.torch.trace import where

if TYPE_CHECKING:
    from hwq.torch.read import Reader

IDENTITIES = frozenset({"Identity", "contiguous", "clone", "alias", "detach_copy", "lift_fresh_copy"})
"""Calls that return what they are given."""


class Refused(Exception):
    """A call that cannot become a layer: what was found, what was expected."""


def _common(reader: Reader, call: Call, *inputs: str, name: str = "") -> dict[str, Any]:
    text = name or (str(call.node.target) if call.module is not None else call.node.name)
    return {
        "name": reader.name(text), "inputs": inputs, "shape": reader.shape(call.node), "where": where(call.node),
    }  # fmt: skip


def _path(reader: Reader, call: Call, place: int) -> str:
    """The name of the module whose `weight` is an argument, empty where there is none."""
    argument = call.argument(place, "weight")
    path = reader.paths.get(argument.name, "") if isinstance(argument, fx.Node) else ""
    return path.rpartition(".")[0]


def _axes(reader: Reader, call: Call, count: int) -> None:
    shape = reader.shape(call.node.all_input_nodes[0])
    if len(shape) != count:
        kind = {1: "vectors (batch, features)", 3: "images (batch, channels, height, width)"}[count]
        raise Refused(f"reads a tensor of shape (batch, {', '.join(map(str, shape))}), expected {kind}")


def _weights(reader: Reader, call: Call) -> tuple[nn.Parameter, nn.Parameter | None]:
    weight, bias = reader.constant(call, 1, "weight"), reader.constant(call, 2, "bias")
    assert weight is not None
    return reader.parameter(call, weight), None if bias is None else reader.parameter(call, bias)


def _linear(reader: Reader, call: Call) -> tg.Node:
    _axes(reader, call, 1)
    weight, bias = _weights(reader, call)
    name = "" if call.module is not None else _path(reader, call, 1)
    return tg.AffineNode(weight=weight, bias=bias, **_common(reader, call, reader.data(call, 0, "input"), name=name))


def _conv(reader: Reader, call: Call) -> tg.Node:
    _axes(reader, call, 3)
    if call.argument(99, "padding_mode", "zeros") != "zeros":
        raise Refused(f"has padding_mode {call.argument(99, 'padding_mode')}, expected zeros")
    weight, bias = _weights(reader, call)
    stride, dilation = pair(call.argument(3, "stride", 1)), pair(call.argument(5, "dilation", 1))
    padding = call.argument(4, "padding", 0)
    if isinstance(padding, str):
        whole = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilation, weight.shape[2:], strict=True)]
        top, left = (size // 2 for size in whole)
        pads = (top, left, whole[0] - top, whole[1] - left)
    else:
        pads = pair(padding) * 2
    name = "" if call.module is not None else _path(reader, call, 1)
    return tg.AffineNode(
        weight=weight, bias=bias, stride=stride, dilation=dilation, pads=pads,
        groups=int(call.argument(6, "groups", 1)),
        **_common(reader, call, reader.data(call, 0, "input"), name=name),
    )  # fmt: skip


def _norm(reader: Reader, call: Call) -> tg.Node:
    """A batch normalisation with running statistics, as a module of its own."""
    eager = call.node.target is functional.batch_norm
    places = {"weight": 3, "bias": 4, "running_mean": 1, "running_var": 2} if eager else {
        "weight": 1, "bias": 2, "running_mean": 3, "running_var": 4,
    }  # fmt: skip
    if isinstance(call.node.target, torch._ops.OpOverload) and call.argument(5, "training"):
        raise Refused("normalises by its batch, expected a program exported in evaluation mode. Call eval() before")
    values = {name: reader.constant(call, place, name) for name, place in places.items()}
    mean, var = values["running_mean"], values["running_var"]
    if mean is None or var is None:
        raise Refused("has no running statistics, expected some. Set track_running_stats=True")
    if not all(bool(torch.isfinite(value).all()) for value in values.values() if value is not None):
        raise Refused("has values that are not finite (NaN or infinity). Train or load it again")
    image = len(reader.shape(call.node)) == 3
    momentum = call.argument(6, "momentum", 0.1)
    eps = float(call.argument(7, "eps", 1e-5))
    kind = nn.BatchNorm2d if image else nn.BatchNorm1d
    norm = kind(len(mean), eps, momentum, affine=values["weight"] is not None)
    with torch.no_grad():
        for name, value in values.items():
            if value is not None:
                getattr(norm, name).copy_(value.detach())
        tracked = call.argument(99, "num_batches_tracked")
        norm.num_batches_tracked.copy_(torch.tensor(1) if tracked is None else tracked)  # type: ignore[union-attr]
    path = "" if call.module is not None else _path(reader, call, places["weight"])
    return tg.NormNode(norm=norm, **_common(reader, call, reader.data(call, 0, "input"), name=path))


def _clip(low: float, high: float) -> Callable[[Reader, Call], tg.Node]:
    def handler(reader: Reader, call: Call) -> tg.Node:
        return tg.ClipNode(clip=Clip(low, high), **_common(reader, call, reader.data(call, 0, "input")))

    return handler


def _bounded(low_name: str, high_name: str, low: float, high: float) -> Callable[[Reader, Call], tg.Node]:
    def handler(reader: Reader, call: Call) -> tg.Node:
        ends = (call.argument(1, low_name, low), call.argument(2, high_name, high))
        if not all(end is None or isinstance(end, int | float) for end in ends):
            raise Refused("has bounds that are tensors, expected numbers")
        least, most = (-math.inf if ends[0] is None else ends[0]), (math.inf if ends[1] is None else ends[1])
        if not least <= 0.0 <= most or least == most:
            raise Refused(f"has the bounds {least} and {most}, expected that they lie on both sides of zero, or on it")
        return tg.ClipNode(
            clip=Clip(float(least), float(most)), **_common(reader, call, reader.data(call, 0, "input"))
        )  # fmt: skip

    return handler


def _add(sign: int) -> Callable[[Reader, Call], tg.Node]:
    def handler(reader: Reader, call: Call) -> tg.Node:
        if call.argument(2, "alpha", 1) != 1:
            raise Refused("has a factor alpha, expected none")
        a, b = reader.data(call, 0, "input"), reader.data(call, 1, "other")
        shapes = [reader.shape(node) for node in call.node.all_input_nodes]
        if len(set(shapes)) > 1:
            raise Refused(f"adds shapes {shapes[0]} and {shapes[-1]}, expected equal ones")
        return tg.AddNode(sign=sign, **_common(reader, call, a, b))

    return handler


def _concat(reader: Reader, call: Call) -> tg.Node:
    parts = call.node.args[0] if call.node.args else call.node.kwargs.get("tensors")
    if not isinstance(parts, list | tuple) or not all(
        isinstance(part, fx.Node) and part.name in reader.tensors for part in parts
    ):
        raise Refused("joins something that depends on no input, expected tensors that do")
    axis = int(call.argument(1, "dim", 0)) % (len(reader.shape(call.node)) + 1)
    if axis == 0:
        raise Refused("joins batches, expected another axis")
    names = [reader.tensors[part.name] for part in parts if isinstance(part, fx.Node)]
    return tg.ConcatNode(axis=axis, **_common(reader, call, *names))


def _maxpool(reader: Reader, call: Call) -> tg.Node:
    _axes(reader, call, 3)
    if call.argument(6, "return_indices", False):
        raise Refused("returns indices, expected values alone")
    kernel = pair(call.argument(1, "kernel_size"))
    padding, dilation = pair(call.argument(3, "padding", 0)), pair(call.argument(4, "dilation", 1))
    stride = pair(call.argument(2, "stride") or kernel)
    _whole(reader, call, kernel, stride, padding, dilation, 5)
    return tg.MaxPoolNode(
        kernel=kernel, stride=stride, padding=padding, dilation=dilation,
        **_common(reader, call, reader.data(call, 0, "input")),
    )  # fmt: skip


def _avgpool(reader: Reader, call: Call) -> tg.Node:
    _axes(reader, call, 3)
    kernel, padding = pair(call.argument(1, "kernel_size")), pair(call.argument(3, "padding", 0))
    stride = pair(call.argument(2, "stride") or kernel)
    if call.argument(6, "divisor_override") is not None:
        raise Refused("has a divisor_override, expected none")
    if any(padding) and not call.argument(5, "count_include_pad", True):
        raise Refused("leaves its padding out of the mean, expected count_include_pad=True, or no padding")
    _whole(reader, call, kernel, stride, padding, (1, 1), 4)
    return tg.AvgPoolNode(
        kernel=kernel, stride=stride, padding=padding, **_common(reader, call, reader.data(call, 0, "input"))
    )


def _whole(
    reader: Reader, call: Call, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int],
    dilation: tuple[int, int], place: int,
) -> None:  # fmt: skip
    """Refuse ceil_mode where it makes another size."""
    size = reader.shape(call.node.all_input_nodes[0])[1:]
    floor = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    )
    if call.argument(place, "ceil_mode", False) and floor != reader.shape(call.node)[1:]:
        raise Refused("has ceil_mode and windows that reach beyond the image, expected windows that fit")


def _adaptive(reader: Reader, call: Call) -> tg.Node:
    _axes(reader, call, 3)
    size, out = reader.shape(call.node.all_input_nodes[0])[1:], reader.shape(call.node)[1:]
    if size[0] % out[0] or size[1] % out[1]:
        raise Refused(f"makes {out[0]} by {out[1]} of {size[0]} by {size[1]}, expected sizes that divide")
    kernel = (size[0] // out[0], size[1] // out[1])
    return tg.AvgPoolNode(
        kernel=kernel, stride=kernel, padding=(0, 0), **_common(reader, call, reader.data(call, 0, "input"))
    )


def _mean(reader: Reader, call: Call) -> tg.Node:
    _axes(reader, call, 3)
    axes = call.argument(1, "dim")
    found = sorted(axis % 4 for axis in ([axes] if isinstance(axes, int) else axes or ()))
    if found != [2, 3]:
        raise Refused(f"is over the axes {axes}, expected height and width, (2, 3)")
    size = reader.shape(call.node.all_input_nodes[0])[1:]
    return tg.AvgPoolNode(
        kernel=(size[0], size[1]), stride=(size[0], size[1]), padding=(0, 0),
        **_common(reader, call, reader.data(call, 0, "input")),
    )  # fmt: skip


def _reshape(reader: Reader, call: Call) -> tg.Node | str:
    source, shape = call.node.all_input_nodes[0], reader.shape(call.node)
    name = reader.data(call, 0, "input")
    return name if shape == reader.shape(source) else tg.ReshapeNode(**_common(reader, call, name))


def _dropout(by_channel: bool) -> Callable[[Reader, Call], tg.Node | str]:
    def handler(reader: Reader, call: Call) -> tg.Node | str:
        name, share = reader.data(call, 0, "input"), float(call.argument(1, "p", 0.5))
        if call.module is None and not call.argument(2, "training", True):
            return name
        return tg.DropoutNode(share=share, by_channel=by_channel, **_common(reader, call, name))

    return handler


Handler = Callable[["Reader", Call], "tg.Node | str"]
_RELU, _RELU6 = _clip(0.0, math.inf), _clip(0.0, 6.0)
_CLAMP = _bounded("min", "max", -math.inf, math.inf)

HANDLERS: dict[str, Handler] = {
    "Conv2d": _conv, "conv2d": _conv, "Linear": _linear, "linear": _linear,
    "BatchNorm2d": _norm, "BatchNorm1d": _norm, "batch_norm": _norm,
    "ReLU": _RELU, "relu": _RELU, "ReLU6": _RELU6, "relu6": _RELU6,
    "Hardtanh": _bounded("min_val", "max_val", -1.0, 1.0), "hardtanh": _bounded("min_val", "max_val", -1.0, 1.0),
    "clamp": _CLAMP, "clip": _CLAMP,
    "add": _add(1), "iadd": _add(1), "sub": _add(-1), "isub": _add(-1),
    "cat": _concat, "concat": _concat, "concatenate": _concat,
    "MaxPool2d": _maxpool, "max_pool2d": _maxpool, "AvgPool2d": _avgpool, "avg_pool2d": _avgpool,
    "AdaptiveAvgPool2d": _adaptive, "adaptive_avg_pool2d": _adaptive, "mean": _mean,
    "Flatten": _reshape, "Unflatten": _reshape, "flatten": _reshape, "unflatten": _reshape, "view": _reshape,
    "reshape": _reshape, "squeeze": _reshape, "unsqueeze": _reshape,
    "Dropout": _dropout(False), "dropout": _dropout(False), "Dropout2d": _dropout(True), "dropout2d": _dropout(True),
    "feature_dropout": _dropout(True),
}  # fmt: skip
"""By the name of the call."""
