"""Networks with layers of equal shape, each with weights of its own, and foldings in which they share engines."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from builds import Entry
from fork_nets import SAME
from nets import add, biases, conv, corners, dense, depthwise, fitted, groupconv, program, tensor, weights

from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import Linear

L = TypeVar("L", bound=Linear)
X = tensor(5, 4, 6)
SAMPLES = 24


def own(op: L, x: TensorType, seed: int, scale: str = "shift", **output: int) -> L:
    """`op` with weights, a bias and a requantisation that other layers of its shape do not have."""
    size = 1 << (op.weight_bits + x.bits - seed)
    new = replace(op, weight=weights(op.weight.shape, op.weight_bits, seed), bias=biases(op.channels, size, seed))
    return fitted(new, x, scale=scale, **output)


def shared(entry: Entry, first: str, *others: str) -> dict[str, Entry]:
    """The folding of several layers on the engine of the first one."""
    return {first: entry} | {name: entry | {"engine": first} for name in others}


def chain(kind: str, scales: tuple[str, ...], x: TensorType = X) -> Program:
    """Layers c0, c1 ... of one shape, one after the other; their requantisations as `scales` say."""
    ops: list[Linear] = []
    for number, scale in enumerate(scales):
        names = {"name": f"c{number}", "source": f"c{number - 1}" if number else "a"}
        made = {
            "conv": lambda names=names: conv(x, x.channels, SAME, **names),
            "point": lambda names=names: conv(x, x.channels, Window((1, 1)), **names),
            "depthwise": lambda names=names: depthwise(x, SAME, **names),
            "groupconv": lambda names=names: groupconv(x, x.channels, 2, SAME, **names),
            "dense": lambda names=names: dense(x, x.channels, **names),
        }[kind]()
        ops.append(own(made, x, number + 2, scale))
    return program(ops, {"a": x}, (ops[-1].name,), samples=corners({"a": x}, SAMPLES))


def residual(scales: tuple[str, str], window: Window = SAME, x: TensorType = X) -> Program:
    """y = a + c1(c0(a)): two layers that may share an engine, beside a branch that waits for both."""
    ops = [
        own(conv(x, x.channels, window, name="c0"), x, 2, scales[0]),
        own(conv(x, x.channels, window, name="c1", source="c0"), x, 3, scales[1]),
        add(x, x, sources=("a", "c1")),
    ]
    return program(ops, {"a": x}, samples=corners({"a": x}, SAMPLES))
