"""The text dump of a `FloatGraph`, for `hwq inspect`."""

from __future__ import annotations

import math
from collections.abc import Iterable

from hwq.frontend.graph import (
    Activation,
    Add,
    ArgMax,
    AvgPool,
    BatchNorm,
    Clip,
    Concat,
    Const,
    Conv,
    Dense,
    ElementAffine,
    Extremum,
    FloatGraph,
    Function,
    Gather,
    Layer,
    MatMul,
    MaxPool,
    Mul,
    Normalise,
    Pad,
    PRelu,
    Recurrent,
    Shape,
    Softmax,
    TopK,
)


def dump(graph: FloatGraph) -> str:
    """The whole graph as text, ending in a line feed.

    A line reads ``%name: f32[C,H,W] = kind(%inputs, attributes)``; attributes that do nothing are left out.
    """
    lines = [f"graph {graph.name}"]
    for item in graph.inputs:
        shape = _list(["N", *item.onnx_shape])
        typed = _typed(item.tensor, graph.shapes[item.tensor])
        lines.append(f"input  {item.onnx_name!r} {item.dtype}[{shape}] -> {typed}")
    for layer in graph.layers:
        parts = [f"%{name}" for name in layer.inputs] + _attributes(layer)
        kind = type(layer).__name__.lower()
        lines.append(f"{_typed(layer.name, graph.shapes[layer.name])} = {kind}({', '.join(parts)})")
    for out in graph.outputs:
        host = f", then on the host: {', '.join(out.host_ops)}" if out.host_ops else ""
        lines.append(f"output {out.onnx_name!r} [{_list(['N', *out.onnx_shape])}] <- %{out.tensor}{host}")
    return "\n".join(lines) + "\n"


def _typed(name: str, shape: Shape) -> str:
    return f"%{name}: f32[{_list(shape)}]"


def _list(items: Iterable[object]) -> str:
    return ",".join(str(item) for item in items)


def _attributes(layer: Layer) -> list[str]:
    match layer:
        case Conv():
            groups = [f"groups={layer.groups}"] if layer.groups > 1 else []
            weight = f"w=[{_list(layer.weight.shape)}]"
            return [weight, *groups, *_window(layer.stride, layer.dilation, layer.pads), *_clip(layer.clip)]
        case Dense():
            return [f"w=[{_list(layer.weight.shape)}]", *_clip(layer.clip)]
        case Add():
            return [*([f"signs={_list(layer.signs)}"] if layer.signs != (1, 1) else []), *_clip(layer.clip)]
        case Activation():
            return _clip(layer.clip)
        case MaxPool():
            return [f"kernel={_by(layer.kernel)}", *_window(layer.stride, layer.dilation, layer.pads)]
        case AvgPool():
            return [f"kernel={_by(layer.kernel)}", *_window(layer.stride, (1, 1), layer.pads)]
        case Pad():
            return [f"pads={_list(layer.pads)}", f"value={layer.value:g}"]
        case BatchNorm() | ElementAffine():
            return [f"scale=[{layer.scale.size}]", f"shift=[{layer.shift.size}]"]
        case Function():
            return [str(layer.expr)]
        case Concat():
            return [f"axis={'CHW'[layer.axis]}"]
        case Extremum():
            return ["max" if layer.largest else "min"]
        case PRelu():
            return [f"slopes=[{layer.slopes.size}]"]
        case MatMul():
            return [f"scale={layer.scale:g}"] if layer.scale != 1.0 else []
        case Normalise():
            return [f"epsilon={layer.epsilon:g}"]
        case Recurrent():
            return [layer.cell.value, f"w=[{_list(layer.weight.shape)}]"]
        case TopK():
            return [f"k={layer.k}"]
        case ArgMax() | Const() | Gather() | Mul() | Softmax():
            return []
        case _:
            raise TypeError(f"{layer.name}: no text form of {type(layer).__name__}")


def _by(pair: tuple[int, int]) -> str:
    return f"{pair[0]}x{pair[1]}"


def _window(stride: tuple[int, int], dilation: tuple[int, int], pads: tuple[int, ...]) -> list[str]:
    parts = [f"stride={_by(stride)}"]
    if dilation != (1, 1):
        parts.append(f"dilation={_by(dilation)}")
    if any(pads):
        parts.append(f"pads={_list(pads)}")
    return parts


def _clip(clip: Clip) -> list[str]:
    if clip.is_identity:
        return []
    if (clip.low, clip.high) == (0.0, math.inf):
        return ["relu"]
    return [f"clip={clip.low:g}..{clip.high:g}"]
