"""quantize: calibrate, equalise, lower, search, slim, and record what was seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray
from hwq.errors import BadInput
from hwq.frontend import graph as fg
from hwq.frontend.reference import FloatReference
from hwq.ir.names import sanitize
from hwq.ir.program import Program
from hwq.quant.calibration import Calibration
from hwq.quant.config import Head, QuantConfig, RangeMethod
from hwq.quant.errors import layer_errors
from hwq.quant.forms import KEY as FORMS
from hwq.quant.forms import describe_forms
from hwq.quant.mixed import within_budget
from hwq.quant.observers import Survey, observe
from hwq.quant.pipeline import Draft, draft, guarded
from hwq.quant.progress import Progress, silent
from hwq.quant.search import search_scales
from hwq.quant.sharing import with_rescales
from hwq.quant.slim import slim
from hwq.version import __version__

TRACE_BYTES = 512 << 20
"""Weights are fitted, and errors measured, on as many samples as fill this much with the widest tensor at most."""
SAMPLE_BYTES = 1 << 20
MAX_SAMPLES = 32
"""Calibration samples that travel in the program, as stimulus for its hardware."""

Samples = dict[str, NDArray[Any]]


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
        When the graph has an output that cannot be built, or an option names a layer that does not exist.
    """
    config = config or QuantConfig()
    found = quantised(graph, samples, config, progress)
    progress("Measuring the error of each layer", None)
    program = found.program
    info = {
        "hwq": __version__, "options": config.describe(), "sqnr_db": layer_errors(program, found.data),
        "source": {layer.name: layer.source for layer in graph.layers},
        "calibration_samples": len(next(iter(samples.values()))),
    }  # fmt: skip
    program, kept = for_host(program, found.data), {}
    if config.slim:
        progress("Slimming", None)
        program, saved = slim(program)
        info["slimmed"], kept = saved.describe(), saved.channels
    info[FORMS] = describe_forms(found.data, program, kept)
    return replace(program, samples=_stimulus(program, samples), info=info)


def quantised(graph: fg.FloatGraph, samples: Samples, config: QuantConfig, progress: Progress) -> Draft:
    """The program of least noise that the options allow, with all that it was made from."""
    few, seen = survey(graph, samples, config, progress)
    if config.mixed:
        return within_budget(few, seen, config, lambda chosen: drafted(few, seen, chosen, progress), progress)
    return drafted(few, seen, config, progress)


def survey(
    graph: fg.FloatGraph, samples: Samples, config: QuantConfig, progress: Progress
) -> tuple[Calibration, Survey]:
    """The samples that weights are fitted on, and what was seen on all, of the graph with the head asked for."""
    config.check_rules([layer.name for layer in graph.layers] + [port.tensor for port in graph.inputs])
    graph = with_rescales(_with_head(graph, config.head))
    data = Calibration(graph, samples, FloatReference(graph))
    progress("Calibrating", None)
    seen = observe(data, config.equalise or config.mixed or _wants_gradients(graph, config))
    if config.equalise and data.count > 1:
        seen = replace(seen, halves=(observe(data.half(0), True), observe(data.half(1), True)))
    return data.some(_fitting(graph)), seen


def drafted(few: Calibration, seen: Survey, config: QuantConfig, progress: Progress) -> Draft:
    """The program of least noise for weights whose widths are known."""
    if config.equalise:
        progress("Equalising channels", None)
        few, seen = guarded(few, seen, config)
    progress("Fitting weights", None)
    found = draft(few, seen, config)
    return search_scales(found, config, progress) if config.search else found


def for_host(program: Program, data: Calibration) -> Program:
    """`program` with formats of inputs and outputs in the units of the model, not of its equalised form."""
    formats = dict(program.formats)
    for name in {port.tensor for port in (*program.inputs, *program.outputs)} & set(data.factors):
        formats[name] = replace(formats[name], scale=formats[name].scale / float(data.factors[name][0]))
    return replace(program, formats=formats)


def _with_head(graph: fg.FloatGraph, head: Head) -> fg.FloatGraph:
    """Append an ArgMax to each output when the user wants the index rather than the logits."""
    if head is Head.LOGITS:
        return graph
    layers, outputs, shapes = list(graph.layers), [], dict(graph.shapes)
    for port in graph.outputs:
        shape = graph.shapes[port.tensor]
        if any(isinstance(layer, fg.ArgMax | fg.TopK) and layer.name == port.tensor for layer in layers):
            outputs.append(port)
            continue
        if shape[1:] != (1, 1):
            raise BadInput(
                f"--head argmax: output {port.onnx_name} has shape {shape}, expected a vector. Use --head logits."
            )
        name = sanitize(f"{port.tensor}_argmax", shapes)
        layers.append(fg.ArgMax(name=name, inputs=(port.tensor,), source=f"argmax of {port.onnx_name}"))
        shapes[name] = (1, 1, 1)
        outputs.append(fg.GraphOutput(port.onnx_name, name, (1,), np.zeros(1, np.int64)))
    return replace(graph.with_layers(tuple(layers), shapes), outputs=tuple(outputs))


def _wants_gradients(graph: fg.FloatGraph, config: QuantConfig) -> bool:
    return any(config.of(name).range is RangeMethod.OUTPUT for name in graph.shapes)


def _fitting(graph: fg.FloatGraph) -> int:
    """How many samples to fit weights on."""
    widest = max(int(np.prod(shape)) for shape in graph.shapes.values()) * 5  # float32 of the target, an integer
    return max(1, TRACE_BYTES // widest)


def _stimulus(program: Program, samples: Samples) -> dict[str, IntArray]:
    size = sum(int(np.prod(program.types[name].shape)) for name in samples)
    count = max(1, min(MAX_SAMPLES, SAMPLE_BYTES // size))
    return {
        name: program.formats[name].quantise(x[:count].transpose(0, 2, 3, 1), program.types[name])
        for name, x in samples.items()
    }
