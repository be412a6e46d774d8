"""Search: the exponent of every tensor's scale, judged by the integers that leave the network.

The error of a tensor is a poor guide to its scale, and so is a first-order model where many scales interact.  So each
scale is tried at half and at twice its value, in network order, with the weights as they were found; what lowers the
error of the outputs on calibration data is kept, and the weights are fitted again at the end.
"""

from __future__ import annotations

from dataclasses import replace

from hwq.frontend import graph as fg
from hwq.quant.calibration import Calibration
from hwq.quant.config import QuantConfig
from hwq.quant.fitting import Found, start_trace
from hwq.quant.formats import Formats
from hwq.quant.lower import lower
from hwq.quant.normalise_table import smallest_scale
from hwq.quant.pipeline import Draft, best, fitted, output_noise
from hwq.quant.progress import Progress
from hwq.quant.sharing import FIXED, groups_of
from hwq.quant.trace import Trace

SAMPLES = 128
"""Calibration samples that judge."""
GAIN = 0.995
"""A scale is changed when the noise falls below this share of what it was."""


def search_scales(found: Draft, config: QuantConfig, progress: Progress) -> Draft:
    """`found`, or a draft with other scales that has less noise."""
    search = _Search(found, config)
    graph = found.data.graph
    order = [port.tensor for port in graph.inputs] + [layer.name for layer in graph.layers]
    names = [name for name in order if name in search.movable]
    for number, name in enumerate(names):
        progress("Searching scales", number / len(names))
        search.visit(name)
    if search.formats == found.formats:
        return found
    return best(found, fitted(found.data, found.seen, search.formats, config))


class _Search:
    def __init__(self, found: Draft, config: QuantConfig) -> None:
        self.graph, self.config, self.weights = found.data.graph, config, Found(found.fits)
        self.data: Calibration = found.data.some(SAMPLES)
        self.formats: Formats = dict(found.formats)
        self.groups = groups_of(self.graph)
        fixed = {layer.name for layer in self.graph.layers if isinstance(layer, FIXED)}
        self.movable = {shared[0] for shared in self.groups.values() if not fixed.intersection(shared)}
        self.least = {
            layer.name: smallest_scale(self.graph.shapes[layer.name][0])
            for layer in self.graph.layers
            if isinstance(layer, fg.Normalise)
        }
        self.trace = start_trace(self.data, self.formats)
        self.done = 0
        self.noise = self._judge(self.formats, self.trace.fork())

    def visit(self, name: str) -> None:
        """Halve or double the scale of one tensor if that helps; tensors are visited in network order."""
        is_input = all(layer.name != name for layer in self.graph.layers)
        program = lower(self.graph, self.formats, self.config, self.weights)
        if not is_input:
            start = self.done
            self.done = [op.name for op in program.ops].index(name)
            self.trace.run(program, slice(start, self.done))
        for ratio in (0.5, 2.0):
            formats = self._moved(name, ratio)
            if any(formats[tensor].form.scale < self.least.get(tensor, 0.0) for tensor in self.groups[name]):
                continue  # no table of a normalisation is so fine
            trace = start_trace(self.data, formats) if is_input else self.trace.fork()
            noise = self._judge(formats, trace)
            if noise < GAIN * self.noise:
                self.formats, self.noise = formats, noise
                self.trace = start_trace(self.data, formats) if is_input else self.trace
                break

    def _moved(self, name: str, ratio: float) -> Formats:
        formats = dict(self.formats)
        old = formats[name]
        low, high = old.levels
        zero_point = min(max(round(old.form.zero_point / ratio), low), high)
        moved = replace(old, form=replace(old.form, scale=old.form.scale * ratio, zero_point=zero_point))
        return formats | dict.fromkeys(self.groups[name], moved)

    def _judge(self, formats: Formats, trace: Trace) -> float:
        program = lower(self.graph, formats, self.config, self.weights)
        trace.run(program, slice(self.done, None))
        return output_noise(self.data, trace.values, program)
