"""Samples for the tiny network in a folder of files, and the results of `hwq simulate` in another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from e2e_models import CHANNELS, SIZE

from hwq.api.result_folder import JOURNAL

COUNT = 6
SAMPLE_BYTES = 8 * (CHANNELS * SIZE * SIZE + 2 * 4)
"""Of the results of one sample of the tiny network."""


def samples(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, CHANNELS, SIZE, SIZE)).astype(np.float32)


def save_data(folder: Path) -> Path:
    """A folder of files of several sizes and kinds, with labels and a note in it."""
    folder.mkdir()
    for number in range(COUNT):
        arrays = {"x": samples(3 + 5 * number, number), "label": np.array([{}], object)}
        (np.savez if number % 2 else np.savez_compressed)(folder / f"s{2 * number}.npz", **arrays)
    np.save(folder / "all.npy", samples(7))
    (folder / "notes.txt").write_text("mine")
    return folder


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != JOURNAL}
