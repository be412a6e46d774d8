"""`hwq vectors` on the command line: results in both forms, odd names, refusals, a full disk."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import numpy as np
import pytest
from e2e_models import CHANNELS, SIZE, normal, save_calib, save_model, tiny
from e2e_run import done, listing, refused
from test_odd_names import CASES

from hwq.emit.vector_files import GrowingFile
from hwq.emit.vector_folder import read_vectors


def test_program(tiny_net: Path, tiny_files: tuple[Path, Path], tmp_path: Path) -> None:
    """Eight samples of the calibration data, equal to what `hwq simulate` says."""
    text = done("vectors", tiny_net, "-o", tmp_path / "v", "--data", tiny_files[1]).out
    assert re.match(rf"{re.escape(str(tmp_path / 'v'))}: 8 frames of 4 streams as mem, npy, c, 0\.\d MiB\n", text)
    assert text.endswith(f"Next: see {tmp_path / 'v' / 'README.md'}\n")
    done("simulate", tiny_net, tiny_files[1], "-o", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as out:
        assert np.array_equal(np.load(tmp_path / "v" / "y.float.npy"), out["y"])
        assert np.array_equal(read_vectors(tmp_path / "v")["y"].reshape(8, -1), out["y.int"])
        index = np.load(tmp_path / "v" / "x.index.npy")
        stored = np.load(tmp_path / "v" / "x.npy")
        assert np.array_equal(stored.reshape(8, -1)[:, index], out["x.int"])


def test_json(tiny_net: Path, tmp_path: Path) -> None:
    words = ("--frames", 2, "--layers", "p*", "--formats", "npy,mem", "--lanes", "all")
    value = done("vectors", tiny_net, "-o", tmp_path / "v", *words, "--json").json
    assert value["output"] == str(tmp_path / "v") and value["frames"] == 2 and value["formats"] == ["mem", "npy"]
    assert [(entry["tensor"], entry["lanes"]) for entry in value["streams"]] == [("x", 2), ("pool", 3), ("y", 4)]
    files = [file for entry in value["streams"] for file in entry["files"].values()]
    assert value["bytes"] == sum((tmp_path / "v" / file["name"]).stat().st_size for file in files)


def test_build(tiny_build: Path, tmp_path: Path) -> None:
    value = done("vectors", tiny_build, "-o", tmp_path / "v", "--frames", 3, "--json").json
    for entry in value["streams"]:
        name = "m_axis" if entry["role"] == "output" else entry["tensor"]
        own = (tiny_build / "vectors" / f"{name}.mem").read_bytes()
        assert (tmp_path / "v" / entry["files"]["mem"]["name"]).read_bytes() == own
    assert [port["axis"] for port in value["ports"]] == ["s_axis", "m_axis"]


@pytest.mark.parametrize("names", CASES.values(), ids=CASES)
def test_odd_names(names: tuple[str, ...], tmp_path: Path) -> None:
    model = save_model(tmp_path, tiny(names))
    calib = save_calib(tmp_path, x=normal(8, CHANNELS, SIZE, SIZE))
    done("quantize", model, "--calib", calib, "-o", tmp_path / "n.hwq", "--effort", "fast")
    value = done("vectors", tmp_path / "n.hwq", "-o", tmp_path / "v", "--json").json
    assert [port["name"] for port in value["ports"]] == [names[0], names[-1]]
    assert len(read_vectors(tmp_path / "v")) == 4
    assert all(re.fullmatch(r"[A-Za-z]\w*\.(mem|npy|h|float\.npy|index\.npy|json|md)", name)
               for name in listing(tmp_path / "v"))  # fmt: skip


REFUSED = {
    "--formats mem,vcd": "--formats vcd: expected some of mem,npy,c",
    "--formats ,": "--formats : expected some of",
    "--lanes 0": "--lanes 0: expected at least 1, or all",
    "--lanes -1": "--lanes -1: expected a whole number, or all",
    "--lanes many": "--lanes many: expected a whole number, or all",
    "--layers conv7": "--layers conv7: matches no tensor of net",
    "--frames 0": "Invalid value for '--frames'",
    "--frames 1000000000000": "streams take up to",
    "--max-size 0": "Invalid value for '--max-size'",
    "--data none.npz": "none.npz: No such file or directory",
}


@pytest.mark.parametrize("words", REFUSED)
def test_refusals(words: str, tiny_net: Path, tmp_path: Path) -> None:
    assert REFUSED[words] in refused(2, "vectors", tiny_net, "-o", tmp_path / "v", *words.split())
    assert listing(tmp_path) == []


def test_other_refusals(tiny_net: Path, tiny_files: tuple[Path, Path], tiny_build: Path, tmp_path: Path) -> None:
    new = tmp_path / "v"
    assert "--frames 9: the data hold 8 samples" in refused(
        2, "vectors", tiny_net, "-o", new, "--data", tiny_files[1], "--frames", 9
    )
    assert "is a build, whose streams have their own" in refused(2, "vectors", tiny_build, "-o", new, "--lanes", 1)
    assert "holds no readable hwq-build.json" in refused(2, "vectors", tmp_path, "-o", new)
    assert "no such file" in refused(2, "vectors", tmp_path / "none.hwq", "-o", new)
    assert "carries no program" in refused(2, "vectors", tiny_files[0], "-o", new)
    np.savez(tmp_path / "nan.npz", x=np.full((1, CHANNELS, SIZE, SIZE), np.nan))
    assert "NaN" in refused(2, "vectors", tiny_net, "-o", new, "--data", tmp_path / "nan.npz")
    assert listing(tmp_path) == ["nan.npz"]


def test_folders_that_hold_something(tiny_net: Path, tiny_build: Path, tmp_path: Path) -> None:
    """A build is not replaced, nor are vectors: a testbench may have recorded there."""
    before = listing(tiny_build)
    assert "is not empty" in refused(2, "vectors", tiny_build, "-o", tiny_build)
    assert listing(tiny_build) == before
    done("vectors", tiny_net, "-o", tmp_path / "v")
    (tmp_path / "v" / "y.mem").write_text("recorded")
    assert "hwq replaces no vectors" in refused(2, "vectors", tiny_net, "-o", tmp_path / "v")
    assert (tmp_path / "v" / "y.mem").read_text() == "recorded"
    (tmp_path / "file").touch()
    assert "is not a folder" in refused(2, "vectors", tiny_net, "-o", tmp_path / "file")
    (tmp_path / "empty").mkdir()
    done("vectors", tiny_net, "-o", tmp_path / "empty")


def test_full_disk(tiny_net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add, calls = GrowingFile.add, [0]

    def full(file: GrowingFile, data: bytes) -> None:
        calls[0] += 1
        if calls[0] > 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(file, data)

    monkeypatch.setattr(GrowingFile, "add", full)
    message = refused(2, "vectors", tiny_net, "-o", tmp_path / "v")
    assert "cannot be written (No space left on device)" in message and calls[0] > 20
    assert listing(tmp_path) == []
