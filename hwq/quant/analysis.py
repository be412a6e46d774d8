"""Analysis: what each layer of a quantised network loses, how well it uses its integers, and where bits are missing.

The parts of the final error are predicted to first order: the squared rounding error of a tensor or of a layer's
weights, times the squared gradient of the outputs there (see `sensitivity`), errors taken as independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from hwq.arith import Interval
from hwq.frontend import graph as fg
from hwq.ir.program import Program
from hwq.ops import Linear
from hwq.ops.coding import Codebook
from hwq.ops.requantised import Requantised
from hwq.quant.advice import Advice, Parts, advices
from hwq.quant.calibration import BATCH, Calibration
from hwq.quant.config import QuantConfig
from hwq.quant.errors import SignalToNoise, decibel
from hwq.quant.fitting import as_rows
from hwq.quant.formats import choose_formats
from hwq.quant.observers import Survey, observe
from hwq.quant.pipeline import Draft, fitted
from hwq.quant.progress import Progress, silent
from hwq.quant.quantize import Samples, for_host, quantised
from hwq.quant.sharing import keeps_format
from hwq.quant.watch import Watch, share_of, stops
from hwq.quant.weights import Fit
from hwq.quant.widths import with_bits
from hwq.sim.certificate import certify
from hwq.sim.single import chunk_size

TRIED = 3
"""Parts with the largest shares that are tried with more bits."""


@dataclass(frozen=True, slots=True)
class LayerAnalysis:
    """One input or layer; what it has not is None, and so is the ratio of an error that is zero.

    Shares are 0 to 1.  `saturated` values are real values beyond the integers' range whose integers are at its end;
    `at_clip` are those that the activation holds at a bound.  `used_range` is the part of the integers between the
    lowest and the highest that occur, `acc_used` that part of the accumulator's exact bound.  `weight_share` and
    `rounding_share` are parts of the predicted squared error of the outputs.
    """

    name: str
    kind: str
    source: str
    weight_bits: int | None
    stored_bits: int | None
    weight_sqnr_db: float | None
    type: str
    scale: float
    zero_point: int
    sqnr_db: float | None
    saturated: float
    at_clip: float | None
    used_range: float
    acc_bits: int | None
    acc_bound: Interval | None
    acc_seen: Interval | None
    acc_used: float | None
    weight_share: float | None
    rounding_share: float | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """A quantised network on `samples` calibration samples.

    `measured_db` is the signal-to-noise ratio of the outputs, `predicted_db` what the parts add up to; None without an
    error.  `advice` is the best of the `TRIED` that were followed.
    """

    name: str
    options: dict[str, Any]
    samples: int
    measured_db: float | None
    predicted_db: float | None
    layers: tuple[LayerAnalysis, ...]
    advice: Advice | None = None

    @property
    def helps(self) -> bool:
        """Whether the error was lower when the advice was followed."""
        if self.advice is None or self.measured_db is None:
            return False
        return self.advice.sqnr_db is None or self.advice.sqnr_db > self.measured_db

    @property
    def conclusion(self) -> str:
        """Which layer should get more bits, in one sentence."""
        if self.helps:
            return str(self.advice)
        if self.measured_db is None:
            return "The outputs have no error."
        return "More bits in any of the layers with the largest shares do not lower the error."


def analyze(
    graph: fg.FloatGraph, samples: Samples, config: QuantConfig | None = None, progress: Progress = silent
) -> Analysis:
    """Quantise a simplified float graph and tell what each layer loses.

    Parameters
    ----------
    graph, samples, config, progress
        As for `hwq.quant.quantize`; channels that slimming would remove are still there.

    Raises
    ------
    BadInput
        As `hwq.quant.quantize`.
    """
    config = config or QuantConfig()
    found = quantised(graph, samples, config, progress)
    config = settled(config, found.fits)
    progress("Measuring each layer", None)
    seen = found.seen if found.seen.gains else observe(found.data, gradients=True)
    result = analysis_of(found, seen, config)
    shares = {row.name: (row.weight_share, row.rounding_share) for row in result.layers}
    followed = []
    for number, advice in enumerate(advices(found.data.graph, shares, config)[:TRIED]):
        progress("Trying more bits", number / TRIED)
        followed.append((_noise_after(found, advice.followed(config)), advice))
    if not followed:
        return result
    noise, advice = min(followed, key=lambda pair: pair[0])
    return replace(result, advice=replace(advice, sqnr_db=decibel(1.0, noise)))


def analysis_of(found: Draft, seen: Survey, config: QuantConfig) -> Analysis:
    """The analysis of a draft, without advice; `seen` has gradients."""
    data, program = found.data, found.program
    clips = {layer.name: fg.clip_of(layer) for layer in data.graph.layers}
    watches = {}
    for name in data.tensors:
        form, type_ = program.formats[name], program.types[name]
        watches[name] = Watch(type_, form, stops(clips.get(name, fg.Clip()), form, type_))
    ratio = SignalToNoise()
    _run(program, data, watches, ratio)
    parts = predicted(found, seen)
    total = math.fsum(part or 0.0 for pair in parts.values() for part in pair)
    decibels = ratio.decibels()
    energy = math.fsum(ratio.signal[name] for name in data.judged) / data.count
    shares = {name: (_share(weights, total), _share(rounding, total)) for name, (weights, rounding) in parts.items()}
    rows = [_row(found, name, watches[name], decibels[name], shares[name]) for name in data.tensors]
    return Analysis(
        program.name,
        config.describe(),
        data.count,
        decibel(1.0, found.noise),
        decibel(energy, total),
        tuple(rows),
    )


def settled(config: QuantConfig, fits: dict[str, Fit]) -> QuantConfig:
    """`config` with the widths of weights that a budget in it led to."""
    if not config.mixed:
        return config
    widths = {}
    for name, found in fits.items():
        widths[name] = found.stored_bits if isinstance(found.coding, Codebook) else found.bits
    return with_bits(config, widths)


def _noise_after(found: Draft, config: QuantConfig) -> float:
    """Noise with the widths of `config`; the scales of tensors whose width stays are kept."""
    chosen = choose_formats(found.data.graph, found.seen.tensors, config)
    formats = {name: old if old.bits == chosen[name].bits else chosen[name] for name, old in found.formats.items()}
    return fitted(found.data, found.seen, formats, config).noise


def predicted(found: Draft, seen: Survey) -> dict[str, Parts]:
    """Squared error of the outputs, for one sample, from the weights and from the rounding of each tensor."""
    makers = {layer.name: layer for layer in found.data.graph.layers}
    parts: dict[str, Parts] = {}
    for name in found.data.tensors:
        weights = rounding = None
        if name in found.fits:
            weights = float((found.fits[name].error * seen.gains.get(name, 0.0)).sum())
        if name not in makers or not keeps_format(makers[name]):
            rounding = seen.rounding_error(name, found.program.formats[name], found.program.types[name].range)
        parts[name] = weights, rounding
    return parts


def weight_ratio(layer: fg.Conv | fg.Dense, found: Fit) -> float | None:
    """Signal-to-noise ratio of the integer weights of `layer`, in dB."""
    weight = as_rows(layer)
    error = weight - found.integers * found.scales[:, None]
    return decibel(float((weight**2).sum()), float((error**2).sum()))


def _run(program: Program, data: Calibration, watches: dict[str, Watch], ratio: SignalToNoise) -> None:
    """Let `watches` and `ratio` see every tensor, a few samples at a time."""
    certificates = {op.name: certify(program, op) for op in program.ops}
    for reals in data.batches(data.tensors, min(BATCH, chunk_size(program))):
        values = {
            name: program.formats[name].quantise(reals[name], type_) for name, type_ in program.input_types.items()
        }
        for op in program.ops:
            xs = [values[name] for name in op.inputs]
            watch = watches.get(op.name)
            values[op.name] = watch.execute(op, certificates[op.name], xs) if watch else op.evaluate(*xs)
        for name, watch in watches.items():
            watch.update(reals[name], values[name])
            ratio.update(name, reals[name], program.formats[name].dequantise(values[name]))


def _row(found: Draft, name: str, watch: Watch, sqnr_db: float | None, shares: Parts) -> LayerAnalysis:
    program, data = found.program, found.data
    form, type_ = for_host(program, data).formats[name], program.types[name]
    op = next((op for op in program.ops if op.name == name), None)
    layer = next((layer for layer in data.graph.layers if layer.name == name), None)
    bound = op.accumulator(*program.input_intervals(op)) if op else None
    return LayerAnalysis(
        name=name,
        kind=op.kind if op else "input",
        source=layer.source if layer else "",
        weight_bits=op.weight_bits if isinstance(op, Linear) else None,
        stored_bits=op.stored_bits if isinstance(op, Linear) else None,
        weight_sqnr_db=weight_ratio(layer, found.fits[name]) if isinstance(layer, fg.Conv | fg.Dense) else None,
        type=f"{'s' if type_.signed else 'u'}{type_.bits}",
        scale=form.scale,
        zero_point=form.zero_point,
        sqnr_db=sqnr_db,
        saturated=watch.saturated / watch.count,
        at_clip=None if watch.stops == (None, None) else watch.stopped / watch.count,
        used_range=watch.used_range,
        acc_bits=op.acc_bits if isinstance(op, Requantised) else None,
        acc_bound=bound,
        acc_seen=watch.accumulators,
        acc_used=share_of(watch.accumulators, bound),
        weight_share=shares[0],
        rounding_share=shares[1],
    )


def _share(part: float | None, total: float) -> float | None:
    return None if part is None else part / total if total else 0.0
