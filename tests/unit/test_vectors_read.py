"""Reading folders of vectors back: hwq's own and recorded ones; whatever is damaged or leads elsewhere is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets import tensor
from vector_net import FRAMES, NET, expected, stream

from hwq import api
from hwq.emit.vector_folder import MANIFEST, read_manifest, read_vectors
from hwq.emit.vector_words import lane_values, read_words
from hwq.errors import BadInput
from hwq.hw.pack import hex_words
from hwq.verify import tools


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    api.vectors(NET, tmp_path / "v", frames=FRAMES)
    return tmp_path / "v"


@pytest.mark.parametrize("lanes", [1, 2, 3, "all"])
def test_reading_back(lanes: Any, tmp_path: Path) -> None:
    api.vectors(NET, tmp_path / "v", frames=FRAMES, lanes=lanes)
    for _ in ("npy", "mem"):
        got = read_vectors(tmp_path / "v")
        assert list(got) == list(NET.types)
        assert all(x.dtype == np.int64 and np.array_equal(x, expected()[name]) for name, x in got.items())
        for path in (tmp_path / "v").glob("*.npy"):
            path.unlink()


@pytest.mark.icarus
def test_what_writememh_recorded(tmp_path: Path) -> None:
    """`$writememh` of Icarus has comments with addresses; a wider memory has leading zeros."""
    api.vectors(NET, tmp_path / "v", lanes=2)
    manifest = read_manifest(tmp_path / "v")
    count = FRAMES * stream(manifest, "c")["beats"]
    text = f'reg [15:0] m[0:{count - 1}]; initial begin $readmemh("c.mem", m); $writememh("../r/c.mem", m); end'
    (tmp_path / "v" / "copy.sv").write_text(f"module copy; {text} endmodule\n")
    (tmp_path / "r").mkdir()
    shutil.copy(tmp_path / "v" / MANIFEST, tmp_path / "r")
    iverilog, vvp = (str(tools.require(name).path) for name in ("iverilog", "vvp"))
    for command in ([iverilog, "-g2012", "-o", "copy.vvp", "copy.sv"], [vvp, "-N", "copy.vvp"]):
        finished = tools.run(command, cwd=tmp_path / "v", timeout=60)
        assert finished.returncode == 0, finished.output
    assert "//" in (tmp_path / "r" / "c.mem").read_text()
    (name, got), *others = read_vectors(tmp_path / "r").items()
    assert (name, others) == ("c", []) and np.array_equal(got, expected()["c"])


def test_lanes_of_wide_words() -> None:
    values = np.random.default_rng(3).integers(-4096, 4096, (700, 1001))
    assert np.array_equal(lane_values(hex_words(values, 13), 1001, 13, True), values)


@pytest.mark.parametrize(
    "text", ["21\n03\n54\n06\n", "2_1 // both\n\nxX3\n54 f6 // 0xx\n", "0021 X3 0054 z6", "21\n13\n54\nF6"]
)
def test_idle_lanes_may_hold_anything(text: str, tmp_path: Path) -> None:
    (tmp_path / "w.mem").write_text(text)
    got = read_words(tmp_path / "w.mem", tensor(2, 1, 3, bits=4, signed=False), 2, 1)
    assert got.tolist() == [[[[1, 2, 3]], [[4, 5, 6]]]]


BAD_WORDS = {
    "21\n03\n5x\n06\n": r"w\.mem, line 3: the word 5x has unknown bits",
    "21 03\n54\nfz": r"line 3: the word fz has unknown bits",
    "21\n// a\n03 // b\n54\nfg": r"line 5: 'fg' is no word of 8 bits",
    "21\n103\n54\n06": r"line 2: '103' is no word of 8 bits",
    "21\n-3\n54\n06": r"line 2: '-3' is no word",
    "21\n@3\n54\n06": r"line 2: '@3' is no word",
    "21\n03\n54\n": r"holds 3 words, expected 4 words: 1 frames of 4 beats",
    "21\n03\n54\n06\n0\n": r"holds 5 words, expected 4",
    "": r"holds 0 words, expected 4",
    "21\n03\n54\n0\u0666": r"cannot be read as text",
    "0" * 10_000: r"holds 10000 bytes, expected 4 words",
}


@pytest.mark.parametrize("text", BAD_WORDS, ids=range(len(BAD_WORDS)))
def test_bad_words_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "w.mem").write_text(text)
    with pytest.raises(BadInput, match=BAD_WORDS[text]):
        read_words(tmp_path / "w.mem", tensor(2, 1, 3, bits=4, signed=False), 2, 1)


Edit = Callable[[dict[str, Any]], object]
STREAM: dict[str, Edit] = {
    "version": lambda m: m.update(hwq_vectors=2),
    "no frames": lambda m: m.pop("frames"),
    "frames 0": lambda m: m.update(frames=0),
    "frames true": lambda m: m.update(frames=True),
    "frames text": lambda m: m.update(frames="4"),
    "too many": lambda m: m.update(frames=1 << 29),
    "no streams": lambda m: m.update(streams=[]),
    "streams null": lambda m: m.update(streams=None),
    "twice": lambda m: m["streams"].append(m["streams"][0]),
    "shape": lambda m: m["streams"][0].update(shape=[4, 4]),
    "negative": lambda m: m["streams"][0].update(shape=[-4, -4, 2]),
    "bits": lambda m: m["streams"][0].update(bits=33),
    "signed": lambda m: m["streams"][0].update(signed=None),
    "lanes": lambda m: m["streams"][0].update(lanes=3),
    "beats": lambda m: m["streams"][0].update(beats=31),
    "name": lambda m: m["streams"][0].update(tensor="../a"),
    "name null": lambda m: m["streams"][0].update(tensor=None),
    "files": lambda m: m["streams"][0].update(files=[]),
    "path": lambda m: m["streams"][0]["files"]["mem"].update(name="../a.mem"),
    "absolute": lambda m: m["streams"][0]["files"]["npy"].update(name="/a.npy"),
    "kind": lambda m: m["streams"][0]["files"]["npy"].update(name="a.mem"),
    "path number": lambda m: m["streams"][0]["files"]["npy"].update(name=3),
}


@pytest.mark.parametrize("edit", STREAM.values(), ids=STREAM)
def test_damaged_manifests_are_refused(edit: Edit, folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    edit(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match=r"manifest\.json: (is damaged|format version 2, expected 1)"):
        read_vectors(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000, "{}", '{"hwq_vectors": 1}', "\u00ff"])
def test_manifests_that_are_none_are_refused(text: str, folder: Path) -> None:
    (folder / MANIFEST).write_text(text, "latin-1")
    with pytest.raises(BadInput, match=r"manifest\.json: is damaged"):
        read_vectors(folder)


def test_no_folder_of_vectors(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(BadInput, match="No such file or directory, expected a folder written by `hwq vectors`"):
            read_vectors(folder)


def test_files_that_are_not_what_the_manifest_says(folder: Path) -> None:
    good = np.load(folder / "c.npy")
    changed = good.copy()
    changed[0, 0, 0, 0] ^= 1
    np.save(folder / "c.npy", changed)
    with pytest.raises(BadInput, match=r"c\.npy: its content does not match its hash"):
        read_vectors(folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["streams"][1]["files"]["npy"]["sha256"]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert np.array_equal(read_vectors(folder)["c"], changed)
    wide = np.full(good.shape, 8)
    bad = {"holds int8": good[:2], "holds float64": good.astype(float), "spans 8 to 8": wide, "holds bool": good > 0}
    for message, array in bad.items():
        np.save(folder / "c.npy", array)
        with pytest.raises(BadInput, match=f"c.npy: {message}"):
            read_vectors(folder)
    damaged = b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 118
    for data in (b"", b"PK", damaged, (folder / "a.npy").read_bytes()[:-1]):
        (folder / "c.npy").write_bytes(data)
        with pytest.raises(BadInput, match=r"c\.npy: (not a readable array|holds)"):
            read_vectors(folder)
    np.save(folder / "c.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(BadInput, match=r"c\.npy: not a readable array"):
        read_vectors(folder)


def test_files_that_lead_elsewhere(folder: Path) -> None:
    (folder / "c.npy").rename(folder.parent / "c.npy")
    (folder / "c.npy").symlink_to(folder.parent / "c.npy")
    with pytest.raises(BadInput, match=r"c\.npy: is a link or no file"):
        read_vectors(folder)
    (folder / "c.npy").unlink()
    (folder / "c.npy").mkdir()
    with pytest.raises(BadInput, match=r"c\.npy: is a link or no file"):
        read_vectors(folder)


def test_only_headers_cannot_be_read_back(tmp_path: Path) -> None:
    api.vectors(NET, tmp_path / "v", formats=["c"])
    with pytest.raises(BadInput, match=r"holds no \.npy and no \.mem file"):
        read_vectors(tmp_path / "v")
