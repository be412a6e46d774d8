"""Own errors: what each layer adds, apart from what its inputs bring along.

Every layer of the float network is run by itself, on what the integers of its inputs stand for.  Its result against
the layer's integers shows the error that is made there: by weights, by rounding, by values that are cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwq.frontend import graph as fg
from hwq.frontend.reference import FloatReference
from hwq.ir.types import Format
from hwq.quant.errors import SignalToNoise
from hwq.quant.forms import Form
from hwq.verify.align import Pair
from hwq.verify.diff_stats import as_real
from hwq.verify.traces import FloatTrace, Trace, Values

FLOOR_DB = 120.0
"""Errors of a higher ratio come from the float network, which computes in float32."""
OWN = ".own"
"""Follows the name of a layer that runs by itself; no name of a tensor has a dot."""


class OwnErrors:
    """Signal-to-noise ratio of each layer of `graph` by itself."""

    def __init__(self, graph: fg.FloatGraph, trace: Trace, layers: Sequence[fg.Layer]) -> None:
        self._trace, self._layers = trace, layers
        self._read = sorted({name for layer in layers for name in layer.inputs})
        self._reference = FloatReference(_apart(graph, layers, self._read))
        self._ratio = SignalToNoise()

    @classmethod
    def between(cls, a: Trace, b: Trace, pairs: Sequence[Pair]) -> OwnErrors | None:
        """Those of integers `b` against a float model `a`; None where they cannot be known."""
        if not isinstance(a, FloatTrace) or not b.exact or b.forms is None:
            return None
        common = {pair.name for pair in pairs}
        layers = [layer for layer in a.graph.layers if common.issuperset((layer.name, *layer.inputs))]
        return cls(a.graph, b, layers) if layers else None

    def update(self, real: dict[str, Values], integers: dict[str, Values]) -> None:
        """Take in all tensors of some samples; samples that a recording has not in full are left out."""
        names = {*self._read, *(layer.name for layer in self._layers)}
        got = {name: as_real(integers[name], self._format(name)) for name in names}
        whole = np.logical_and.reduce([np.isfinite(x).all(axis=(1, 2, 3)) for x in got.values()])
        if not whole.any():
            return
        feed = {
            name: self._form(name).undo(got[name][whole], real[name][whole]).transpose(0, 3, 1, 2)
            for name in self._read
        }
        made = self._reference.run(feed, [layer.name + OWN for layer in self._layers])
        for layer in self._layers:
            own = self._form(layer.name).apply(made[layer.name + OWN].transpose(0, 2, 3, 1))
            self._ratio.update(layer.name, own, got[layer.name][whole])

    def decibels(self) -> dict[str, float | None]:
        """For each layer; None where there is no error but that of float32."""
        found = self._ratio.decibels()
        return {name: None if ratio is None or ratio > FLOOR_DB else ratio for name, ratio in found.items()}

    def _form(self, name: str) -> Form:
        return (self._trace.forms or {}).get(name, Form())

    def _format(self, name: str) -> Format:
        form = self._trace.tensors[name].format
        assert form is not None
        return form


def _apart(graph: fg.FloatGraph, layers: Sequence[fg.Layer], read: Sequence[str]) -> fg.FloatGraph:
    """The layers side by side, each on inputs of its own."""

    def index(name: str) -> np.ndarray:
        return np.arange(int(np.prod(graph.shapes[name]))).reshape(graph.shapes[name])

    inputs = tuple(fg.GraphInput(name, name, graph.shapes[name], "float32", index(name)) for name in read)
    outputs = tuple(
        fg.GraphOutput(layer.name + OWN, layer.name + OWN, graph.shapes[layer.name], index(layer.name))
        for layer in layers
    )
    shapes = {name: graph.shapes[name] for name in read}
    shapes |= {layer.name + OWN: graph.shapes[layer.name] for layer in layers}
    renamed = tuple(replace(layer, name=layer.name + OWN) for layer in layers)
    return replace(graph, inputs=inputs, outputs=outputs, layers=renamed, shapes=shapes)
