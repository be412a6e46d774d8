"""Moves: quantisers and what stands before them are brought next to the sums that they round.

Maxima, concatenations, gathers and borders do not care whether a rising function is applied before or after them. A
model may put them between a layer and its quantiser; hardware moves integers, so the quantiser comes first there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hwq.frontend.graph import (
    Activation,
    BatchNorm,
    Concat,
    FloatGraph,
    Function,
    Gather,
    Layer,
    MaxPool,
    Pad,
    PRelu,
)
from hwq.frontend.quantised.layers import Dequantise, Pointwise, Quantise, step_of
from hwq.frontend.quantised.quantiser import Quantiser
from hwq.ir.names import sanitize

_SINGLE = (Quantise, Dequantise, Pointwise, Activation, BatchNorm, Function, PRelu)
"""Layers of single values."""
_STEPS = (Pointwise, Activation, BatchNorm, Function, PRelu)
_MOVES = (MaxPool, Concat, Gather, Pad)


def arranged(graph: FloatGraph) -> FloatGraph:
    """The same network with clips of integers within their quantisers, and moves behind quantisers."""
    for change in (_clip_integers, _one_move):  # all clips first: a quantiser that moves leaves its clip behind
        before = None
        while graph is not before:
            before, graph = graph, change(graph)
    return graph


def _clip_integers(graph: FloatGraph) -> FloatGraph:
    """A Clip of the integers of a quantiser becomes part of it."""
    made = {layer.name: layer for layer in graph.layers}
    for layer in graph.layers:
        before = made.get(layer.inputs[0]) if layer.inputs else None
        if not isinstance(layer, Activation) or not isinstance(before, Quantise) or _reads(graph, before.name) > 1:
            continue
        if isinstance(before.rule, Quantiser):
            rule = before.rule.narrowed(layer.clip.low, layer.clip.high)
            return _with(graph, {before.name: replace(before, name=layer.name, rule=rule), layer.name: None})
    return graph


def _one_move(graph: FloatGraph) -> FloatGraph:
    """One layer of single values put before the move that it reads, where that waits for it."""
    made = {layer.name: layer for layer in graph.layers}
    for layer in graph.layers:
        move = made.get(layer.inputs[0]) if layer.inputs else None
        if not isinstance(layer, _SINGLE) or not isinstance(move, _MOVES) or _reads(graph, move.name) > 1:
            continue
        if (isinstance(move, Concat) or _waits(made, move)) and _commutes(layer, move):
            return _exchanged(graph, layer, move)
    return graph


def _waits(made: dict[str, Layer], move: Layer) -> bool:
    """Whether what a move reads is no integer yet: sums of a layer, or steps on them."""
    layer = made.get(move.inputs[0])
    while isinstance(layer, (*_STEPS, *_MOVES)):
        layer = made.get(layer.inputs[0])
    return layer is not None and not isinstance(layer, Quantise | Dequantise)


def _commutes(layer: Layer, move: Layer) -> bool:
    """Whether `layer` may be applied to each value before it is moved."""
    if isinstance(layer, Dequantise):
        return isinstance(move, Concat)
    if isinstance(layer, Quantise):
        return isinstance(move, MaxPool) or not layer.rule.varies
    step = step_of(layer)
    if isinstance(move, MaxPool):
        return bool((step.direction == 1).all())
    return not step.varies


def _exchanged(graph: FloatGraph, layer: Layer, move: Layer) -> FloatGraph:
    """`layer` on each input of `move`, and the move behind."""
    shapes = dict(graph.shapes)
    singles = []
    for number, source in enumerate(move.inputs):
        name = sanitize(f"{layer.name}_{number}" if len(move.inputs) > 1 else f"{layer.name}_before", shapes)
        shapes[name] = shapes[source]
        singles.append(replace(layer, name=name, inputs=(source,)))
    changes: dict[str, Any] = {"name": layer.name, "inputs": tuple(one.name for one in singles)}
    if isinstance(move, Gather | Pad):
        changes["value"] = _applied(layer, move.value)
    moved = replace(move, **changes)
    layers: list[Layer] = []
    for one in graph.layers:
        if one.name == move.name:
            continue
        layers += [*singles, moved] if one.name == layer.name else [one]
    return graph.with_layers(tuple(layers), shapes)


def _applied(layer: Layer, value: float) -> float:
    """The layer's result for one value."""
    x = np.full((1, 1), value, np.float32)
    if isinstance(layer, Quantise):
        return float(layer.rule.integers(x)[0, 0])
    return float(step_of(layer)(x)[0, 0])


def _reads(graph: FloatGraph, tensor: str) -> int:
    """How often a tensor is read, or leaves."""
    return sum(layer.inputs.count(tensor) for layer in graph.layers) + graph.is_output(tensor)


def _with(graph: FloatGraph, changes: dict[str, Layer | None]) -> FloatGraph:
    layers = (changes.get(layer.name, layer) for layer in graph.layers)
    return graph.with_layers(tuple(layer for layer in layers if layer is not None))
