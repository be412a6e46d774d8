"""Rewrites from `FloatGraph` to `FloatGraph` that change no output beyond float rounding."""

from __future__ import annotations

from collections.abc import Callable

from hwq.frontend.graph import FloatGraph
from hwq.passes.constant_operands import constant_operands
from hwq.passes.dead_code import dead_code
from hwq.passes.fold_batch_norm import (
    batch_norm_to_conv,
    fold_into_consumers,
    fold_into_producer,
    merge_batch_norms,
)
from hwq.passes.fold_pad import fold_pad
from hwq.passes.fuse_activation import fuse_activation, merge_activations
from hwq.passes.fuse_functions import fuse_functions
from hwq.passes.merge_averages import merge_averages

Pass = Callable[[FloatGraph], FloatGraph]

PASSES: tuple[Pass, ...] = (
    constant_operands,
    merge_activations,
    merge_batch_norms,
    fold_into_producer,
    fold_into_consumers,
    fuse_activation,
    fold_pad,
    merge_averages,
    fuse_functions,
    dead_code,
)
"""Passes in the order in which they run; each returns the same object when it finds nothing to do."""


def simplify(graph: FloatGraph) -> FloatGraph:
    """Run `PASSES` until none finds anything, with what is left of batch normalisation turned into Conv."""
    return _until_stable(batch_norm_to_conv(_until_stable(graph)))


def _until_stable(graph: FloatGraph) -> FloatGraph:
    while True:
        before = graph
        for rewrite in PASSES:
            graph = rewrite(graph)
        if graph is before:
            return graph
