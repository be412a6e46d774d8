"""Batches in chunks, and chunks in threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.ir.types import TensorType

Tensors = dict[str, NDArray[Any]]
"""Tensor name to integers (batch, height, width, channels)."""

ALONE = 8
"""Batches up to this part of a chunk are over before other threads would have begun."""


class Chunks:
    """Computes batches of any size, at most `size` samples at a time in each of `threads` threads.

    The threads are kept between calls; the calling one is among them.
    """

    def __init__(self, size: int, threads: int) -> None:
        self._size, self._threads = size, threads
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    def run(self, count: int, types: Mapping[str, TensorType], compute: Callable[[slice], Tensors]) -> Tensors:
        """What `compute` returns for each part of `count` samples, joined; `types` are those of its tensors."""
        workers = 1 if count <= self._size // ALONE else self._threads
        rounds = max(1, -(-count // (self._size * workers)))
        size = max(1, -(-count // (rounds * workers)))
        if size >= count:
            return compute(slice(0, count))
        results = {name: np.empty((count, *type_.shape), type_.dtype) for name, type_ in types.items()}
        starts = iter(range(0, count, size))

        def work() -> None:
            for start in starts:
                part = slice(start, start + size)
                for name, value in compute(part).items():
                    results[name][part] = value

        others = [self._threads_of_this_process().submit(work) for _ in range(workers - 1)]
        try:
            work()
        finally:
            for _ in starts:
                pass  # after an error or an interrupt the others find nothing more to do
            wait(others)
        for other in others:
            other.result()  # raises what was raised there
        return results

    def _threads_of_this_process(self) -> ThreadPoolExecutor:
        """A fork has none of its parent's threads."""
        if self._pool is None or self._process != os.getpid():
            self._pool, self._process = ThreadPoolExecutor(self._threads - 1), os.getpid()
        return self._pool
