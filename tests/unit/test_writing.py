"""Files are written without harm to what is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hwq.errors import BadInput
from hwq.ir.storage import check_writable, write_atomically


def test_outputs_that_would_destroy_something(tmp_path: Path) -> None:
    """A pipe or a device would become a file, and a source would be lost."""
    os.mkfifo(tmp_path / "pipe")
    for refuse in (check_writable, lambda path: write_atomically(path, b"new")):
        with pytest.raises(BadInput, match="is no regular file"):
            refuse(tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / "in.npz").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "in.npz")
    check_writable(tmp_path / "out.npz", tmp_path / "in.npz")
    for output in ("in.npz", "link"):
        with pytest.raises(BadInput, match="is read by the same command"):
            check_writable(tmp_path / output, tmp_path / "none", tmp_path / "in.npz")
