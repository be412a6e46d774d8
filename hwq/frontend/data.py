"""Samples: from a user's arrays, checked, to canonical tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwq.errors import BadInput, refuse_all
from hwq.frontend.graph import FloatGraph, GraphInput, Shape
from hwq.frontend.stream import ONLY, Array, ArrayFile, survey

MAX_BYTES = 2**32
"""The largest sum of unpacked arrays that is read from a file at once."""

Port = tuple[str, str, tuple[int, ...]]
"""Name, type and shape of an input, without batch."""
Samples = dict[str, NDArray[np.float32] | NDArray[np.float64]]
Data = str | Path | Mapping[str, NDArray[Any]]
"""Samples as a user gives them: an npz or npy file, or arrays by input name, batch first."""


class _Described(Protocol):
    """What an array and the header of one have in common."""

    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def shape(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A file whose arrays suit the inputs of a model, as far as their headers tell.

    `arrays` maps each input name to the name of its array; `samples` is the number of samples.
    """

    file: ArrayFile
    ports: tuple[Port, ...]
    arrays: Mapping[str, str]
    samples: int

    @property
    def nbytes(self) -> int:
        """Size of the inputs of all samples, unpacked."""
        return sum(self.file.headers[name].nbytes for name in self.arrays.values())

    def pieces(
        self, size: int, wanted: Callable[[int], bool] = lambda _first: True
    ) -> Iterator[tuple[int, dict[str, Array]]]:
        """Read and check `size` samples at a time.

        Parameters
        ----------
        wanted
            Is given the number of the first sample of a piece, and tells whether to read it or pass over it.

        Yields
        ------
        tuple of int and dict
            Number of the first sample, and input name to array.

        Raises
        ------
        BadInput
            When the file is damaged, or with every array that holds a value which the model does not take.
        """
        for first, found in self.file.pieces(tuple(self.arrays.values()), size, wanted):
            samples = {name: found[array] for name, array in self.arrays.items()}
            _check_values(str(self.file.path), samples, self.ports, first)
            yield first, samples


def open_samples(path: Path, ports: Sequence[Port]) -> SampleFile:
    """Check the headers of a file of samples, and read no data; parameters and errors as for `load_arrays`."""
    file = survey(path, _candidates([name for name, _, _ in ports]))
    unread = dict.fromkeys(file.names)
    arrays = _suited(str(path), {**unread, **file.headers}, ports)
    return SampleFile(file, tuple(ports), arrays, file.headers[arrays[ports[0][0]]].shape[0])


def load_samples(source: Data, graph: FloatGraph) -> Samples:
    """Read samples for every input of the model, in canonical shape.

    Parameters
    ----------
    source
        As for `load_arrays`.
    graph
        The model.

    Returns
    -------
    dict[str, ndarray]
        For each input tensor an array (n, C, H, W), float32 where that holds every value, else float64.

    Raises
    ------
    BadInput
        As `load_arrays`.
    """
    arrays = load_arrays(source, [(item.onnx_name, item.dtype, item.onnx_shape) for item in graph.inputs])
    return {
        item.tensor: _canonical(_as_float(arrays[item.onnx_name]), item, graph.shapes[item.tensor])
        for item in graph.inputs
    }


def load_arrays(source: Data, ports: Sequence[Port]) -> dict[str, Array]:
    """Read and check one array for each input of a model, as its user sees it.

    Parameters
    ----------
    source
        An ``.npz`` file or a mapping: arrays (n, ...) named as the model's inputs, or one array ``x`` when
        the model has one input; then it may be an ``.npy`` file too. Other arrays (labels, for example) are left
        alone; nothing is ever unpickled.
    ports
        Name, type and shape (without batch) of each input.

    Returns
    -------
    dict[str, ndarray]
        Input name to array, batch first.

    Raises
    ------
    BadInput
        With every array that is missing, empty, of another shape or type, or not finite.
    """
    if isinstance(source, str | Path):
        file = open_samples(Path(source), ports)
        if file.nbytes > MAX_BYTES:
            raise BadInput(
                f"{source}: unpacks to {file.nbytes} bytes, expected at most {MAX_BYTES}. Use fewer samples; only "
                "`hwq simulate --parts` takes any number"
            )
        return next(file.pieces(file.samples))[1]
    return check_arrays("samples", source, ports)


def check_arrays(who: str, given: Mapping[str, Any], ports: Sequence[Port]) -> dict[str, Array]:
    """Arrays of a mapping by input name, checked as `load_arrays` does; messages begin with `who`."""
    wanted = _candidates([name for name, _, _ in ports])
    found = {name: np.asarray(array) if name in wanted else None for name, array in given.items()}
    arrays = _suited(who, found, ports)
    samples = {name: np.asarray(given[array]) for name, array in arrays.items()}
    _check_values(who, samples, ports)
    return samples


def _candidates(names: Sequence[str]) -> tuple[str, ...]:
    """Names of arrays that may be samples."""
    return (*names, ONLY) if len(names) == 1 else tuple(names)


def _suited(who: str, found: Mapping[str, _Described | None], ports: Sequence[Port]) -> dict[str, str]:
    """Input name to the name of its array; refuses what types and shapes tell is wrong."""
    refusals: list[str] = []
    arrays: dict[str, str] = {}
    counts: dict[str, int] = {}
    for name, dtype, shape in ports:
        array = name if name in found or len(ports) > 1 else ONLY
        described = found.get(array)
        if described is None:
            others = ", ".join(f"'{other}'" for other in found) or "nothing"
            refusals.append(f"{who}: holds {others}, expected an array '{name}' as the model's input. Rename it")
        elif problem := _problem(described, dtype, shape):
            refusals.append(f"{who}, array '{name}': {problem}")
        else:
            arrays[name], counts[name] = array, described.shape[0]
    if len(set(counts.values())) > 1:
        refusals.append(f"{who}: numbers of samples differ ({counts}), expected the same for every input")
    refuse_all(refusals)
    return arrays


def _problem(array: _Described, dtype: str, shape: tuple[int, ...]) -> str:
    """What is wrong with the shape or type of `array`, or nothing."""
    expected = ",".join(str(size) for size in ("n", *shape))
    if not array.shape or array.shape[1:] != shape:
        return f"shape {array.shape}, expected ({expected}). Put the samples first and reshape or transpose the rest"
    if array.shape[0] == 0:
        return "no samples, expected at least one"
    if not (array.dtype.kind in "iu" or (array.dtype.kind == "f" and array.dtype.itemsize <= 8)):
        return f"type {array.dtype}, expected {dtype}, another float or an integer type. Convert it"
    return ""


def _check_values(who: str, samples: Mapping[str, Array], ports: Sequence[Port], first: int = 0) -> None:
    """Refuse values that the model does not take; `first` is the number of the first of these samples."""
    refusals = []
    for name, dtype, _ in ports:
        for bad, problem in _bad_values(samples[name], dtype):
            if bad.any():
                sample = first + int(bad.reshape(len(bad), -1).any(axis=1).argmax())
                refusals.append(f"{who}, array '{name}': {problem} (the first is in sample {sample})")
                break
    refuse_all(refusals)


def _bad_values(array: Array, dtype: str) -> Iterator[tuple[NDArray[np.bool_], str]]:
    """Where `array` holds values that the model does not take, and what to say of them."""
    if array.dtype.kind == "f":
        yield ~np.isfinite(array), "holds NaN or infinity, expected finite numbers"
    elif array.dtype.itemsize == 8:
        with np.errstate(invalid="ignore"):
            back = array.astype(np.float64).astype(array.dtype)
        yield (
            back != array,
            "integers beyond 2^53 do not convert to float64 exactly, expected smaller ones. Scale them",
        )
    if np.dtype(dtype).kind in "iu":
        wide, limits = array.astype(np.float64), np.iinfo(dtype)
        fits = (wide == np.rint(wide)) & (wide >= limits.min) & (wide <= limits.max)
        yield ~fits, f"values that {dtype} does not hold, expected {dtype} as the model's input has"


def _as_float(array: Array) -> NDArray[np.float32] | NDArray[np.float64]:
    wide = array.astype(np.float64)
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    return narrow if array.dtype != np.float64 and np.array_equal(narrow.astype(np.float64), wide) else wide


def _canonical(
    array: NDArray[np.float32] | NDArray[np.float64], item: GraphInput, shape: Shape
) -> NDArray[np.float32] | NDArray[np.float64]:
    result = np.empty((len(array), item.index.size), array.dtype)
    result[:, item.index.ravel()] = array.reshape(len(array), -1)
    return result.reshape(len(array), *shape)
