"""Samples from files and mappings: what is taken, what is refused, and the way back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto
from onnx.helper import make_node as node
from onnx_models import from_canonical, model, save, weights

from hwq import frontend
from hwq.errors import BadInput
from hwq.frontend.data import load_samples
from hwq.frontend.graph import FloatGraph


@pytest.fixture
def graph(tmp_path: Path) -> FloatGraph:
    """One input 'pixels' of (2, 3, 4), channels last, so that it is (4, 2, 3) inside."""
    nodes = [node("Transpose", ["pixels"], ["t"], perm=[0, 3, 1, 2]), node("Conv", ["t", "w"], ["y"])]
    return frontend.read(save(model(nodes, {"pixels": (2, 3, 4)}, ["y"], {"w": weights(2, 4, 1, 1)}), tmp_path))


@pytest.fixture
def pair(tmp_path: Path) -> FloatGraph:
    return frontend.read(save(model([node("Add", ["a", "b"], ["y"])], {"a": (4,), "b": (4,)}, ["y"]), tmp_path))


def test_there_and_back(graph: FloatGraph) -> None:
    array = weights(5, 2, 3, 4)
    found = load_samples({"pixels": array}, graph)["pixels"]
    assert found.shape == (5, 4, 2, 3)
    assert np.array_equal(found, array.transpose(0, 3, 1, 2))
    assert np.array_equal(from_canonical(found, graph.inputs[0]), array)


@pytest.mark.parametrize("name", ["pixels", "x"])
def test_npz_file(name: str, graph: FloatGraph, tmp_path: Path) -> None:
    array = weights(5, 2, 3, 4)
    np.savez(tmp_path / "d.npz", labels=np.arange(5), **{name: array})
    found = load_samples(tmp_path / "d.npz", graph)["pixels"]
    assert found.dtype == np.float32
    assert np.array_equal(found, array.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.float16, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.uint8, np.float32),
        (np.int8, np.float32),
        (np.int64, np.float32),
    ],
)
def test_types(dtype: type, expected: type, graph: FloatGraph) -> None:
    array = np.arange(48).reshape(2, 2, 3, 4).astype(dtype)
    found = load_samples({"x": array}, graph)["pixels"]
    assert found.dtype == expected
    assert np.array_equal(found, array.transpose(0, 3, 1, 2))


def test_large_integers_are_kept_exactly(graph: FloatGraph) -> None:
    array = np.full((1, 2, 3, 4), 2**24 + 1)
    assert load_samples({"x": array}, graph)["pixels"].max() == 2**24 + 1


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros((5, 4, 2, 3)), "shape (5, 4, 2, 3), expected (n,2,3,4)"),
        (np.zeros((2, 3, 4)), "shape (2, 3, 4), expected"),
        (np.float32(0), "shape (), expected"),
        (np.zeros((0, 2, 3, 4)), "no samples"),
        (np.zeros((1, 2, 3, 4), bool), "type bool"),
        (np.zeros((1, 2, 3, 4), np.complex64), "type complex64"),
        (np.full((1, 2, 3, 4), "a"), "type <U1"),
        (np.full((1, 2, 3, 4), np.nan), "holds NaN"),
        (np.full((1, 2, 3, 4), -np.inf, np.float16), "holds NaN or infinity"),
        (np.full((1, 2, 3, 4), 2**53 + 1), "integers beyond 2^53"),
    ],
)
def test_refused_arrays(array: np.ndarray, text: str, graph: FloatGraph) -> None:
    with pytest.raises(BadInput, match="array 'pixels'") as caught:
        load_samples({"pixels": array}, graph)
    assert text in str(caught.value)


def test_integer_input_takes_only_its_integers(tmp_path: Path) -> None:
    nodes = [node("Cast", ["x"], ["f"], to=TensorProto.FLOAT), node("Relu", ["f"], ["y"])]
    graph = frontend.read(save(model(nodes, {"x": (2,)}, ["y"], dtype=TensorProto.UINT8), tmp_path))
    assert load_samples({"x": np.array([[0.0, 255.0]])}, graph)["x"].shape == (1, 2, 1, 1)
    for bad in (-1, 256, 0.5):
        with pytest.raises(BadInput, match="values that uint8 does not hold"):
            load_samples({"x": np.array([[0.0, bad]])}, graph)


def test_names_and_counts(pair: FloatGraph) -> None:
    ones = np.ones((3, 4))
    assert load_samples({"a": ones, "b": ones}, pair).keys() == {"a", "b"}
    with pytest.raises(BadInput, match="holds 'x', expected an array 'a'") as caught:
        load_samples({"x": ones}, pair)
    assert "expected an array 'b'" in str(caught.value)
    with pytest.raises(BadInput, match="holds nothing"):
        load_samples({}, pair)
    with pytest.raises(BadInput, match="numbers of samples differ"):
        load_samples({"a": ones, "b": ones[:2]}, pair)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut short", b"\x93NUMPY\x01\x00"])
def test_files_that_are_no_archive(content: bytes, graph: FloatGraph, tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"d\.npz"):
        load_samples(path, graph)


def test_other_files(graph: FloatGraph, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        load_samples(tmp_path / "absent.npz", graph)
    with pytest.raises(BadInput, match="Is a directory"):
        load_samples(tmp_path, graph)
    np.save(tmp_path / "d.npy", np.ones((5, 2, 3, 4)))
    assert load_samples(tmp_path / "d.npy", graph)["pixels"].shape == (5, 4, 2, 3)


def test_nothing_is_unpickled(graph: FloatGraph, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "touched",))

    np.savez(tmp_path / "d.npz", x=np.array([Trap()], dtype=object))
    with pytest.raises(BadInput, match="plain arrays"):
        load_samples(tmp_path / "d.npz", graph)
    assert not (tmp_path / "touched").exists()


def test_truncated_and_changed_archives(graph: FloatGraph, tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez_compressed(path, x=weights(3, 2, 3, 4))
    data = path.read_bytes()
    rng = np.random.default_rng(2)
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(BadInput):
            load_samples(path, graph)
    for position in rng.integers(0, len(data), 200):
        changed = bytearray(data)
        changed[position] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(changed)
        try:
            load_samples(path, graph)
        except BadInput:
            continue


def test_archive_that_would_fill_the_memory(graph: FloatGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "d.npz", x=np.zeros((1000, 2, 3, 4)))
    monkeypatch.setattr("hwq.frontend.data.MAX_BYTES", 10_000)
    with pytest.raises(BadInput, match="expected at most 10000"):
        load_samples(tmp_path / "d.npz", graph)
