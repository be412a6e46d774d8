"""Score: how many samples with labels a network puts into the right class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hwq.api.simulating import simulate
from hwq.arith import IntArray
from hwq.errors import BadInput
from hwq.frontend.data import MAX_BYTES
from hwq.frontend.stream import survey
from hwq.ir.program import Program

LABELS = ("label", "labels")
"""Names of the array with the class of each sample."""


def read_labels(path: Path) -> IntArray:
    """The class of each sample, from an npz file that also has the model's inputs.

    Raises
    ------
    BadInput
        When the file cannot be read, or has no array of whole numbers called `label`.
    """
    try:
        file = survey(path, LABELS)
        name = next((name for name in LABELS if name in file.headers), None)
        if name is None:
            found = ", ".join(file.names)
            raise BadInput(f"{path}: found {found:.200}, expected an array called label.")
        labels = file.headers[name]
        if len(labels.shape) != 1 or not labels.shape[0] or labels.dtype.kind not in "iu":
            raise BadInput(
                f"{path}: {name} is {labels.dtype} of shape {labels.shape}, expected the number of a class for each "
                "sample."
            )
        if labels.nbytes > MAX_BYTES:
            raise BadInput(f"{path}: unpacks to {labels.nbytes} bytes, expected at most {MAX_BYTES}.")
        ((_, arrays),) = file.pieces([name], labels.shape[0])
    except BadInput as error:
        raise BadInput(f"--labels {error}") from None
    return arrays[name].astype(np.int64)


def score(program: Program, path: Path) -> float:
    """The share, from 0 to 1, of the samples in `path` whose largest output is that of their label.

    Of equal outputs the first counts.  An output of one element is the number of the class itself.

    Raises
    ------
    BadInput
        As `read_labels` and `simulate`; also when the network has several outputs, or not one sample for each label.
    """
    labels = read_labels(path)
    if len(program.outputs) != 1:
        raise BadInput(f"--labels: {program.name} has {len(program.outputs)} outputs, expected one, of classes.")
    (port,) = program.outputs
    out = simulate(program, path)[f"{port.name}.int"]
    values = out.reshape(len(out), -1)
    if len(values) != len(labels):
        raise BadInput(f"--labels {path}: {len(labels)} labels for {len(values)} samples, expected one for each.")
    classes = values[:, 0] if values.shape[1] == 1 else values.argmax(axis=1)
    return float((classes == labels).mean())
