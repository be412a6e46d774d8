"""diff: where two forms of one network begin to differ, and by how much, tensor by tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwq.errors import BadInput, refuse_all
from hwq.frontend.data import Data
from hwq.ir.types import Format, Shape
from hwq.quant import Progress, silent
from hwq.verify.align import Pair, align
from hwq.verify.diff_own import OwnErrors
from hwq.verify.diff_stats import Statistics
from hwq.verify.traces import FloatTrace, StoredTrace, Trace, Values

CHUNK_BYTES = 64 << 20
"""What all tensors of both sides may take at a time, as float64."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: its name, what it is, and the digest of its program, "" where it has none."""

    name: str
    what: str
    digest: str


@dataclass(frozen=True, slots=True)
class LayerDiff:
    """One tensor.

    Attributes
    ----------
    statistics
        None where only one side has the tensor, or the recording ended before it; `only` says which, ``a`` or ``b``.
    own_db
        SQNR of what the layer makes of its integer inputs, against what the float network makes of the same; None where
        there is no error or it was not measured.
    origin
        For integers: the tensor differs, and nothing that it is made from does.
    note
        ``scaled`` where channels have been scaled, lowered or removed on one side, and the other was brought to that.
    """

    name: str
    kind: str
    shape: Shape
    inputs: tuple[str, ...]
    only: str = ""
    statistics: Statistics | None = None
    own_db: float | None = None
    origin: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Diff:
    """The result: side a is the reference; `exact` tells that integers were compared, not real values."""

    a: Side
    b: Side
    exact: bool
    samples: int
    layers: tuple[LayerDiff, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def first(self) -> LayerDiff | None:
        """The first tensor whose integers differ."""
        found = (layer for layer in self.layers if layer.statistics and layer.statistics.different)
        return next(found, None) if self.exact else None

    @property
    def missing(self) -> int:
        """Elements that one side lacks of tensors that both have."""
        return sum(layer.statistics.missing for layer in self.layers if layer.statistics)

    @property
    def passed(self) -> bool:
        """False where integers should be equal and are not, or are missing."""
        return not self.exact or (self.first is None and not self.missing)


def compare(a: Trace, b: Trace, data: Data | None = None, progress: Progress = silent) -> Diff:
    """Compare two traces of one network.

    Parameters
    ----------
    a, b
        Side a is the reference; a float model is always that.
    data
        Inputs: an npz file, or arrays by input name, batch first.  Not needed where a side brings them.
    progress
        Is told each step.

    Raises
    ------
    BadInput
        When the two are not of one network, or there are no inputs for them.
    """
    if b.tensors and not b.exact and a.exact:
        a, b = b, a
    pairs, exact = align(a, b)
    feed = _stimulus(a, b, data)
    count = len(next(iter(feed.values())))
    compared = [pair for pair in pairs if pair.views]
    found = {pair.name: Statistics(exact, pair.step) for pair in compared}
    own = OwnErrors.between(a, b, compared)
    size = _chunk(a, b)
    for start in range(0, count, size):
        progress(f"Comparing {count} samples", start / count)
        part = {name: x[start : start + size] for name, x in feed.items()}
        values = a.values(part, start), b.values(part, start)
        for pair in compared:
            _update(found[pair.name], pair, values, start)
        if own is not None:
            own.update(*values)
    decibels = own.decibels() if own is not None else {}
    layers = tuple(_layer(a, b, pair, found, decibels) for pair in pairs)
    return Diff(_side(a), _side(b), exact, count, layers, _outputs(a, b), tuple(_notes(a, b, exact, count)))


def _update(found: Statistics, pair: Pair, values: tuple[dict[str, Values], dict[str, Values]], start: int) -> None:
    assert pair.views is not None and pair.a is not None and pair.b is not None
    found.update(pair.views[0](values[0][pair.a]), pair.views[1](values[1][pair.b]), start)


def _layer(
    a: Trace, b: Trace, pair: Pair, found: Mapping[str, Statistics], own: Mapping[str, float | None]
) -> LayerDiff:
    shape = a.tensors[pair.a].shape if pair.a else b.tensors[pair.b or ""].shape
    shape = b.tensors[pair.b].shape if pair.b else shape
    if pair.views is None:
        return LayerDiff(pair.name, pair.kind, shape, pair.inputs, "a" if pair.a else "b")
    statistics = found[pair.name]
    before = [found[name] for name in pair.inputs if name in found]
    origin = statistics.exact and statistics.different > 0 and not any(one.different for one in before)
    return LayerDiff(
        pair.name, pair.kind, shape, pair.inputs, "", statistics, own.get(pair.name), origin, pair.note
    )  # fmt: skip


def _stimulus(a: Trace, b: Trace, data: Data | None) -> dict[str, NDArray[np.float64]]:
    """Real values of the inputs, by tensor: those of `data`, or else those that a side brings."""
    shapes = [{name: tensor.shape for name, tensor in trace.inputs.items()} for trace in (a, b)]
    if shapes[0] != shapes[1]:
        raise BadInput(f"{a.name} has the inputs {shapes[0]}, {b.name} {shapes[1]}, expected those of one network.")
    stored = [trace for trace in (a, b) if trace.sent is not None]
    given = None if data is None else a.samples(data) or b.samples(data)
    if data is not None and given is None:
        raise BadInput(f"{a.name} and {b.name} bring their own inputs, expected no other data. Leave the data out.")
    if not stored:
        if given is None:
            raise BadInput(f"{a.name} and {b.name}: neither brings inputs, expected data. Add DATA.npz.")
        return given
    brought = [_sent(trace, b if trace is a else a) for trace in stored]
    count = min(len(x) for real in brought for x in real.values())
    if given is None:
        return {name: x[:count] for name, x in brought[0].items()}
    given = {name: x[:count] for name, x in given.items()}
    refuse_all([line for trace in stored for line in _differing(trace, given, count)])
    return given


def _sent(trace: Trace, other: Trace) -> dict[str, NDArray[np.float64]]:
    forms = {name: tensor.format or other.tensors[name].format or Format(1.0) for name, tensor in trace.inputs.items()}
    return {name: forms[name].dequantise(x.astype(np.int64)) for name, x in (trace.sent or {}).items()}


def _differing(trace: Trace, given: Mapping[str, NDArray[np.float64]], count: int) -> list[str]:
    """Inputs that are not those that a stored trace was made with."""
    lines = []
    for name, sent in (trace.sent or {}).items():
        tensor, x = trace.tensors[name], given[name]
        assert tensor.type is not None
        form = tensor.format
        if len(x) < count or (
            form and not np.array_equal(form.quantise(x, tensor.type, tensor.rounding), sent[:count])
        ):
            lines.append(
                f"{trace.name}: was made with other samples of {name} than the data, expected the same ones, from the "
                "first. Give that data, or leave it out."
            )
    return lines


def _chunk(a: Trace, b: Trace) -> int:
    """Samples at a time."""
    elements = sum(int(np.prod(tensor.shape)) for trace in (a, b) for tensor in trace.tensors.values())
    return max(1, CHUNK_BYTES // (8 * elements))


def _outputs(a: Trace, b: Trace) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*a.outputs, *b.outputs)))


def _side(trace: Trace) -> Side:
    return Side(trace.name, trace.what, trace.digest)


def _notes(a: Trace, b: Trace, exact: bool, count: int) -> list[str]:
    """What a reader must know besides the rows."""
    notes = []
    if a.digest and b.digest and a.digest != b.digest:
        notes.append("The two come from different programs.")
    if a.exact and b.exact and not exact:
        notes.append("Scales or zero points differ: real values are compared, not integers.")
    for trace, other in ((a, b), (b, a)):
        if trace.forms is None and isinstance(other, FloatTrace):
            notes.append(
                f"{trace.name} does not say whether channels were scaled or removed; if they were, their layers seem "
                "to be far off."
            )
        if isinstance(trace, StoredTrace):
            notes += _incomplete(trace, count)
    return notes


def _incomplete(trace: StoredTrace, count: int) -> list[str]:
    """Streams of a recording that carried less or more than the samples compared."""
    notes = []
    sent = len(next(iter(trace.stimulus.values())))
    if sent > count:
        notes.append(f"{trace.name} has {sent} samples, of which {count} are compared.")
    for name, stream in trace.streams.items():
        size = int(np.prod(trace.tensors[name].shape))
        if stream.elements != sent * size:
            notes.append(f"{trace.name}: {name} carried {stream.elements / size:.2f} of {sent} frames.")
    return notes
