"""quantize: calibrate, lower, correct, and record what was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray
from hwq.errors import BadInput
from hwq.frontend import graph as fg
from hwq.frontend.reference import FloatReference
from hwq.ir.program import Program
from hwq.quant.bias_correction import correct_biases
from hwq.quant.config import Head, QuantConfig
from hwq.quant.errors import layer_errors
from hwq.quant.inputs import input_formats
from hwq.quant.lower import lower
from hwq.quant.observers import ChannelMeans, observe
from hwq.version import __version__

BATCH = 16
MEASURE_BYTES = 256 << 20
"""Bias correction and error figures hold this much of the widest tensor at most."""
SAMPLE_BYTES = 1 << 20
MAX_SAMPLES = 32
"""Calibration samples that travel in the program, as stimulus for its hardware."""

Samples = dict[str, NDArray[Any]]
Batch = TypeVar("Batch")
Progress = Callable[[str, float | None], None]
"""Is told what is being done and, where known, the share of it that is done (0 to 1)."""


def silent(_step: str, _share: float | None) -> None:
    """Show no progress."""


def quantize(
    graph: fg.FloatGraph, samples: Samples, config: QuantConfig | None = None, progress: Progress = silent
) -> Program:
    """The integer program of a simplified float graph.

    Parameters
    ----------
    graph
        What `hwq.frontend.read` and `hwq.passes.simplify` return.
    samples
        Calibration data, input tensor to real values (batch, channels, height, width).
    config
        Options; the defaults are those of the command line.
    progress
        Is told each step.

    Returns
    -------
    Program
        Verified; its `info` holds the options and the signal-to-noise ratio of each layer on the samples.

    Raises
    ------
    BadInput
        When the graph has an output that cannot be built.
    """
    config = config or QuantConfig()
    graph = _with_head(graph, config)
    reference = FloatReference(graph)
    tensors = [name for name in graph.shapes if not _is_index(graph, name)]
    first, second = (
        _told(_run(reference, samples, tensors), samples, f"Calibrating, pass {number} of 2", progress)
        for number in (1, 2)
    )
    seen = observe(first, second)
    progress("Choosing formats", None)
    few = _subset(graph, samples)
    program = lower(graph, input_formats(graph, reference, few, seen, config), seen, config)
    if config.bias_correction:
        progress("Correcting biases", None)
        program = correct_biases(program, _integers(program, few), _means(graph, reference, few))
    pairs = _told(_pairs(program, reference, few, tensors), few, "Measuring the error of each layer", progress)
    errors = layer_errors(program, pairs)
    info = {
        "hwq": __version__, "options": config.describe(), "sqnr_db": errors,
        "source": {layer.name: layer.source for layer in graph.layers},
        "calibration_samples": len(next(iter(samples.values()))),
    }  # fmt: skip
    return replace(program, samples=_stimulus(program, samples), info=info)


def _with_head(graph: fg.FloatGraph, config: QuantConfig) -> fg.FloatGraph:
    """Append an ArgMax to each output when the user wants the index rather than the logits."""
    if config.head is Head.LOGITS:
        return graph
    layers, outputs, shapes = list(graph.layers), [], dict(graph.shapes)
    for port in graph.outputs:
        shape = graph.shapes[port.tensor]
        if any(isinstance(layer, fg.ArgMax) and layer.name == port.tensor for layer in layers):
            outputs.append(port)
            continue
        if shape[1:] != (1, 1):
            raise BadInput(
                f"--head argmax: output {port.onnx_name} has shape {shape}, expected a vector. Use --head logits."
            )
        name = f"{port.tensor}_argmax"
        layers.append(fg.ArgMax(name=name, inputs=(port.tensor,), source=f"argmax of {port.onnx_name}"))
        shapes[name] = (1, 1, 1)
        outputs.append(fg.GraphOutput(port.onnx_name, name, (1,), np.zeros(1, np.int64)))
    return replace(graph.with_layers(tuple(layers), shapes), outputs=tuple(outputs))


def _is_index(graph: fg.FloatGraph, name: str) -> bool:
    return any(isinstance(layer, fg.ArgMax) and layer.name == name for layer in graph.layers)


def _batches(samples: Samples) -> Iterator[Samples]:
    count = len(next(iter(samples.values())))
    for start in range(0, count, BATCH):
        yield {name: x[start : start + BATCH] for name, x in samples.items()}


def _told(batches: Iterator[Batch], samples: Samples, step: str, progress: Progress) -> Iterator[Batch]:
    """The same batches; `progress` is told before each one."""
    count = len(next(iter(samples.values())))
    for number, batch in enumerate(batches):
        progress(step, number * BATCH / count)
        yield batch


def _run(reference: FloatReference, samples: Samples, tensors: list[str]) -> Iterator[Samples]:
    for batch in _batches(samples):
        yield reference.run(batch, tensors)


def _subset(graph: fg.FloatGraph, samples: Samples) -> Samples:
    """As many samples as fit `MEASURE_BYTES` in the widest tensor."""
    widest = max(int(np.prod(shape)) for shape in graph.shapes.values()) * 8
    count = max(1, MEASURE_BYTES // widest)
    return {name: x[:count] for name, x in samples.items()}


def _means(graph: fg.FloatGraph, reference: FloatReference, samples: Samples) -> Samples:
    names = {layer.name: f"{layer.name}:pre" for layer in graph.layers if isinstance(layer, fg.Conv | fg.Dense)}
    means = ChannelMeans()
    if names:
        for batch in _run(reference, samples, list(names.values())):
            means.update(batch)
    seen = means.means()
    return {name: seen[pre] for name, pre in names.items()}


def _integers(program: Program, samples: Samples) -> dict[str, IntArray]:
    return {
        name: program.formats[name].quantise(x.transpose(0, 2, 3, 1), program.types[name])
        for name, x in samples.items()
    }


def _pairs(
    program: Program, reference: FloatReference, samples: Samples, tensors: list[str]
) -> Iterator[tuple[dict[str, IntArray], Samples]]:
    for batch in _batches(samples):
        yield _integers(program, batch), reference.run(batch, tensors)


def _stimulus(program: Program, samples: Samples) -> dict[str, IntArray]:
    size = sum(int(np.prod(program.types[name].shape)) for name in samples)
    count = max(1, min(MAX_SAMPLES, SAMPLE_BYTES // size))
    return _integers(program, {name: x[:count] for name, x in samples.items()})
