"""`hwq simulate` refuses broken files, folders that are not its own and damaged journals, and touches nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from e2e_run import done, listing, refused
from e2e_stream import SAMPLE_BYTES, results, samples

from hwq.api import streaming
from hwq.api.result_folder import JOURNAL


def _raise(error: BaseException) -> Callable[..., NoReturn]:
    def function(*_args: object, **_options: object) -> NoReturn:
        raise error

    return function


def broken(folder: Path) -> None:
    """Files with one fault each."""
    good = samples(4)
    np.savez(folder / "shape.npz", x=good[:, :1])
    np.savez(folder / "name.npz", image=good)
    np.savez(folder / "text.npz", x=good.astype(str))
    np.savez(folder / "objects.npz", x=np.array([{}, None], object))
    np.savez(folder / "empty.npz", x=good[:0])
    np.save(folder / "long.npy", good)
    with (folder / "long.npy").open("ab") as file:
        np.save(file, good)
    np.save(folder / "cut.npy", good)
    (folder / "cut.npy").write_bytes((folder / "cut.npy").read_bytes()[:-8])
    (folder / "junk.npz").write_bytes(b"junk")
    (folder / "folder.npz").mkdir()
    os.mkfifo(folder / "pipe.npz")
    np.save(folder.parent / "outside.npy", good)
    (folder / "link.npy").symlink_to(folder.parent / "outside.npy")
    (folder / "loop.npy").symlink_to(folder / "loop.npy")
    (folder / "nowhere.npy").symlink_to(folder / "none.npy")
    np.savez(folder / "same.npz", x=good)
    (folder / "inside.npz").symlink_to("same.npz")


BROKEN = {
    "shape.npz": "array 'x': shape (4, 1, 4, 4), expected (n,2,4,4)",
    "name.npz": "holds 'image', expected an array 'x'",
    "text.npz": "array 'x': type <U",
    "objects.npz": "never unpickled",
    "empty.npz": "no samples",
    "long.npy": "holds more than one array",
    "cut.npy": "is cut short: 504 bytes of data, expected 512",
    "junk.npz": "not an npz archive, expected one",
    "folder.npz": "Is a directory",
    "pipe.npz": "is a device or a pipe",
    "link.npy": "is a link out of the folder",
    "loop.npy": "loop",
    "nowhere.npy": "No such file",
}


def test_every_broken_file_is_named_before_any_work(
    data: Path, tiny_net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(data)
    monkeypatch.setattr(streaming.Job, "read", _raise(AssertionError("the work began")))
    message = refused(2, "simulate", tiny_net, data, "-o", tmp_path / "out")
    lines = message.splitlines()
    assert len(lines) == len(BROKEN)
    for name, text in BROKEN.items():
        assert [text in line for line in lines if f"data/{name}" in line] == [True], name
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_bad_value_in_the_middle(
    value: float, data: Path, tiny_net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "PART_BYTES", 8 * SAMPLE_BYTES)
    x = samples(30, 4)
    x[21, 1, 2, 3] = value
    np.savez(data / "s4.npz", x=x)
    words = ["simulate", tiny_net, data, "-o", tmp_path / "out"]
    message = refused(2, *words)
    assert "s4.npz, array 'x': " in message and "NaN or infinity" in message and "the first is in sample 21" in message
    assert sorted(results(tmp_path / "out")) == [
        "all.npz", "s0.npz", "s2.npz", "s4.part00000.npz", "s4.part00001.npz",
    ]  # fmt: skip
    x[21, 1, 2, 3] = 0
    np.savez(data / "s4.npz", x=x)
    assert done(*words, "--json").json["skipped"] == 5, "the samples before the bad one are the same"


def test_folders_that_cannot_be_used(data: Path, tiny_net: Path, tmp_path: Path) -> None:
    def message(out: Path, source: Path = data) -> str:
        return refused(2, "simulate", tiny_net, source, "-o", out)

    (tmp_path / "other").mkdir()
    assert "holds no npz or npy file" in message(tmp_path / "out", tmp_path / "other")
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    before = listing(tmp_path)
    assert "other: holds 'thesis.txt' and no results of hwq" in message(tmp_path / "other")
    assert "thesis.txt: is not a folder" in message(tmp_path / "other" / "thesis.txt")
    assert "cannot be made" in message(tmp_path / "other" / "thesis.txt" / "out")
    assert "lies in the folder of the data" in message(data) and "lies in" in message(data / "deep" / "out")
    assert "cannot be made" in message(Path("/proc/out"))
    assert "No such file" in refused(2, "simulate", tiny_net, tmp_path / "none", "-o", tmp_path / "o", "--parts")
    assert "--fresh: was given with one file" in refused(
        2, "simulate", tiny_net, data / "s0.npz", "-o", tmp_path / "o", "--fresh"
    )
    np.save(data / "s0.npy", samples(2))
    assert "s0.npz: its results would be s0.npz, like those of" in message(tmp_path / "out")
    (data / "s0.npy").unlink()
    assert listing(tmp_path) == before


@pytest.mark.parametrize("first", [b"", b"\xff\xfe", b"[1]", b'{"hwq_results": 3}'])
def test_a_damaged_journal(first: bytes, data: Path, tiny_net: Path, tmp_path: Path) -> None:
    words = ["simulate", tiny_net, data, "-o", tmp_path / "out"]
    done(*words)
    journal = tmp_path / "out" / JOURNAL
    journal.write_bytes(first + b"\n" + b"\n".join(journal.read_bytes().splitlines()[1:]))
    before = results(tmp_path / "out")
    assert f"{JOURNAL}: its first line is damaged" in refused(2, *words)
    done(*words, "--fresh")
    assert results(tmp_path / "out") == before


def test_a_journal_names_no_file_elsewhere(data: Path, tiny_net: Path, tmp_path: Path) -> None:
    words = ["simulate", tiny_net, data, "-o", tmp_path / "out"]
    done(*words)
    (tmp_path / "mine.npz").write_bytes(b"mine")
    journal = tmp_path / "out" / JOURNAL
    lines = journal.read_text().splitlines()
    for name in ("../mine.npz", str(tmp_path / "mine.npz")):
        lines.append(json.dumps({**json.loads(lines[-1]), "name": name}))
    journal.write_text("\n".join(lines))
    done(*words, "--fresh")
    assert (tmp_path / "mine.npz").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["9" * 300 + ".npz", "a\0b.npz", "folder.npz"])
def test_a_journal_names_what_no_result_is(name: str, data: Path, tiny_net: Path, tmp_path: Path) -> None:
    words = ["simulate", tiny_net, data, "-o", tmp_path / "out"]
    done(*words)
    before = results(tmp_path / "out")
    journal = tmp_path / "out" / JOURNAL
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([*lines, json.dumps({**json.loads(lines[-1]), "name": name})]))
    (tmp_path / "out/folder.npz").mkdir()
    assert "that these data do not give" in refused(2, *words)
    done(*words, "--fresh")
    (tmp_path / "out/folder.npz").rmdir()
    assert results(tmp_path / "out") == before
