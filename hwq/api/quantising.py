"""Models to integers: quantise, analyse, explore."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hwq.errors import BadInput
from hwq.frontend import read
from hwq.frontend.cut import WHOLE, Cut, samples_at
from hwq.frontend.data import Data, Samples, load_samples
from hwq.frontend.graph import FloatGraph
from hwq.frontend.quantised import is_quantised, read_quantised
from hwq.ir.program import Program
from hwq.passes import simplify
from hwq.quant import Progress, QuantConfig, silent
from hwq.quant import quantize as quantize_graph
from hwq.quant.analysis import Analysis
from hwq.quant.analysis import analyze as analyze_graph
from hwq.quant.explore import Front
from hwq.quant.explore import explore as explore_graph
from hwq.quant.weight_only import WeightOnly
from hwq.quant.weight_only import weight_only as weight_only_graph


def quantize(
    model: str | Path,
    calib: Data,
    config: QuantConfig | None = None,
    progress: Progress = silent,
    part: Cut = WHOLE,
) -> Program:
    """The integer program of an ONNX model; one that is quantised already keeps its integers and takes no options.

    Parameters
    ----------
    model
        The ONNX file, or an int8 TFLite file.
    calib
        Calibration data: an npz file, or arrays by input name, batch first.
    config
        Options.
    progress
        Is told each step.
    part
        The part of the model to take; samples of its inputs are computed by onnxruntime where `calib` has those of the
        whole model.

    Raises
    ------
    BadInput
        With every reason for which the model or the data cannot be used.
    """
    if is_quantised(model):
        _refuse_options(model, config or QuantConfig(), part)
        progress("Reading the quantised model", None)
        return read_quantised(model, calib)
    return quantize_graph(*_read(model, calib, progress, part), config, progress)


def analyze(model: str | Path, calib: Data, config: QuantConfig | None = None, progress: Progress = silent) -> Analysis:
    """What each layer of the integer program of a model loses, and which one to give more bits.

    Parameters and errors are those of `quantize`.
    """
    return analyze_graph(*_read(model, calib, progress), config, progress)


def weight_only(
    model: str | Path, calib: Data, config: QuantConfig | None = None, progress: Progress = silent
) -> WeightOnly:
    """What a model loses when its weights are quantised and its activations stay floats; a study, not for hardware.

    Parameters and errors are those of `quantize`.
    """
    return weight_only_graph(*_read(model, calib, progress), config, progress)


def explore(
    model: str | Path,
    calib: Data,
    averages: Sequence[float],
    config: QuantConfig | None = None,
    measure: bool = False,
    progress: Progress = silent,
) -> Front:
    """What a model loses as its weights get fewer bits: widths by layer for each average, and one width for all layers.

    Parameters
    ----------
    model, calib, config, progress
        As for `quantize`; `config` has no budget.
    averages
        Bits of a weight, on average over what ``config.cost`` says.
    measure
        Quantise at every point, and measure; else the losses are predicted.

    Raises
    ------
    BadInput
        As `quantize`, or when no average can be kept.
    """
    return explore_graph(*_read(model, calib, progress), config or QuantConfig(), averages, measure, progress)


def _refuse_options(model: str | Path, config: QuantConfig, part: Cut) -> None:
    """Refuse what has no effect on a model that is quantised already."""
    usual = QuantConfig().describe()
    given = [f"--{name.replace('_', '-')}" for name, value in config.describe().items() if value != usual.get(name)]
    given += [str(part)] if part != WHOLE else []
    if given:
        raise BadInput(
            f"{model}: is quantised already, by quantisers of its own, so {', '.join(given)} would have no effect. "
            "Leave these options out."
        )


def _read(model: str | Path, calib: Data, progress: Progress, part: Cut = WHOLE) -> tuple[FloatGraph, Samples]:
    progress("Reading the model", None)
    graph = simplify(read(model, part))
    return graph, load_samples(samples_at(model, part, calib), graph)
