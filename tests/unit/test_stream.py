"""Pieces of files and batches of generators: the same samples and results as all at once, and bounded memory."""

from __future__ import annotations

import tracemalloc
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import CASES

from hwq import api
from hwq.api import streaming
from hwq.errors import BadInput
from hwq.frontend.data import Port, open_samples
from hwq.ir import npy
from hwq.ir.program import Program

PROGRAM = CASES["conv"]["half_even-channel"]
SHAPE = PROGRAM.inputs[0].index.shape
X: list[Port] = [("x", "float32", (2, 3))]
PAIR: list[Port] = [("a", "float32", (2,)), ("b", "float32", (3, 1))]
Arrays = dict[str, np.ndarray]


def values(*shape: int) -> np.ndarray:
    return np.random.default_rng([3, *shape]).normal(0, 4, shape).astype(np.float32)


def joined(path: Path, ports: list[Port], size: int) -> Arrays:
    pieces = [arrays for _, arrays in open_samples(path, ports).pieces(size)]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


@pytest.mark.parametrize("size", [1, 4, 10, 11])
@pytest.mark.parametrize("dtype", [np.float16, ">f4", np.float64, np.uint8, ">i2", np.int64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_pieces_of_files_are_the_whole(size: int, dtype: Any, order: Any, tmp_path: Path) -> None:
    array = np.asarray(np.abs(values(10, 2, 3)), dtype=dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "b.npz", x=array, y=np.zeros(3))
    np.savez_compressed(tmp_path / "c.npz", label=np.array([None]), x=array)
    for name in ("a.npy", "b.npz", "c.npz"):
        found = joined(tmp_path / name, X, size)["x"]
        assert found.dtype == array.dtype.newbyteorder("=") and np.array_equal(found, array)


def test_pieces_of_several_arrays_side_by_side(tmp_path: Path) -> None:
    arrays = {"b": values(9, 3, 1), "a": values(9, 2)}
    np.savez_compressed(tmp_path / "d.npz", **arrays)
    found = joined(tmp_path / "d.npz", PAIR, 4)
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)


@pytest.mark.parametrize("name", ["a.npy", "b.npz", "c.npz", "f.npy"])
def test_pieces_that_are_passed_over(name: str, tmp_path: Path) -> None:
    array = values(10, 2, 3)
    np.save(tmp_path / "a.npy", array)
    np.save(tmp_path / "f.npy", np.asfortranarray(array))
    np.savez(tmp_path / "b.npz", x=array)
    np.savez_compressed(tmp_path / "c.npz", x=array)
    for wanted in ({0, 3}, {3, 9}, {9}, {6}, set()):
        found = list(open_samples(tmp_path / name, X).pieces(3, wanted.__contains__))
        assert [first for first, _ in found] == sorted(wanted)
        assert all(np.array_equal(arrays["x"], array[first : first + 3]) for first, arrays in found)


def test_no_data_are_read_for_the_headers(tmp_path: Path) -> None:
    """A file whose data would be a terabyte: its header says so at once."""
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (1 << 34, 2, 3)})
        file.truncate(file.tell() + (24 << 34))
    assert open_samples(tmp_path / "a.npy", X).samples == 1 << 34


def _header(descr: str, shape: str, rest: str = "", version: int = 1) -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}{rest}}}\n".encode()
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (_header("<f4", "(-1, 2, 3)"), "shape (-1, 2, 3)"),
        (_header("<f4", "(9999999999999, 2, 3)"), "cut short"),
        (_header("<f4", "(1, 2, 3)") + bytes(23), "cut short: 23 bytes of data, expected 24"),
        (_header("<f4", "(1, 2, 3)") + bytes(25), "more than one array"),
        (_header("|O", "(1, 2, 3)") + bytes(24), "never unpickled"),
        (_header("<f4", "(1, 2, 3)", ", 'x': 1") + bytes(24), "not an npy file"),
        (_header("<f4", "__import__('os')") + bytes(24), "not an npy file"),
        (_header("<f4", "(" * 3000) + bytes(24), "not an npy file"),
        (_header("<f4", "(1, 2, 3)", version=9) + bytes(24), "array format (9, 0)"),
        (_header("<f4", "(1, 2, 3)", " " * 70_000, version=2) + bytes(24), "not an npy file"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "not an npy file"),
        (b"\x93NUMPY", "not an npy file"),
    ],
)
def test_headers_made_to_harm(content: bytes, text: str, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.npy") as caught:
        open_samples(tmp_path / "a.npy", X)
    assert text in str(caught.value)
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(BadInput, match=r"b\.npz"):
        open_samples(tmp_path / "b.npz", X)


def test_archives_made_to_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=values(2, 2, 3))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("x.npy", b"")
    with pytest.raises(BadInput, match="holds two arrays 'x'"):
        open_samples(path, X)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", _header("<f4", "(1, 2, 3)") + bytes(24))
    with pytest.raises(BadInput, match="compression of 'x' is number 14"):
        open_samples(path, X)


def test_damage_behind_the_header_is_noticed_before_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=values(40_000, 2, 3))
    data = bytearray(path.read_bytes())
    data[900_000] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match="Bad CRC-32"):
        next(open_samples(path, X).pieces(40_000))


def test_a_file_that_is_cut_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, values(100_000, 2, 3))
    pieces = open_samples(path, X).pieces(10_000)
    next(pieces)
    with path.open("r+b") as file:
        file.truncate(1_000_000)
    with pytest.raises(BadInput, match="array 'x' is cut short"):
        list(pieces)


@pytest.mark.parametrize(
    ("dtype", "array", "text"),
    [
        ("float32", np.full((9, 2, 3), np.nan), "holds NaN or infinity, expected finite numbers"),
        ("uint8", np.full((9, 2, 3), -1), "values that uint8 does not hold"),
        ("uint8", np.full((9, 2, 3), 256), "values that uint8 does not hold"),
        ("int8", np.full((9, 2, 3), 0.5), "values that int8 does not hold"),
        ("float32", np.full((9, 2, 3), 2**53 + 1), "integers beyond 2^53"),
        ("float32", np.full((9, 2, 3), 2**64 - 1, np.uint64), "integers beyond 2^53"),
    ],
)
def test_the_first_bad_sample_is_named(dtype: str, array: np.ndarray, text: str, tmp_path: Path) -> None:
    array[:7] = 1
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(BadInput, match=r"a\.npy, array 'x': ") as caught:
        list(open_samples(tmp_path / "a.npy", [("x", dtype, (2, 3))]).pieces(5))
    assert text in str(caught.value) and str(caught.value).endswith("(the first is in sample 7)")


def test_a_generator(tmp_path: Path) -> None:
    x = values(30, *SHAPE)
    np.savez(tmp_path / "some.npz", x=x[11:14])
    want = api.simulate(PROGRAM, {"a": x})
    batches = ({"a": x[:1]}, {"x": x[1:11], "label": [None]}, tmp_path / "some.npz", {"a": x[14:].tolist()})
    found = list(api.simulate_stream(PROGRAM, iter(batches)))
    assert [len(one["y"]) for one in found] == [1, 10, 3, 16]
    for name, array in want.items():
        assert np.array_equal(np.concatenate([one[name] for one in found]), array)
    plain = list(api.simulate_stream(PROGRAM, batches, engine="plain"))
    assert all(np.array_equal(a[name], b[name]) for a, b in zip(plain, found, strict=True) for name in want)


def test_a_stream_is_lazy_and_keeps_nothing() -> None:
    taken = 0

    def batches() -> Iterator[Arrays]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield {"a": values(500, *SHAPE)}

    found = api.simulate_stream(PROGRAM, batches())
    assert taken == 0
    next(found)
    assert taken == 1
    next(found)
    tracemalloc.start()
    for _ in range(3):
        next(found)
    tracemalloc.reset_peak()
    few = tracemalloc.get_traced_memory()[0]
    for _ in range(30):
        next(found)
    many = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken == 35 and many < few + values(500, *SHAPE).nbytes


@pytest.mark.parametrize(
    ("batch", "text"),
    [
        ({"a": np.full((2, *SHAPE), np.nan)}, "batch 2, array 'a': holds NaN"),
        ({"a": np.zeros((2, 1))}, "batch 2, array 'a': shape (2, 1)"),
        ({"a": np.zeros((0, *SHAPE))}, "batch 2, array 'a': no samples"),
        ({"b": np.zeros(3), "c": 1}, "batch 2: holds 'b', 'c', expected an array 'a'"),
        ({}, "batch 2: holds nothing"),
        (np.zeros((2, *SHAPE)), "batch 2: is a ndarray, expected arrays by input name"),
        (None, "batch 2: is a NoneType"),
        ("none.npz", "batch 2: none.npz: No such file"),
    ],
)
def test_refusals_name_the_batch(batch: Any, text: str) -> None:
    good = {"a": values(2, *SHAPE)}
    found = api.simulate_stream(PROGRAM, [good, good, batch, good])
    next(found)
    next(found)
    with pytest.raises(BadInput) as caught:
        next(found)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("batches", [{"a": np.zeros((2, *SHAPE))}, "data.npz"])
def test_one_batch_is_no_stream(batches: Any) -> None:
    with pytest.raises(BadInput, match="is one batch, expected several"):
        next(api.simulate_stream(PROGRAM, batches))


def test_results_of_one_name_are_refused_before_a_batch_is_taken() -> None:
    (port,) = PROGRAM.outputs
    program: Program = replace(PROGRAM, outputs=(port, replace(port, name="y.int")))
    with pytest.raises(BadInput, match="share a name"):
        next(api.simulate_stream(program, iter(lambda: pytest.fail("a batch was taken"), None)))


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "PART_BYTES", 1 << 18)
    np.save(tmp_path / "warm.npy", np.zeros((10, *SHAPE), np.float32))
    api.simulate_files(PROGRAM, tmp_path / "warm.npy", tmp_path / "warm")
    peaks = []
    for count in (2_000, 40_000):
        np.save(tmp_path / "a.npy", np.zeros((count, *SHAPE), np.float32))
        tracemalloc.start()
        done = api.simulate_files(PROGRAM, tmp_path / "a.npy", tmp_path / f"out{count}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert done.samples == count and done.results == -(-count // streaming.samples_at_once(PROGRAM)) > 3
    assert peaks[1] - peaks[0] < 2048 * done.results < np.zeros((count, *SHAPE), np.float32).nbytes / 4


def test_progress_goes_from_nothing_to_nearly_all(tmp_path: Path) -> None:
    for number in range(4):
        np.save(tmp_path / f"{number}.npy", values(5, *SHAPE))
    told: list[tuple[str, float | None]] = []
    api.simulate_files(PROGRAM, tmp_path, tmp_path.parent / "out", progress=lambda *one: told.append(one))
    assert [share for step, share in told if step.startswith("Simulating")] == [0.0, 0.25, 0.5, 0.75]


def test_limits() -> None:
    assert npy.MAX_HEADER < streaming.PART_BYTES
    assert 8 * 3 * SHAPE[0] <= streaming.PART_BYTES // streaming.samples_at_once(PROGRAM) <= streaming.PART_BYTES
