"""Data sets larger than memory: batch by batch in Python, or from files to files and resumed after an interruption."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.api.result_folder import Record, ResultFolder, open_results
from hwq.api.simulating import Engine, engine_named, input_ports, prepare
from hwq.errors import BadInput, refuse_all
from hwq.frontend.data import Data, Port, SampleFile, check_arrays, load_arrays, open_samples
from hwq.frontend.stream import Array, readable
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.quant.progress import Progress, silent
from hwq.version import __version__

PART_BYTES = 1 << 26
"""Results of one part, in bytes of memory; what is in use at a time is a small multiple of it."""
SUFFIXES = (".npz", ".npy")
"""Files of a folder that are data; others are left alone."""


@dataclass(frozen=True, slots=True)
class Part:
    """`samples` samples from `first` on, and the name of the file of their results."""

    name: str
    first: int
    samples: int


@dataclass(frozen=True, slots=True)
class Job:
    """A file of samples, and the parts of `size` samples (the last may be shorter) in which it is simulated."""

    source: SampleFile
    size: int
    parts: tuple[Part, ...]

    @property
    def path(self) -> Path:
        """The file."""
        return self.source.file.path

    def read(self, names: Collection[str]) -> Iterator[tuple[Part, dict[str, Array]]]:
        """Those parts whose results are among `names`, with their arrays."""
        wanted = {part.first: part for part in self.parts if part.name in names}
        if wanted:
            for first, arrays in self.source.pieces(self.size, wanted.__contains__):
                yield wanted[first], arrays

    def stamp(self) -> str:
        """What the system says of the file; none of it stays the same when the content changes."""
        with readable(self.path):
            found = self.path.stat()
        return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_dev} {found.st_ino}"

    def record(self, part: Part, arrays: Mapping[str, Array], stamp: str) -> Record:
        """The journal's line for `part`, without its result."""
        return Record(part.name, self.path.name, part.first, part.samples, stamp, _digest(arrays), "")


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """What `simulate_files` did: numbers of data files, samples and result files, and how many were there already."""

    output: Path
    files: int
    samples: int
    results: int
    skipped: int
    skipped_samples: int


def simulate_stream(
    program: Program, batches: Iterable[Data], engine: Engine | str = Engine.FAST
) -> Iterator[dict[str, NDArray[Any]]]:
    """Bit-accurate results of one batch after the other, each when it is asked for.

    Parameters
    ----------
    batches
        What `simulate` takes as data, any number of times: arrays by input name, batch first, of any and varying batch
        size. A batch is taken when its results are asked for, and nothing is kept of it.
    engine
        As for `simulate`.

    Yields
    ------
    dict
        What `simulate` returns, for each batch in order.

    Raises
    ------
    BadInput
        As `simulate`, with the number of the batch, from 0.
    """
    if isinstance(batches, Mapping | str | Path):
        raise BadInput("batches: is one batch, expected several. Put it into a list, or call simulate.")
    run, ports = prepare(program, engine), input_ports(program)
    for number, batch in enumerate(batches):
        who = f"batch {number}"
        if isinstance(batch, Mapping):
            arrays = check_arrays(who, batch, ports)
        elif isinstance(batch, str | Path):
            arrays = _load(who, batch, ports)
        else:
            raise BadInput(f"{who}: is a {type(batch).__name__}, expected arrays by input name. Give a dict.")
        yield run(arrays)


def simulate_files(
    program: Program,
    data: str | Path,
    output: str | Path,
    engine: Engine | str = Engine.FAST,
    fresh: bool = False,
    progress: Progress = silent,
) -> StreamSummary:
    """Bit-accurate results of many or large files, as files in a folder, in bounded memory.

    Results that are there already, of the same program and the same samples, are kept: after an interruption the same
    call goes on. Each file gives a result file NAME.npz, or NAME.part00000.npz and so on where its results would take
    more than `PART_BYTES`.

    Parameters
    ----------
    data
        An npz or npy file, or a folder of such files.
    output
        A new or empty folder, or one that an earlier call made.
    engine
        As for `simulate`.
    fresh
        Replace the results that are there.
    progress
        Is told the file and the share of all samples that is done.

    Raises
    ------
    BadInput
        Before any work, with every file that does not suit the model; when results of another program or of other data
        are there; or with the file, array and sample of a value that the model does not take.
    """
    data, output = Path(data), Path(output)
    engine = engine_named(engine)
    progress("Checking the data", None)
    jobs = [_job(program, source) for source in _sources(data, output, input_ports(program))]
    _refuse_same_names(jobs)
    run = prepare(program, engine, progress)
    parts = [part for job in jobs for part in job.parts]
    digest = serial.digest(program)
    made_by = {"version": __version__, "program": program.name, "digest": digest, "engine": engine.value}
    with open_results(output, made_by, {part.name for part in parts}, fresh) as results:
        progress("Checking the results that are there", None)
        refusals: list[str] = []
        done = {name for job in jobs for name in _done(results, job, refusals)}
        refuse_all(refusals)
        left = {part.name for part in parts} - done
        total = sum(part.samples for part in parts)
        skipped = finished = sum(part.samples for part in parts if part.name in done)
        for number, job in enumerate(jobs):
            stamp = job.stamp()
            for part, arrays in job.read(left):
                progress(f"Simulating {job.path.name} ({number + 1} of {len(jobs)})", finished / total)
                results.save(job.record(part, arrays, stamp), run(arrays))
                finished += part.samples
    return StreamSummary(output, len(jobs), total, len(parts), len(done), skipped)


def samples_at_once(program: Program) -> int:
    """Samples whose results take about `PART_BYTES`: eight bytes for each input, and twice that for each output."""
    size = sum(port.index.size for port in program.inputs) + 2 * sum(port.index.size for port in program.outputs)
    return max(1, PART_BYTES // (8 * size))


def _load(who: str, path: str | Path, ports: Sequence[Port]) -> dict[str, Array]:
    try:
        return load_arrays(path, ports)
    except BadInput as error:
        raise BadInput("\n".join(f"{who}: {line}" for line in str(error).splitlines())) from None


def _sources(data: Path, output: Path, ports: Sequence[Port]) -> list[SampleFile]:
    """All files of samples in natural order, their headers checked."""
    if not data.is_dir():
        return [open_samples(data, ports)]
    folder, target = data.resolve(), output.resolve()
    if folder == target or folder in target.parents:
        raise BadInput(f"{output}: lies in the folder of the data, expected one elsewhere. Choose another output.")
    paths = [path for path in data.iterdir() if path.suffix in SUFFIXES and not path.name.startswith(".")]
    if not paths:
        raise BadInput(f"{data}: holds no npz or npy file, expected at least one. Check the path.")
    refusals: list[str] = []
    sources: list[SampleFile] = []
    for path in sorted(paths, key=lambda path: (_natural(path.name), path.name)):
        try:
            with readable(path):
                inside = folder in path.resolve().parents
            if not inside:
                raise BadInput(f"{path}: is a link out of the folder, expected a file in it. Copy the file")
            sources.append(open_samples(path, ports))
        except BadInput as error:
            refusals.append(str(error))
    refuse_all(refusals)
    return sources


def _natural(name: str) -> list[tuple[int, str]]:
    """Key of an order in which x9 stands before x10.

    Examples
    --------
    >>> sorted(["x10", "x9", "x"], key=_natural)
    ['x', 'x9', 'x10']
    """
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d+)", name)]


def _job(program: Program, source: SampleFile) -> Job:
    size, stem = samples_at_once(program), source.file.path.stem
    if source.samples <= size:
        return Job(source, size, (Part(f"{stem}.npz", 0, source.samples),))
    parts = (
        Part(f"{stem}.part{number:05}.npz", first, min(size, source.samples - first))
        for number, first in enumerate(range(0, source.samples, size))
    )
    return Job(source, size, tuple(parts))


def _refuse_same_names(jobs: Sequence[Job]) -> None:
    owners: dict[str, Job] = {}
    refusals = [
        f"{job.path}: its results would be {part.name}, like those of {owners[part.name].path}, "
        "expected another name. Rename one of the files"
        for job in jobs
        for part in job.parts
        if owners.setdefault(part.name, job) is not job
    ]
    refuse_all(refusals)


def _done(results: ResultFolder, job: Job, refusals: list[str]) -> set[str]:
    """Names of the results that are there and whole; those of other samples are added to `refusals`.

    As long as the system says that the file has not been touched, its samples are those of the journal. Else they are
    read and compared.
    """
    stamp = job.stamp()
    found = {part.name: results.records.get(part.name) for part in job.parts}
    whole = {name: record for name, record in found.items() if record is not None and results.is_whole(record)}
    touched = {
        part.name
        for part in job.parts
        if part.name in whole
        and (whole[part.name].stamp, whole[part.name].first, whole[part.name].samples)
        != (stamp, part.first, part.samples)
    }
    for part, arrays in job.read(touched):
        record = replace(job.record(part, arrays, stamp), result=whole[part.name].result)
        if replace(record, stamp="") == replace(whole[part.name], stamp=""):
            results.append(record)
        else:
            refusals.append(
                f"{results.folder / part.name}: was made of other samples than {job.path} holds now. Remove it to "
                "have it made again, replace all with --fresh, or choose another output"
            )
    return set(whole)


def _digest(arrays: Mapping[str, Array]) -> str:
    """SHA-256 over names, types, shapes and values."""
    state = hashlib.sha256()
    for name, array in arrays.items():
        state.update(f"{name!r} {array.dtype.str} {array.shape}\n".encode("utf-8", "surrogatepass"))
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()
