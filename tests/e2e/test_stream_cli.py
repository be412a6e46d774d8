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
from typing import Any

import numpy as np
import pytest
from e2e_run import done, heed_interrupts, listing, refused, run_hwq
from e2e_stream import COUNT, SAMPLE_BYTES, results, samples

from hwq.api import streaming
from hwq.api.result_folder import JOURNAL
from hwq.ir import storage


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
    assert "holds results with engine 'fast', expected 'plain'" in refused(
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
    (out / ".s10.npz.hwq-abcd_123").write_bytes(b"what a killed process leaves")
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
