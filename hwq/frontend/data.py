"""Samples: from a user's arrays, checked, to canonical tensors."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.errors import BadInput, refuse_all
from hwq.frontend.graph import FloatGraph, GraphInput, Shape

MAX_BYTES = 2**32
"""The largest sum of unpacked arrays that is read from a file."""

_BROKEN = (
    ValueError,
    EOFError,
    KeyError,
    SyntaxError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)
"""What numpy and zipfile raise on archives that are damaged or made to harm."""

Array = NDArray[np.generic]
Port = tuple[str, str, tuple[int, ...]]
"""Name, type and shape of an input, without batch."""
Samples = dict[str, NDArray[np.float32] | NDArray[np.float64]]
Data = str | Path | Mapping[str, NDArray[Any]]
"""Samples as a user gives them: an npz file, or arrays by input name, batch first."""


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
        the model has one input. Other arrays (labels, for example) are left alone; nothing is ever unpickled.
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
    names = [name for name, _, _ in ports]
    arrays = _read(Path(source), names) if isinstance(source, str | Path) else dict(source)
    if len(names) == 1 and names[0] not in arrays and "x" in arrays:
        arrays[names[0]] = arrays["x"]
    who = f"{source}" if isinstance(source, str | Path) else "samples"
    refusals: list[str] = []
    samples: dict[str, Array] = {}
    for port in ports:
        name = port[0]
        if name not in arrays:
            found = ", ".join(f"'{other}'" for other in arrays) or "nothing"
            refusals.append(f"{who}: holds {found}, expected an array '{name}' as the model's input. Rename it")
            continue
        array = np.asarray(arrays[name])
        problem = _problem(array, port)
        if problem:
            refusals.append(f"{who}, array '{name}': {problem}")
        else:
            samples[name] = array
    counts = {name: len(array) for name, array in samples.items()}
    if len(set(counts.values())) > 1:
        refusals.append(f"{who}: numbers of samples differ ({counts}), expected the same for every input")
    refuse_all(refusals)
    return samples


def _read(path: Path, names: list[str]) -> dict[str, Array]:
    """Arrays of an npz file that may be samples; the others are named but not read."""
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise BadInput(f"{path}: not an npz archive, expected one. Save it with numpy.savez")
            size = sum(entry.file_size for entry in zipfile.ZipFile(file).infolist())
            if size > MAX_BYTES:
                raise BadInput(f"{path}: unpacks to {size} bytes, expected at most {MAX_BYTES}. Use fewer samples")
        with np.load(path, allow_pickle=False) as archive:
            wanted = {*names, "x"} if len(names) == 1 else set(names)
            unread = np.empty(0)
            return {name: archive[name] if name in wanted else unread for name in archive.files}
    except OSError as error:
        reason = error.strerror or "cut short"
        raise BadInput(f"{path}: {reason}, expected a readable npz archive. Check the path") from None
    except _BROKEN as error:
        reason = " ".join(str(error).split())
        raise BadInput(f"{path}: not an npz archive of plain arrays ({reason}). Save it with numpy.savez") from None


def _problem(array: Array, port: Port) -> str:
    """What is wrong with `array`, or nothing."""
    _, dtype, shape = port
    expected = ",".join(str(size) for size in ("n", *shape))
    if array.ndim == 0 or array.shape[1:] != shape:
        return f"shape {array.shape}, expected ({expected}). Put the samples first and reshape or transpose the rest"
    if len(array) == 0:
        return "no samples, expected at least one"
    if array.dtype not in (np.float16, np.float32, np.float64) and array.dtype.kind not in "iu":
        return f"type {array.dtype}, expected {dtype}, another float or an integer type. Convert it"
    if not np.isfinite(array.astype(np.float64)).all():
        return "holds NaN or infinity, expected finite numbers"
    if array.dtype.kind in "iu" and not np.array_equal(array.astype(np.float64).astype(array.dtype), array):
        return "integers beyond 2^53 do not convert to float64 exactly, expected smaller ones. Scale them"
    if np.dtype(dtype).kind in "iu" and not _fits(array, np.dtype(dtype)):
        return f"values that {dtype} does not hold, expected {dtype} as the model's input has"
    return ""


def _fits(array: Array, dtype: np.dtype[np.generic]) -> bool:
    wide = array.astype(np.float64)
    limits = np.iinfo(str(dtype))
    return bool(np.all((wide == np.rint(wide)) & (wide >= limits.min) & (wide <= limits.max)))


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
