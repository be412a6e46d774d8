"""Calls of layers that move integers or compare them."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from hwq.emit.cmodel.parts import Array, Call, Input, Output, Struct, Types, code_of, elements, narrowest, window_of
from hwq.ir.order import steps_of
from hwq.ir.types import TensorType
from hwq.ops import ArgMax, Concat, Gather, Pad, TopK


def pad(op: Pad, xs: Types, y: TensorType) -> Call:
    """A border."""
    return Call("pad", _ends(xs, y), (Input(), window_of(op.window, xs[0], y, op.pad_value), Output()))


def gather(op: Gather, xs: Types, y: TensorType) -> Call:
    """Positions as a step along each axis where that says it all, else as a list."""
    steps = steps_of(op.index) if op.index.min() >= 0 else None
    if steps is not None:
        height, width, channels = y.shape
        step_h, step_w, step_c = steps.along
        strides = Struct("strides", "strides", {
            "height": height, "width": width, "channels": channels, "start": steps.start,
            "step_h": step_h, "step_w": step_w, "step_c": step_c,
        })  # fmt: skip
        return Call("walk", _ends(xs, y), (Input(), strides, Output()))
    index = Array("index", op.index, narrowest(op.index, "s16", "s32"))
    arguments = (Input(), index, elements(y), op.pad_value, Output())
    return Call("gather", {"index_t": index.code} | _ends(xs, y), arguments)


def concat(op: Concat, xs: Types, y: TensorType) -> tuple[Call, ...]:
    """One call for each input."""
    sizes = [int(np.prod(x.shape[op.axis :])) for x in xs]
    count = int(np.prod(y.shape[: op.axis]))
    calls = []
    for number, (x, size, first) in enumerate(zip(xs, sizes, accumulate(sizes, initial=0), strict=False)):
        fields = {"count": count, "size": size, "distance": sum(sizes), "first": first}
        blocks = Struct(f"blocks{number}", "blocks", fields)
        calls.append(Call("concat", {"in_t": code_of(x)}, (Input(number), blocks, Output())))
    return tuple(calls)


def argmax(op: ArgMax, xs: Types, y: TensorType) -> Call:
    """The index of the largest channel."""
    return Call("argmax", _ends(xs, y), (Input(), y.pixels, op.channels, Output()))


def topk(op: TopK, xs: Types, y: TensorType) -> Call:
    """The indices of the largest channels."""
    return Call("topk", _ends(xs, y), (Input(), y.pixels, op.channels, op.k, Output()))


def _ends(xs: Types, y: TensorType) -> dict[str, str]:
    return {"in_t": code_of(xs[0]), "out_t": code_of(y)}
