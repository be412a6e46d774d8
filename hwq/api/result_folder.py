"""A folder of result files and a journal of them, so that a run that was interrupted can go on where it stopped.

The journal has one line of JSON that says what makes the results, and one for each result file that is complete. A
line is added when the file stands at its place whole. So whatever ends the run, a line may be missing, never wrong.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hwq.errors import BadInput
from hwq.ir.storage import check_writable, save_arrays, write_atomically
from hwq.ir.temporary import target_of

JOURNAL = "hwq-results.jsonl"
"""A folder that holds this file was made by hwq, which may add and replace results in it."""
_FRESH = "Replace them with --fresh, or choose another output."


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the journal: a result file, and the samples that it was made of.

    `stamp` is what the system says of the source file (size, time of change, and the like); `inputs` is the SHA-256 of
    the samples as they were read, `result` that of the result file.
    """

    name: str
    source: str
    first: int
    samples: int
    stamp: str
    inputs: str
    result: str


class ResultFolder:
    """Result files in `folder`, and `records` of those that a journal vouches for."""

    def __init__(self, folder: Path, records: dict[str, Record]) -> None:
        self.folder, self.records = folder, records

    def is_whole(self, record: Record) -> bool:
        """True when the result file is there, to the last byte as it was written."""
        try:
            return file_digest(self.folder / record.name) == record.result
        except OSError:
            return False

    def save(self, record: Record, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write a result file, then its record, whose `result` is filled in.

        Raises
        ------
        BadInput
            When the disk is full or the folder cannot be written any more.
        """
        save_arrays(self.folder / record.name, arrays)
        values = {**asdict(record), "result": file_digest(self.folder / record.name)}
        self.append(Record(**values))

    def append(self, record: Record) -> None:
        """Add a line to the journal; a later line of the same file counts."""
        try:
            with (self.folder / JOURNAL).open("a", encoding="ascii") as file:
                file.write(_line(asdict(record)))
        except OSError as error:
            raise BadInput(
                f"{self.folder / JOURNAL}: cannot be written ({error.strerror}). Free the disk, and start again."
            ) from None
        self.records[record.name] = record


@contextmanager
def open_results(folder: Path, made_by: Mapping[str, Any], planned: set[str], fresh: bool) -> Iterator[ResultFolder]:
    """Make a folder of results, or open one to go on with it; no other process can do so meanwhile.

    Parameters
    ----------
    made_by
        All that the results depend on, except the data; a folder with another one is refused.
    planned
        Names of the result files.
    fresh
        Remove all results that are there.

    Raises
    ------
    BadInput
        When the folder holds something else, or results of another program, or cannot be written.
    """
    _check_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be made ({error.strerror}). Choose another output.") from None
    check_writable(folder / JOURNAL)
    with _locked(folder):
        header, records = _read(folder / JOURNAL)
        _remove_temporaries(folder, planned | {JOURNAL})
        if fresh:
            _remove_files(folder, planned | records.keys())
            records = {}
        elif (folder / JOURNAL).exists():
            _compare(folder, header, made_by)
            for record in records.values():
                if record.name not in planned:
                    raise BadInput(
                        f"{folder / record.name}: is a result of {record.source} that these data do not give. {_FRESH}"
                    )
        lines = [_line({"hwq_results": dict(made_by)}), *(_line(asdict(record)) for record in records.values())]
        write_atomically(folder / JOURNAL, "".join(lines).encode())
        try:
            yield ResultFolder(folder, records)
        finally:
            _remove_temporaries(folder, planned | {JOURNAL})


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_folder(folder: Path) -> None:
    """Refuse what is no folder, and a folder of something else."""
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder}: is not a folder, expected a folder or nothing. Choose another output.")
    if folder.is_dir() and not (folder / JOURNAL).is_file():
        others = sorted(path.name for path in folder.iterdir() if not _is_temporary(path.name, {JOURNAL}))
        if others:
            raise BadInput(
                f"{folder}: holds {others[0]!r} and no results of hwq, expected an empty or new folder, or one that "
                "an earlier run made. Choose another output."
            )


def _read(journal: Path) -> tuple[dict[str, Any], dict[str, Record]]:
    """First line and records; a line that is no record is dropped, so that its result is made again."""
    if not journal.exists():
        return {}, {}
    first, *rest = [_parse(line) for line in journal.read_bytes().splitlines()] or [{}]
    types = {field.name: int if field.name in ("first", "samples") else str for field in fields(Record)}
    records = {}
    for values in rest:
        if values.keys() == types.keys() and all(type(values[name]) is kind for name, kind in types.items()):
            record = Record(**values)
            if Path(record.name).name == record.name and record.name.endswith(".npz"):
                records[record.name] = record
    header = first.get("hwq_results")
    return header if isinstance(header, dict) else {}, records


def _parse(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value) + "\n"


def _compare(folder: Path, header: Mapping[str, Any], made_by: Mapping[str, Any]) -> None:
    """Refuse results that something else made."""
    if not header:
        raise BadInput(f"{folder / JOURNAL}: its first line is damaged, so its results cannot be told. {_FRESH}")
    for key, expected in made_by.items():
        if header.get(key) != expected:
            raise BadInput(
                f"{folder}: holds results with {key} {header.get(key)!r:.80}, expected {expected!r}. {_FRESH}"
            )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes out; the lock goes with this process, whatever ends it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise BadInput(
            f"{folder}: another hwq is writing results there. Wait for it, or choose another output."
        ) from None
    except OSError:
        pass  # Some network file systems have no locks.
    try:
        yield
    finally:
        os.close(handle)


def _is_temporary(name: str, targets: set[str]) -> bool:
    """True for a file that `write_atomically` leaves when it is killed while it writes one of `targets`."""
    return target_of(name) in targets


def _remove_files(folder: Path, names: set[str]) -> None:
    """Remove those that are there; the names may be any text, which no file can have."""
    for path in folder.iterdir():
        if path.name in names and not path.is_dir():
            path.unlink(missing_ok=True)


def _remove_temporaries(folder: Path, targets: set[str]) -> None:
    for path in folder.iterdir():
        if _is_temporary(path.name, targets):
            path.unlink(missing_ok=True)
