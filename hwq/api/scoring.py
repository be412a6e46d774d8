"""Score: how many samples with labels a network puts into the right class."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from hwq.api.simulating import simulate
from hwq.arith import IntArray
from hwq.errors import BadInput
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
        with np.load(path, allow_pickle=False) as file:
            names = list(getattr(file, "files", []))
            found = next((np.asarray(file[name]) for name in LABELS if name in names), None)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise BadInput(f"--labels {path}: cannot be read ({error!s:.120}), expected an npz file.") from None
    if found is None:
        raise BadInput(f"--labels {path}: found {', '.join(names) or 'one array'}, expected an array called label.")
    if found.ndim != 1 or not len(found) or found.dtype.kind not in "iu":
        raise BadInput(
            f"--labels {path}: label is {found.dtype} of shape {found.shape}, expected the number of a class for "
            "each sample."
        )
    return found.astype(np.int64)


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
