"""Calibration: the float network's tensors over the samples, a few samples at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hwq.frontend import graph as fg
from hwq.frontend.reference import FloatReference

BATCH = 16
"""Samples at a time, where they are small."""
BATCH_BYTES = 128 << 20
"""All tensors of the samples that are handled at a time take this much at most."""
CACHE_BYTES = 128 << 20
"""How much of the float network's tensors is kept at a time."""

BLOCKS = 16
"""Blocks of consecutive samples that are shared out between two halves."""

Floats = NDArray[np.float32]
Factors = dict[str, NDArray[np.float64]]
"""What each channel of each tensor was multiplied by."""
Offsets = dict[str, NDArray[np.float64]]
"""What each channel of some tensors was lowered by, before it was multiplied by its factor."""


def halves(count: int) -> NDArray[np.int64]:
    """Which half each of `count` samples belongs to, 0 or 1: of `BLOCKS` blocks 0 1 1 0 0 1 1 0 0 and so on.

    Neighbours are often alike, as the frames of a recording are; apart, they would say too little of samples to come.
    """
    block = np.arange(count) * min(BLOCKS, count) // count
    found: NDArray[np.int64] = (block + 1) // 2 % 2
    return found


def in_form(
    x: Floats, factors: NDArray[np.float64] | None, offsets: NDArray[np.float64] | None, clip: bool = True
) -> Floats:
    """`x` (..., channels) lowered by `offsets`, and with `clip` cut off at zero then, and times `factors`."""
    if offsets is not None:
        x = x - offsets.astype(np.float32)
        x = np.maximum(x, np.float32(0.0)) if clip else x
    return x if factors is None else x * factors.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A float graph with calibration samples, (n, channels, height, width) for each input tensor.

    Tensors are given as float32 (n, height, width, channels).  `reference` runs the network as it was read; where
    `graph` is another form of it, channel c of a tensor t is ``max(t - offsets[t][c], 0)`` times ``factors[t][c]``,
    and before the activation ``t - offsets[t][c]`` times that.
    """

    graph: fg.FloatGraph
    samples: dict[str, NDArray[np.floating]]
    reference: FloatReference
    factors: Factors = field(default_factory=dict)
    offsets: Offsets = field(default_factory=dict)
    _cached: dict[str, Floats] = field(init=False, default_factory=dict, compare=False)

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(next(iter(self.samples.values())))

    @property
    def tensors(self) -> list[str]:
        """All tensors but indices."""
        indices = {layer.name for layer in self.graph.layers if isinstance(layer, fg.ArgMax | fg.TopK)}
        return [name for name in self.graph.shapes if name not in indices]

    @property
    def judged(self) -> list[str]:
        """The tensors whose error counts: the outputs, and of an index the values that it was chosen from."""
        makers = {layer.name: layer for layer in self.graph.layers}
        names = []
        for port in self.graph.outputs:
            maker = makers.get(port.tensor)
            names.append(maker.inputs[0] if isinstance(maker, fg.ArgMax | fg.TopK) else port.tensor)
        return list(dict.fromkeys(names))

    def some(self, count: int) -> Calibration:
        """The same over `count` samples at most, spread evenly."""
        chosen = np.arange(min(count, self.count)) * self.count // min(count, self.count)
        return replace(self, samples={name: x[chosen] for name, x in self.samples.items()})

    def half(self, which: int) -> Calibration:
        """The same over one half of the samples, numbered 0 or 1; see `halves`."""
        chosen = halves(self.count) == which
        return replace(self, samples={name: x[chosen] for name, x in self.samples.items()})

    def equalised(self, graph: fg.FloatGraph, factors: Factors) -> Calibration:
        """The same network in another form: channel c of tensor t is ``factors[t][c]`` times what it was."""
        return replace(self, graph=graph, factors=factors)

    def absorbed(self, graph: fg.FloatGraph, offsets: Offsets) -> Calibration:
        """The same network in another form, not equalised yet: channel c of tensor t is ``offsets[t][c]`` lower."""
        return replace(self, graph=graph, offsets=offsets)

    def in_form_of(self, other: Calibration) -> Calibration:
        """The same samples with the network in the form that it has in `other`."""
        return replace(self, graph=other.graph, factors=other.factors, offsets=other.offsets)

    def batches(self, tensors: list[str], most: int = BATCH) -> Iterator[dict[str, Floats]]:
        """`tensors` of some samples at a time, at `most` so many; ``name + ":pre"`` is a layer before its clip."""
        sample = sum(4 * int(np.prod(shape)) for shape in self.graph.shapes.values())
        size = max(1, min(most, BATCH_BYTES // sample))
        for start in range(0, self.count, size):
            batch = {name: x[start : start + size] for name, x in self.samples.items()}
            found = self.reference.run(batch, tensors)
            yield {name: self._formed(name, x.transpose(0, 2, 3, 1)) for name, x in found.items()}

    def tensor(self, name: str) -> Floats:
        """One tensor over all samples; those of the linear layers that follow are kept for the next calls."""
        if name not in self._cached:
            self._fetch(name)
        return self._cached.pop(name)

    def _formed(self, name: str, x: Floats) -> Floats:
        tensor = name.removesuffix(":pre")
        return in_form(x, self.factors.get(tensor), self.offsets.get(tensor), clip=name == tensor)

    def _fetch(self, name: str) -> None:
        order = [f"{layer.name}:pre" for layer in self.graph.layers if isinstance(layer, fg.Conv | fg.Dense)]
        start = order.index(name) if name in order else len(order)
        wanted, size = [name], self._bytes(name)
        for later in order[start + 1 :]:
            size += self._bytes(later)
            if size > CACHE_BYTES:
                break
            wanted.append(later)
        parts = list(self.batches(wanted))
        self._cached.clear()
        self._cached.update({key: np.concatenate([part[key] for part in parts]) for key in wanted})

    def _bytes(self, name: str) -> int:
        return 4 * self.count * int(np.prod(self.graph.shapes[name.removesuffix(":pre")]))
