"""Programs to vectors, for testbenches, drivers and boards of the user."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hwq.api.loading import load_program
from hwq.emit.folder import check_target
from hwq.emit.generate import DEFAULT_FRAMES
from hwq.emit.vector_files import FORMATS
from hwq.emit.vector_set import Lanes, Stimulus, check_new, check_size, streams, write_vectors
from hwq.emit.vectors import SEED, stimulus
from hwq.errors import BadInput
from hwq.frontend.data import Data, load_arrays
from hwq.hw.plan import Plan
from hwq.ir.program import Program, quantise_inputs
from hwq.quant import Progress, silent
from hwq.verify.check import open_build

MAX_BYTES = 1 << 30
"""Bytes that the files of a folder may take unless the user allows more."""


def vectors(
    net: Program | str | Path,
    target: str | Path,
    data: Data | None = None,
    frames: int | None = None,
    layers: Sequence[str] | None = None,
    formats: Collection[str] = FORMATS,
    lanes: Lanes | None = None,
    max_bytes: int = MAX_BYTES,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Write stimulus and expected streams of every layer into the folder `target`; docs/vectors.md describes it.

    Parameters
    ----------
    net
        A program, the path of one, or a build folder: then the words are those of the hardware's streams.
    data
        Inputs: an npz file, or arrays by input name, batch first. Without, the samples that the program carries, then
        uniformly random integers.
    frames
        Samples to write; by default all of `data`, or 4 without data.
    layers
        Shell patterns for the names of inner tensors; all of them when None, none when empty.
    formats
        Of ``mem``, ``npy``, ``c``.
    lanes
        Channels a word, or ``all`` channels of a pixel; 1 by default. A build has its own.
    max_bytes
        What the files may take.
    progress
        Is told each step.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    BadInput
        When the folder is not new or empty, an option or the data cannot be used, or the files would be too large.
    """
    check_new(Path(target))
    check_target(Path(target))
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        raise BadInput(f"--formats {','.join(unknown)}: expected some of {','.join(FORMATS)}.")
    if frames is not None and frames < 1:
        raise BadInput(f"--frames {frames}: expected at least 1.")
    if lanes is not None and lanes != "all" and lanes < 1:
        raise BadInput(f"--lanes {lanes}: expected at least 1, or all.")
    progress("Reading the program", None)
    opened = _open(net, lanes)
    program = opened.program if isinstance(opened, Plan) else opened
    chosen = streams(opened, lanes or 1, layers)
    given = None if data is None else _samples(program, data, frames)
    count = frames or (len(next(iter(given.values()))) if given else DEFAULT_FRAMES)
    check_size(program, chosen, count, formats, max_bytes)
    if given is None or data is None:
        entering = _random(program, count)
    else:
        entering = Stimulus(quantise_inputs(program, given), given, _origin(data))
    return write_vectors(opened, Path(target), chosen, entering, formats, progress)


def _open(net: Program | str | Path, lanes: Lanes | None) -> Program | Plan:
    if isinstance(net, Program):
        return net
    if not Path(net).is_dir():
        return load_program(net)
    if lanes is not None:
        raise BadInput(f"--lanes {lanes}: {net} is a build, whose streams have their own. Leave --lanes out.")
    return open_build(Path(net)).plan


def _random(program: Program, frames: int) -> Stimulus:
    """The samples that the program carries, then random ones."""
    integers = stimulus(program, frames)
    real = {
        port.name: program.formats[port.tensor].dequantise(port.from_tensor(integers[port.tensor]))
        for port in program.inputs
    }
    stored = min(frames, max((len(x) for x in program.samples.values()), default=0))
    return Stimulus(integers, real, {"kind": "samples of the program, then random", "stored": stored, "seed": SEED})


def _samples(program: Program, data: Data, frames: int | None) -> dict[str, NDArray[Any]]:
    """The first `frames` of the user's data, by input name."""
    arrays = load_arrays(data, [(port.name, port.dtype, port.index.shape) for port in program.inputs])
    found = len(next(iter(arrays.values())))
    if frames is not None and frames > found:
        raise BadInput(f"--frames {frames}: the data hold {found} samples. Ask for fewer, or add samples.")
    return {name: x[:frames] for name, x in arrays.items()}


def _origin(data: Data) -> dict[str, Any]:
    """Where the user's data come from, without a path."""
    if not isinstance(data, str | Path):
        return {"kind": "arrays"}
    with Path(data).open("rb") as file:
        return {"kind": "file", "name": Path(data).name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
