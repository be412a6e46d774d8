"""Integers that are given to a simulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.errors import BadInput
from hwq.ir.program import Program
from hwq.sim.chunks import Tensors

Integers = NDArray[Any]


def checked_inputs(program: Program, inputs: Mapping[str, Integers]) -> Tensors:
    """The inputs of `program`, each in the type of its tensor.

    Parameters
    ----------
    inputs
        Input tensor name to integers (batch, height, width, channels) of any integer type.

    Raises
    ------
    BadInput
        When an input is missing, of another shape or type, or holds what its type does not.
    """
    return {name: _checked(program, name, inputs) for name in program.input_types}


def samples_of(given: Tensors) -> int:
    """The number of samples of all inputs."""
    counts = {name: len(x) for name, x in given.items()}
    if len(set(counts.values())) > 1:
        raise BadInput(f"numbers of samples differ ({counts}), expected the same for every input.")
    return next(iter(counts.values()))


def _checked(program: Program, name: str, inputs: Mapping[str, Integers]) -> Integers:
    """The input `name` in the type of its tensor, or a refusal."""
    type_ = program.types[name]
    if name not in inputs:
        raise BadInput(f"input {name}: missing, expected integers {type_} for each sample.")
    x = np.asarray(inputs[name])
    if x.dtype.kind not in "iu" or x.shape[1:] != type_.shape:
        raise BadInput(f"input {name}: {x.dtype} of shape {x.shape}, expected integers (n, {type_.shape}).")
    low, high = type_.range
    narrow = x.dtype == type_.dtype and type_.bits in (8, 16)
    if x.size and not narrow and not (low <= x.min() and x.max() <= high):
        raise BadInput(f"input {name}: holds {x.min()} to {x.max()}, expected {low} to {high} as {type_} has.")
    return x.astype(type_.dtype, copy=False)
