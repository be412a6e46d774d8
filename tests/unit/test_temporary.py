"""What is written beside its place: leftovers of killed processes go, what others are writing stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hwq.emit import folder as folders
from hwq.emit.folder import ASIDE, MARKER, new_folder
from hwq.errors import BadInput
from hwq.ir import temporary
from hwq.ir.storage import check_writable, write_atomically
from hwq.ir.temporary import exchange, new_beside, remove_leftovers

WAIT = """
import sys
from pathlib import Path
from hwq.ir.temporary import new_beside
with new_beside(Path(sys.argv[1]), sys.argv[2] == "folder") as path:
    (path / "half" if path.is_dir() else path).write_text("half")
    print(path, flush=True)
    sys.stdin.read()
"""


@contextmanager
def writing(target: Path, kind: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that has begun to write `target`, and the path at which it does."""
    words = [sys.executable, "-c", WAIT, str(target), kind]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
        process.kill()


@pytest.fixture(params=["exchange", "steps"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems that can let two paths change places, and others."""
    if request.param == "steps":
        monkeypatch.setattr(folders, "exchange", lambda _one, _other: False)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_only_what_nobody_writes_is_removed(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "net.hwq"
    with writing(target, kind) as (process, path):
        (tmp_path / ".net.hwq.mine").touch()
        (tmp_path / ".other.hwq-abcdefgh").touch()
        remove_leftovers(target)
        assert path.exists(), "it is being written"
        process.send_signal(signal.SIGKILL)
        process.wait()
        remove_leftovers(target)
        assert _names(tmp_path) == [".net.hwq.mine", ".other.hwq-abcdefgh"]


def test_the_next_file_and_the_next_folder_remove_leftovers(tmp_path: Path) -> None:
    for kind in ("file", "folder"):
        with writing(tmp_path / "out", kind) as (process, _path):
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert len(_names(tmp_path)) == 1
        if kind == "file":
            check_writable(tmp_path / "out")
            assert _names(tmp_path) == []
    with new_folder(tmp_path / "out") as folder:
        (folder / MARKER).touch()
    assert _names(tmp_path) == ["out"]


def test_a_place_that_was_taken_for_a_leftover_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody removes the new file between its making and its lock."""
    lock, taken = temporary.fcntl.flock, []

    def slow(handle: int, how: int) -> None:
        if not taken:
            taken.append(_names(tmp_path)[0])
            (tmp_path / taken[0]).unlink()
        lock(handle, how)

    monkeypatch.setattr(temporary.fcntl, "flock", slow)
    write_atomically(tmp_path / "out", b"whole")
    assert len(taken) == 1 and (tmp_path / "out").read_bytes() == b"whole" and _names(tmp_path) == ["out"]


def test_two_paths_change_places(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system cannot")
    assert _names(tmp_path / "a") == ["b"] and _names(tmp_path / "b") == ["a"]
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "a", tmp_path / "c")


def test_a_folder_set_aside_returns(tmp_path: Path) -> None:
    """A process was killed between the two steps of a move, and the next one fails."""
    target = tmp_path / "b"
    with new_beside(target, folder=True, mark=ASIDE) as aside:
        (aside / MARKER).write_text("old")
        os.rename(aside, tmp_path / "kept")
    os.rename(tmp_path / "kept", aside)
    with pytest.raises(BadInput, match="No space"), new_folder(target):
        raise OSError(28, "No space left on device")
    assert _names(tmp_path) == ["b"] and (target / MARKER).read_text() == "old"


@pytest.mark.usefixtures("ways")
def test_what_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    """A folder of the user's that came to the target's place while the work ran."""
    target = tmp_path / "b"
    with pytest.raises(BadInput, match="was not made by hwq"), new_folder(target) as folder:
        (folder / MARKER).touch()
        target.mkdir()
        (target / "thesis.txt").write_text("mine")
    assert _names(tmp_path) == ["b"] and _names(target) == ["thesis.txt"]


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("old", [False, True])
def test_many_write_one_folder_at_once(old: bool, tmp_path: Path) -> None:
    target, wrong = tmp_path / "b", []
    ready = threading.Barrier(6)

    def write(number: int) -> None:
        try:
            for turn in range(20):
                with new_folder(target) as folder:
                    (folder / MARKER).touch()
                    for name in range(5):
                        (folder / str(name)).write_text(f"{number} {turn}")
                    if not turn:
                        ready.wait()
        except Exception as error:
            wrong.append(error)

    if old:
        with new_folder(target) as folder:
            (folder / MARKER).touch()
    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and _names(tmp_path) == ["b"]
    assert len({(target / str(name)).read_text() for name in range(5)}) == 1
