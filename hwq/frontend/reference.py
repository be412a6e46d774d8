"""The float network in onnxruntime: what the quantiser calibrates on and what results are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from hwq.errors import BadInput
from hwq.frontend.float_model import to_onnx
from hwq.frontend.graph import FloatGraph

Float32 = NDArray[np.float32]

_THREADS = 2
_BATCH_BYTES = 2**26
_MAX_BATCH = 256
_DISABLED = ["Pad_Fusion"]
"""It folds a Pad into a pool whose kernel is smaller, which onnxruntime then refuses to run."""


class FloatReference:
    """Runs a `FloatGraph` in float32 and gives any of its tensors in canonical shape.

    Parameters
    ----------
    graph
        The graph, simplified or not; it is written to ONNX once, when it is first run.
    """

    def __init__(self, graph: FloatGraph) -> None:
        self.graph = graph
        self._sessions: dict[bool, ort.InferenceSession] = {}

    def run(
        self, inputs: Mapping[str, NDArray[np.generic]], tensors: Sequence[str] | None = None
    ) -> dict[str, Float32]:
        """Run all samples, some at a time.

        Parameters
        ----------
        inputs
            For each input tensor an array (n, C, H, W).
        tensors
            Tensors to return: inputs, layers, or ``name + ":pre"`` for the value before a layer's clip, which
            is the layer itself where it has none. The model's outputs when None.

        Returns
        -------
        dict[str, ndarray]
            float32 arrays (n, C, H, W) under the names asked for.

        Raises
        ------
        BadInput
            When a name is unknown.
        """
        feeds = {item.tensor: np.asarray(inputs[item.tensor], np.float32) for item in self.graph.inputs}
        wanted = [out.tensor for out in self.graph.outputs] if tensors is None else list(tensors)
        session = self._session(everything=any(not self.graph.is_output(name) for name in wanted))
        available = {item.name for item in session.get_outputs()}
        fetched = {name: self._resolve(name, available) for name in wanted if name not in feeds}
        parts: dict[str, list[Float32]] = {name: [] for name in set(fetched.values())}
        names = sorted(parts)
        count = len(next(iter(feeds.values())))
        step = self._batch(session)
        for start in range(0, count if names else 0, step):
            batch = {name: array[start : start + step] for name, array in feeds.items()}
            for name, result in zip(names, session.run(names, batch), strict=True):
                parts[name].append(result)
        found = {name: np.concatenate(pieces) for name, pieces in parts.items() if pieces}
        return {name: feeds[name] if name in feeds else found[fetched[name]] for name in wanted}

    def _resolve(self, name: str, available: set[str]) -> str:
        plain = name.removesuffix(":pre")
        for candidate in (name, plain):
            if candidate in available:
                return candidate
        raise BadInput(f"tensor '{name}': unknown, expected one of {', '.join(sorted(available))}")

    def _session(self, *, everything: bool) -> ort.InferenceSession:
        if everything not in self._sessions:
            options = ort.SessionOptions()
            options.intra_op_num_threads = _THREADS
            options.inter_op_num_threads = 1
            options.log_severity_level = 3
            model = to_onnx(self.graph, all_tensors=everything, pre_activation=everything)
            self._sessions[everything] = ort.InferenceSession(
                model.SerializeToString(),
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=_DISABLED,
            )
        return self._sessions[everything]

    def _batch(self, session: ort.InferenceSession) -> int:
        """Samples at a time, so that what one call returns stays within `_BATCH_BYTES`."""
        sample = sum(4 * int(np.prod(item.shape[1:])) for item in session.get_outputs())
        return max(1, min(_MAX_BATCH, _BATCH_BYTES // sample))
