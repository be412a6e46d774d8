"""`hwq simulate` on folders and large files: whole files only, whatever ends it, and the same ones in the end."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from e2e_models import CHANNELS, SIZE
from e2e_run import done, heed_interrupts, listing, refused, run_hwq

from hwq.api import streaming
from hwq.api.result_folder import JOURNAL
from hwq.ir import storage

COUNT = 6
SAMPLE_BYTES = 8 * (CHANNELS * SIZE * SIZE + 2 * 4)
"""Of the results of one sample of the tiny network."""


def samples(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, CHANNELS, SIZE, SIZE)).astype(np.float32)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of files of several sizes and kinds, with labels and a note in it."""
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(COUNT):
        arrays = {"x": samples(3 + 5 * number, number), "label": np.array([{}], object)}
        (np.savez if number % 2 else np.savez_compressed)(folder / f"s{2 * number}.npz", **arrays)
    np.save(folder / "all.npy", samples(7))
    (folder / "notes.txt").write_text("mine")
    return folder


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != JOURNAL}


def test_a_folder(data: Path, tiny_net: Path, tmp_path: Path) -> None:
    value = done("simulate", tiny_net, data, "-o", tmp_path / "out", "--json").json
    assert (value["files"], value["results"], value["skipped"]) == (7, 7, 0)
    assert value["samples"] == 7 + sum(3 + 5 * n for n in range(COUNT)) and value["seconds"] > 0
    assert listing(tmp_path / "out") == ["all.npz", JOURNAL, *sorted(f"s{2 * n}.npz" for n in range(COUNT))]
    for name in ("s2", "s10"):
        done("simulate", tiny_net, data / f"{name}.npz", "-o", tmp_path / "one.npz")
        assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "out" / f"{name}.npz").read_bytes()
    plain = done("simulate", tiny_net, data, "-o", tmp_path / "plain", "--plain").out
    assert results(tmp_path / "plain") == results(tmp_path / "out")
    assert "7 files, " in plain and "there already" not in plain


def test_files_in_natural_order_and_progress(data: Path, tiny_net: Path, tmp_path: Path) -> None:
    text = done("simulate", tiny_net, data, "-o", tmp_path / "out", "-v").err
    names = [line.split()[3] for line in text.splitlines() if "Simulating" in line]
    assert names == ["all.npy", *(f"s{2 * n}.npz" for n in range(COUNT))]
    assert "s10.npz (7 of 7)" in text


def test_nothing_is_done_twice(data: Path, tiny_net: Path, tmp_path: Path) -> None:
    words = ["simulate", tiny_net, data, "-o", tmp_path / "out"]
    done(*words)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.npz")}
    again = done(*words, "--json").json
    assert again["skipped"] == again["results"] == 7 and again["skipped_samples"] == again["samples"]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.npz")} == before
    np.save(data / "more.npy", samples(4, 9))
    assert "8 files" in (text := done(*words).out) and "7 of them, with" in text and "were there already" in text
    fresh = done(*words, "--fresh", "--json").json
    assert fresh["skipped"] == 0
    assert all(path.stat().st_mtime_ns != old for path, old in before.items())


def test_touched_files_are_compared_and_changed_ones_refused(data: Path, tiny_net: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["simulate", tiny_net, data, "-o", out]
    done(*words)
    with np.load(data / "s4.npz", allow_pickle=True) as old:
        x = old["x"]
    np.savez(data / "s4.npz", x=x, label=np.arange(3))
    os.utime(data / "s6.npz")
    assert done(*words, "--json").json["skipped"] == 7, "other labels and other dates are the same samples"
    x[5, 0, 0, 0] += 1
    np.savez(data / "s4.npz", x=x)
    np.save(data / "all.npy", samples(8))
    before = results(out)
    message = refused(2, *words)
    assert message.count("was made of other samples than") == 2 and "s4.npz" in message and "all.npy" in message
    assert results(out) == before
    (out / "s4.npz").unlink()
    (out / "all.npz").unlink()
    assert done(*words, "--json").json["skipped"] == 5
    assert results(out)["s4.npz"] != before["s4.npz"]
    (data / "s4.npz").unlink()
    assert "s4.npz: is a result of s4.npz that these data do not give" in refused(2, *words)


def test_results_of_something_else_are_refused(data: Path, tiny_net: Path, digits_net: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done("simulate", tiny_net, data, "-o", out)
    before = results(out)
    assert "holds results with plain False, expected True" in refused(
        2, "simulate", tiny_net, data, "-o", out, "--plain"
    )
    digits = tmp_path / "digits"
    digits.mkdir()
    np.save(digits / "d.npy", np.zeros((2, 1, 8, 8), np.float32))
    words = ["simulate", digits_net, digits, "-o", out]
    assert "holds results with " in (text := refused(2, *words)) and "--fresh" in text
    assert results(out) == before
    done(*words, "--fresh")
    assert list(results(out)) == ["d.npz"]


@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "no record", "torn record", "damaged record"])
def test_a_result_that_is_not_whole_is_made_again(damage: str, data: Path, tiny_net: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["simulate", tiny_net, data, "-o", out]
    done(*words)
    before, journal, victim = results(out), out / JOURNAL, out / "s10.npz"
    lines = journal.read_text().splitlines(keepends=True)
    content = victim.read_bytes()
    match damage:
        case "cut":
            victim.write_bytes(content[:-1])
        case "changed":
            victim.write_bytes(content[:100] + b"?" + content[101:])
        case "gone":
            victim.unlink()
        case "no record":
            journal.write_text("".join(lines[:-1]))
        case "torn record":
            journal.write_text("".join(lines)[:-20])
        case "damaged record":
            journal.write_text("".join([*lines[:-1], lines[-1].replace('"first": 0', '"first": "0"')]))
    (out / ".s10.npz.abcd_123").write_bytes(b"what a killed process leaves")
    assert done(*words, "--json").json["skipped"] == 6
    assert results(out) == before
    assert done(*words, "--json").json["skipped"] == 7


def test_parts_of_one_file(tiny_net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "big.npy", samples(50))
    np.savez(tmp_path / "big.npz", x=samples(50))
    done("simulate", tiny_net, tmp_path / "big.npy", "-o", tmp_path / "one.npz")
    monkeypatch.setattr(streaming, "PART_BYTES", 8 * SAMPLE_BYTES)
    for name in ("big.npy", "big.npz"):
        out = tmp_path / f"out-{name}"
        value = done("simulate", tiny_net, tmp_path / name, "-o", out, "--parts", "--json").json
        assert (value["files"], value["samples"], value["results"]) == (1, 50, 7)
        files = sorted(out.glob("*.npz"))
        assert [file.name for file in files] == [f"big.part{n:05}.npz" for n in range(7)]
        with np.load(tmp_path / "one.npz") as one:
            for array in one.files:
                assert np.array_equal(np.concatenate([np.load(file)[array] for file in files]), one[array])
    assert results(tmp_path / "out-big.npy") == results(tmp_path / "out-big.npz")
    for lost in (0, 3, 6):
        (out / f"big.part{lost:05}.npz").unlink()
    os.utime(tmp_path / "big.npz")
    assert done("simulate", tiny_net, tmp_path / "big.npz", "-o", out, "--parts", "--json").json["skipped"] == 4
    assert results(out) == results(tmp_path / "out-big.npy")


def small_parts(*words: object) -> list[str]:
    """The command line in a process of its own, with parts of eight samples."""
    script = (
        "import sys; from hwq.api import streaming; from hwq.cli import main; "
        f"streaming.PART_BYTES = {8 * SAMPLE_BYTES}; sys.exit(main())"
    )
    return [sys.executable, "-c", script, *map(str, words)]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["kill", "int", "term"]
)
@pytest.mark.parametrize("compressed", [False, True])
def test_a_run_that_is_ended_goes_on(
    number: signal.Signals, code: int, compressed: bool, tiny_net: Path, tmp_path: Path
) -> None:
    folder, out = tmp_path / "data", tmp_path / "out"
    folder.mkdir()
    for name in "abc":
        (np.savez_compressed if compressed else np.savez)(folder / name, x=samples(8 * 60, ord(name)))
    total = 3 * 60
    words = small_parts("simulate", tiny_net, folder, "-o", out, "--json")
    found = 0
    for least in (10, 70):
        with subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
        ) as process:
            while found < least:
                assert process.poll() is None
                time.sleep(0.002)
                found = len(list(out.glob("*.npz"))) if out.is_dir() else 0
            process.send_signal(number)
            assert process.stderr is not None and "Traceback" not in process.stderr.read()
        assert process.returncode == code
        found = len(list(out.glob("*.npz")))
        assert least <= found < total
        for path in out.glob("*.npz"):
            with np.load(path) as arrays:
                assert len(arrays["y.int"]) == 8
        if number != signal.SIGKILL:
            assert set(listing(out)) == {JOURNAL, *(path.name for path in out.glob("*.npz"))}
    last = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    assert found - 1 <= last["skipped"] <= found, "at most the result that was being recorded is made again"
    subprocess.run(small_parts("simulate", tiny_net, folder, "-o", tmp_path / "whole"), check=True)
    assert results(out) == results(tmp_path / "whole") and len(results(out)) == total


def test_two_processes_do_not_write_one_folder(data: Path, tiny_net: Path, tmp_path: Path) -> None:
    np.save(data / "a.npy", samples(8 * 2000))
    words = ["simulate", tiny_net, data, "-o", tmp_path / "out"]
    with subprocess.Popen(small_parts(*words), stdout=subprocess.DEVNULL) as process:
        while not list(tmp_path.glob("out/*.npz")):
            assert process.poll() is None
            time.sleep(0.01)
        assert "another hwq is writing results there" in refused(2, *words)
        process.terminate()


def _raise(error: BaseException) -> Callable[..., NoReturn]:
    def function(*_args: object, **_options: object) -> NoReturn:
        raise error

    return function


def test_disk_full(data: Path, tiny_net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["simulate", tiny_net, data, "-o", tmp_path / "out"]
    replace, left = os.replace, iter(range(4))

    def replace_some(*paths: Any) -> None:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(storage.os, "replace", replace_some)
        assert "cannot be written (No space left on device)" in refused_once(*words)
    assert listing(tmp_path / "out") == ["all.npz", JOURNAL, "s0.npz", "s2.npz"]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", _no_append(Path.open))
        assert f"{JOURNAL}: cannot be written" in refused_once(*words)
    assert done(*words, "--json").json["skipped"] == 3
    done("simulate", tiny_net, data, "-o", tmp_path / "whole")
    assert results(tmp_path / "out") == results(tmp_path / "whole")


def refused_once(*words: object) -> str:
    run = run_hwq(*words)
    assert run.code == 2 and "internal" not in run.err
    return run.err


def _no_append(original: Callable[..., Any]) -> Callable[..., Any]:
    def function(path: Path, mode: str = "r", **options: Any) -> Any:
        if mode == "a":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(path, mode, **options)

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
