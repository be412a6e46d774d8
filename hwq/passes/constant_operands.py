"""Make sums and products with constant tensors of what a factor and a term for each channel cannot express."""

from __future__ import annotations

import numpy as np

from hwq.frontend.graph import Add, Const, ElementAffine, FloatArray, FloatGraph, Layer, Mul
from hwq.ir.names import sanitize


def constant_operands(graph: FloatGraph) -> FloatGraph:
    """Replace each ElementAffine by a Mul and an Add, as far as they do something, over `Const` layers."""
    if not any(isinstance(layer, ElementAffine) for layer in graph.layers):
        return graph
    layers: list[Layer] = []
    shapes = dict(graph.shapes)

    def constant(layer: ElementAffine, what: str, values: FloatArray) -> str:
        name = sanitize(f"{layer.name}_{what}", shapes)
        shapes[name] = graph.shapes[layer.name]
        layers.append(Const(name=name, inputs=(), source=layer.source, values=values))
        return name

    for layer in graph.layers:
        if not isinstance(layer, ElementAffine):
            layers.append(layer)
            continue
        source, moves = layer.inputs[0], bool(layer.shift.any())
        if not moves or (layer.scale != 1.0).any():
            name = sanitize(f"{layer.name}_scaled", shapes) if moves else layer.name
            inputs = (source, constant(layer, "factors", np.ascontiguousarray(layer.scale)))
            layers.append(Mul(name=name, inputs=inputs, source=layer.source))
            shapes[name], source = graph.shapes[layer.name], name
        if moves:
            inputs = (source, constant(layer, "terms", np.ascontiguousarray(layer.shift)))
            layers.append(Add(name=layer.name, inputs=inputs, source=layer.source))
    return graph.with_layers(tuple(layers), shapes)
