"""Vectors for others: words, arrays, headers, real values and manifest agree, examples run, refusals."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builds import plan_with
from vector_net import FOLDING, FRAMES, NET, expected, stream

from hwq import api
from hwq.emit import vector_set
from hwq.emit.generate import generate
from hwq.emit.vector_folder import MANIFEST, read_manifest, read_vectors
from hwq.errors import BadInput, ToolMissing
from hwq.hw.pack import hex_words
from hwq.verify import tools


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    api.vectors(NET, tmp_path / "v", frames=FRAMES)
    return tmp_path / "v"


@pytest.fixture
def cxx() -> str:
    """A compiler; its tests are skipped where there is none, unless CI is set."""
    try:
        return str(tools.require("g++").path)
    except ToolMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


def test_all_forms_hold_what_the_plain_simulator_says(folder: Path) -> None:
    wanted, manifest = expected(), read_manifest(folder)
    assert [entry["tensor"] for entry in manifest["streams"]] == ["a", "c", "r", "p", "y"]
    types = {"a": "u1", "c": "i1", "r": "u2", "p": "u2", "y": "i2"}
    for name, want in wanted.items():
        stored = np.load(folder / f"{name}.npy")
        assert stored.dtype == f"<{types[name]}" and np.array_equal(stored, want)
        words = (folder / f"{name}.mem").read_text().split()
        bits = NET.types[name].bits
        assert words == hex_words(want.reshape(-1, 1), bits)
        assert len(words) == FRAMES * stream(manifest, name)["beats"]
        header = (folder / f"{name}.h").read_text()
        listed = re.search(r"= \{\n(.*)\};", header, re.DOTALL)
        assert listed and [int(v) for v in listed[1].replace("\n", " ").split(",")[:-1]] == want.ravel().tolist()


def test_manifest_is_what_lies_there(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    files = [file for entry in manifest["streams"] for file in entry["files"].values()]
    files += [port[kind] for port in manifest["ports"] for kind in ("index", "float")]
    for file in files:
        data = (folder / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert {path.name for path in folder.iterdir()} == {file["name"] for file in files} | {MANIFEST, "README.md"}
    assert [(e["role"], e["op"], e["bits"], e["signed"]) for e in manifest["streams"]] == [
        ("input", "input", 5, False), ("inner", "conv", 4, True), ("output", "rescale", 9, False),
        ("inner", "maxpool", 9, False), ("output", "dense", 16, True),
    ]  # fmt: skip
    assert stream(manifest, "r")["scale"] == 0.1 and stream(manifest, "r")["zero_point"] == 7
    assert manifest["frames"] == FRAMES and manifest["origin"]["stored"] == FRAMES
    assert not any(str(folder.parent).encode() in path.read_bytes() for path in folder.iterdir())


def test_real_values_and_order_of_the_ports(folder: Path) -> None:
    manifest, wanted = read_manifest(folder), expected()
    assert [port["float"]["name"] for port in manifest["ports"]] == [
        "a.float.npy", "r.float.npy", "r__2.float.npy", "y.float.npy"
    ]  # fmt: skip
    for port, listed in zip((*NET.inputs, *NET.outputs), manifest["ports"], strict=True):
        real, index = np.load(folder / listed["float"]["name"]), np.load(folder / listed["index"]["name"])
        want = NET.formats[port.tensor].dequantise(port.from_tensor(wanted[port.tensor]))
        want = want if port in NET.inputs else want.astype(port.dtype)
        assert real.dtype == want.dtype and np.array_equal(real, want) and np.array_equal(index, port.index)


def test_data_of_the_user(tmp_path: Path) -> None:
    x = np.random.default_rng(1).uniform(0, 2, (5, 4, 4, 2)).astype(np.float32)
    np.savez(tmp_path / "mine.npz", a=x)
    manifest = api.vectors(NET, tmp_path / "v", tmp_path / "mine.npz", frames=3)
    sha = hashlib.sha256((tmp_path / "mine.npz").read_bytes()).hexdigest()
    assert manifest["origin"] == {"kind": "file", "name": "mine.npz", "sha256": sha}
    given = np.load(tmp_path / "v" / "a.float.npy")
    assert given.dtype == np.float32 and np.array_equal(given, x[:3])
    results = api.simulate(NET, {"a": x[:3]}, engine="plain")
    assert np.array_equal(np.load(tmp_path / "v" / "a.npy"), results["a.int"])
    assert np.array_equal(np.load(tmp_path / "v" / "r__2.float.npy"), results["turned"])
    swapped = api.vectors(NET, tmp_path / "w", {"a": x.astype(">f4")})
    assert swapped["frames"] == 5 and swapped["origin"] == {"kind": "arrays"}
    assert np.load(tmp_path / "w" / "a.float.npy").dtype.str == "<f4"


def test_words_of_a_build_are_its_own(tmp_path: Path) -> None:
    generate(plan_with(NET, FOLDING), tmp_path / "b", FRAMES)
    manifest = api.vectors(tmp_path / "b", tmp_path / "v", frames=FRAMES)
    own = tmp_path / "b" / "vectors"
    of_build = {"a": "a", "c": "c", "r": "m_axis_r", "p": "p", "y": "m_axis_y"}
    for name, stem in of_build.items():
        assert (tmp_path / "v" / f"{name}.mem").read_bytes() == (own / f"{stem}.mem").read_bytes()
    assert [entry["lanes"] for entry in manifest["streams"]] == [1, 3, 5, 4, 3]
    assert [(port["axis"], port["tdata_bits"]) for port in manifest["ports"]] == [
        ("s_axis", 8), ("m_axis_r", 48), ("m_axis_r__2", 48), ("m_axis_y", 48)
    ]  # fmt: skip
    for path in (tmp_path / "v").glob("*.npy"):
        path.unlink()
    assert all(np.array_equal(x, expected()[name]) for name, x in read_vectors(tmp_path / "v").items())


def test_equal_runs_give_equal_bytes_whatever_the_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api.vectors(NET, tmp_path / "one", frames=9)
    monkeypatch.setattr(vector_set, "CHUNK_ELEMENTS", 600)
    steps: list[float | None] = []
    api.vectors(NET, tmp_path / "two", frames=9, progress=lambda _step, share: steps.append(share))
    assert len(steps) > 3 and steps[1:] == sorted(steps[1:], key=lambda share: share or 0.0)
    first = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}


@pytest.mark.parametrize(
    ("layers", "names"), [(["c", "p*"], "a c r p y"), (["?"], "a c r p y"), (["y"], "a r y"), ([], "a r y")]
)
def test_layers_and_formats(layers: list[str], names: str, tmp_path: Path) -> None:
    manifest = api.vectors(NET, tmp_path / "v", layers=layers, formats=["mem"])
    assert [entry["tensor"] for entry in manifest["streams"]] == names.split()
    assert {path.stem for path in (tmp_path / "v").glob("*.mem")} == set(names.split())
    assert not [*(tmp_path / "v").glob("*.h")] and not (tmp_path / "v" / "c.npy").exists()
    assert list(read_vectors(tmp_path / "v")) == names.split()


@pytest.mark.parametrize("language", ["c", "c++"])
def test_headers_compile_without_a_warning(language: str, folder: Path, cxx: str) -> None:
    """All headers in one program, one of them twice; it prints a sum of each array, and the macros of one."""
    sums = "".join(
        f'  sum = 0; for (i = 0; i < sizeof hwq_{n} / sizeof *hwq_{n}; i++) sum += hwq_{n}[i]; printf("%ld\\n", sum);\n'
        for n in NET.types
    )
    macros = 'printf("%d %d %d %d %d %.17g %d\\n", HWQ_R_FRAMES, HWQ_R_HEIGHT, HWQ_R_WIDTH, HWQ_R_CHANNELS, HWQ_R_BITS,'
    text = "".join(f'#include "{n}.h"\n' for n in (*NET.types, "a")) + "#include <stdio.h>\nint main(void) {\n"
    text += f"  unsigned i; long sum;\n{sums}  {macros} HWQ_R_SCALE, HWQ_R_ZERO_POINT);\n  return 0;\n}}\n"
    (folder / "main.src").write_text(text)
    flags = [
        "-x",
        language,
        f"-std={'c99' if language == 'c' else 'c++11'}",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pedantic",
    ]
    built = tools.run([cxx, *flags, "main.src", "-o", "main"], cwd=folder, timeout=60)
    assert built.returncode == 0 and "warning" not in built.output, built.output
    lines = tools.run([str(folder / "main")], cwd=folder, timeout=60).output.splitlines()
    assert [int(line) for line in lines[:-1]] == [int(x.sum()) for x in (expected()[n] for n in NET.types)]
    assert lines[-1] == "4 4 4 5 9 0.10000000000000001 7"


def _example(folder: Path, language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert found, language
    return found[1]


def test_example_in_c(folder: Path, cxx: str) -> None:
    (folder / "show.c").write_text(_example(folder, "c"))
    flags = ["-x", "c", "-std=c99", "-Wall", "-Wextra", "-Werror"]
    built = tools.run([cxx, *flags, "show.c", "-o", "show"], cwd=folder, timeout=60)
    assert built.returncode == 0, built.output
    output = tools.run([str(folder / "show")], cwd=folder, timeout=60).output
    assert output.strip() == f"{FRAMES} frames, sum {expected()['a'].sum()}"


@pytest.mark.parametrize("formats", [("mem", "npy", "c"), ("c",)])
def test_example_in_python(formats: tuple[str, ...], tmp_path: Path) -> None:
    api.vectors(NET, tmp_path / "v", formats=formats)
    (tmp_path / "v" / "show.py").write_text(_example(tmp_path / "v", "python"))
    shown = tools.run([sys.executable, "show.py"], cwd=tmp_path / "v", timeout=60)
    assert (shown.returncode, shown.output.strip()) == (0, "(4, 1, 1, 3)"), shown.output


@pytest.mark.icarus
@pytest.mark.parametrize("lanes", [1, "all"])
def test_example_in_verilog(lanes: Any, tmp_path: Path) -> None:
    api.vectors(NET, tmp_path / "v", lanes=lanes)
    (tmp_path / "v" / "show.sv").write_text(_example(tmp_path / "v", "verilog"))
    iverilog, vvp = (str(tools.require(name).path) for name in ("iverilog", "vvp"))
    built = tools.run([iverilog, "-g2012", "-o", "show.vvp", "show.sv"], cwd=tmp_path / "v", timeout=60)
    assert (built.returncode, built.output) == (0, ""), built.output
    words = (tmp_path / "v" / "a.mem").read_text().split()
    shown = tools.run([vvp, "-N", "show.vvp"], cwd=tmp_path / "v", timeout=60)
    assert shown.output.split() == ["first", words[0], "last", words[-1]]


def test_too_large_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    for options in ({"frames": 1 << 40}, {"max_bytes": 1000}):
        with pytest.raises(BadInput, match=r"frames of 5 streams take up to \d+ MiB, expected at most"):
            api.vectors(NET, tmp_path / "v", **options)  # type: ignore[arg-type]
    size = sum(path.stat().st_size for path in (tmp_path / "v").glob("*"))
    assert size == 0 and not (tmp_path / "v").exists()


def test_limit_is_not_far_from_the_size(tmp_path: Path) -> None:
    manifest = api.vectors(NET, tmp_path / "v", frames=50)
    files = [file for entry in manifest["streams"] for file in entry["files"].values()]
    size = sum(file["bytes"] for file in files) + sum(port["float"]["bytes"] for port in manifest["ports"])
    for limit in (size // 2, 2 * size):
        (tmp_path / "w").mkdir(exist_ok=True)
        if limit < size:
            with pytest.raises(BadInput, match="expected at most"):
                api.vectors(NET, tmp_path / "w", frames=50, max_bytes=limit)
        else:
            api.vectors(NET, tmp_path / "w", frames=50, max_bytes=limit)
