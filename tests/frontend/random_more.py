"""Random operators of the other kinds: recurrent layers, further functions and forms of windows, ends of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto
from onnx.helper import make_node

Shape = tuple[int, ...]

POSITIVE = ("Log", "Pow", "Reciprocal", "Sqrt")
"""Functions that need an argument well above zero."""
CELLS = {"GRU": 3, "LSTM": 4, "RNN": 1}
"""Recurrent operators and their gates."""
ENDS = ("ArgMax", "LogSoftmax", "Softmax", "TopK")


class More:
    """Steps of a `random_net.Net`, which has what they call."""

    def positive(self: Any, source: str, shape: Shape) -> None:
        """A function of an argument between 1 and 4 or so."""
        op = self.one_of(*POSITIVE)
        bounded = self.add("Sigmoid", [source], shape)
        above = self.add("Add", [bounded, self.constant(np.float32(self.one_of(1.0, 1.5)))], shape)
        more = [self.constant(np.float32(self.one_of(2.0, 0.5, -1.0, 3.0)))] if op == "Pow" else []
        self.add(op, [above, *more], shape)

    def sign(self: Any, source: str, shape: Shape) -> None:
        """Of a tensor that leaves no doubt about zero."""
        source, shape = self.tensors[0]
        self.add("Sign", [source], shape)

    def passed(self: Any, source: str, shape: Shape) -> None:
        """What changes nothing but the number of axes or the type."""
        op = self.one_of("Dropout", "Cast", "Squeeze", "Unsqueeze")
        if op == "Dropout":
            self.add(op, [source], shape)
        elif op == "Cast":
            self.add(op, [source], shape, to=TensorProto.FLOAT)
        elif op == "Squeeze":
            axes = [axis for axis, size in enumerate(shape) if size == 1]
            if axes and len(shape) > 1:
                axis = self.one_of(*axes)
                out = (*shape[:axis], *shape[axis + 1 :])
                self.setting("Squeeze", source, out, "axes", [axis + 1], 13)
        elif len(shape) < 3:
            axis = self.integer(1, len(shape))
            self.setting("Unsqueeze", source, (*shape[:axis], 1, *shape[axis:]), "axes", [axis + 1], 13)

    def expand(self: Any, source: str, shape: Shape) -> None:
        axis = self.integer(0, len(shape) - 1)
        if shape[axis] == 1 and np.prod(shape) <= 60:
            out = (*shape[:axis], self.integer(1, 3), *shape[axis + 1 :])
            self.add("Expand", [source, self.ints(1, *out)], out)

    def scaled(self: Any, source: str, shape: Shape) -> None:
        """Constants that divide or are subtracted from, and clamps of one side."""
        op = self.one_of("Div", "Sub", "Min", "Gemm")
        if op == "Gemm" and len(shape) == 1:
            size, turned = self.integer(1, 4), self.integer(0, 1)
            weight = self.random(size, shape[0]) if turned else self.random(shape[0], size)
            inputs = [source, weight] + ([self.random(size)] if self.flag() else [])
            self.add(op, inputs, (size,), transB=turned, alpha=0.5, beta=self.one_of(1.0, 2.0))
        elif op in ("Div", "Sub", "Min"):
            constant = self.constant(np.float32(self.one_of(-0.5, 1.5, 4.0)))
            self.add(op, [constant, source] if op == "Sub" and self.flag() else [source, constant], shape)

    def windowed(self: Any, source: str, shape: Shape) -> None:
        """A Conv or a pool with dilation, with padding that is chosen by itself, or with a ceiling."""
        kernel, stride = self.sizes(shape), [self.integer(1, 3) for _ in shape[1:]]
        op, way = self.one_of("Conv", "MaxPool", "AveragePool"), self.one_of("auto", "dilated", "ceiling")
        extra: dict[str, Any] = {"strides": stride}
        if way == "auto":
            mode = self.one_of("SAME_UPPER", "SAME_LOWER", "VALID")
            reach = kernel if mode == "VALID" else [1] * len(kernel)
            stride[:] = [min(pair) for pair in zip(stride, kernel, strict=True)]  # else onnxruntime pads by less than 0
            out = [-(-(size - k + 1) // s) for size, k, s in zip(shape[1:], reach, stride, strict=True)]
            extra["auto_pad"] = mode
        elif way == "dilated" and op != "AveragePool":
            gaps = [self.integer(1, max(1, (n - 1) // max(1, k - 1))) for n, k in zip(shape[1:], kernel, strict=True)]
            spans = [(k - 1) * gap + 1 for k, gap in zip(kernel, gaps, strict=True)]
            out = [(size - span) // s + 1 for size, span, s in zip(shape[1:], spans, stride, strict=True)]
            extra["dilations"] = gaps
        else:
            out = [-(-(size - k) // s) + 1 for size, k, s in zip(shape[1:], kernel, stride, strict=True)]
            if op == "Conv" or any((n - 1) * s >= size for n, s, size in zip(out, stride, shape[1:], strict=True)):
                return  # operator sets differ about a window that starts behind the image
            extra["ceil_mode"] = 1
        if op == "Conv":
            filters = self.integer(1, 4)
            self.add(op, [source, self.random(filters, shape[0], *kernel)], (filters, *out), **extra)
        else:
            self.add(op, [source], (shape[0], *out), kernel_shape=kernel, **extra)

    def recurrent(self: Any, source: str, shape: Shape) -> None:
        """An LSTM, GRU or RNN over the rows of a bounded matrix, all of its steps or the last."""
        if len(shape) != 2:
            return
        op, units, both = self.one_of(*CELLS), self.integer(1, 3), self.one_of("forward", "reverse", "bidirectional")
        ways, (steps, features) = 2 if both == "bidirectional" else 1, shape
        source = self.add("Tanh", [source], shape)
        self.nodes.append(make_node("Transpose", [source], [f"{source}_s"], perm=[1, 0, 2]))
        rows = CELLS[op] * units
        inputs = [f"{source}_s", self.random(ways, rows, features), self.random(ways, rows, units)]
        inputs += [self.random(ways, 2 * rows)] if self.flag() else []
        extra = {"linear_before_reset": 1} if op == "GRU" and self.flag() else {}
        every = self.flag()
        made = ["", f"{source}_h"] if not every else [f"{source}_h", ""]
        self.nodes.append(make_node(op, inputs, made, hidden_size=units, direction=both, **extra))
        order, out = ([2, 0, 1, 3], (steps, ways * units)) if every else ([1, 0, 2], (ways * units,))
        self.nodes.append(make_node("Transpose", [f"{source}_h"], [f"{source}_k"], perm=order))
        self.add("Reshape", [f"{source}_k", self.ints(0, *out)], out)

    def end(self: Any, source: str, shape: Shape) -> None:
        """What may only stand at the end."""
        op = self.one_of(*ENDS)
        axis = len(shape) if op in ("Softmax", "LogSoftmax") and self.opset < 13 else self.integer(1, len(shape))
        if op in ("Softmax", "LogSoftmax"):
            self.add(op, [source], shape, axis=axis)
        elif op == "ArgMax":
            keep = len(shape) == 1 or self.flag()
            out = (*shape[: axis - 1], *((1,) if keep else ()), *shape[axis:])
            self.add(op, [source], out, axis=axis, keepdims=int(keep))
        else:
            count = self.integer(1, min(shape[axis - 1], 5))
            out = (*shape[: axis - 1], count, *shape[axis:])
            self.nodes.append(make_node(op, [source, self.ints(count)], ["unused", f"{source}_best"], axis=axis))
            self.tensors.append((f"{source}_best", out))
