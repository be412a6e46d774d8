"""`hwq simulate --engine native`: files and folders equal to those of the other engines, and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from e2e_run import DIGITS, done, refused
from e2e_stream import results

from hwq.verify import tools


@pytest.mark.compiler
def test_digits_whole(digits_net: Path, tmp_path: Path) -> None:
    for engine in ("fast", "native"):
        done("simulate", digits_net, DIGITS / "test.npz", "-o", tmp_path / f"{engine}.npz", "--engine", engine)
    with np.load(tmp_path / "fast.npz") as fast, np.load(tmp_path / "native.npz") as native:
        assert list(fast) == list(native) and len(fast["image.int"]) > 100
        assert all(fast[name].dtype == native[name].dtype and np.array_equal(fast[name], native[name]) for name in fast)


@pytest.mark.compiler
def test_folder(tiny_net: Path, data: Path, tmp_path: Path) -> None:
    done("simulate", tiny_net, data, "-o", tmp_path / "fast")
    done("simulate", tiny_net, data, "-o", tmp_path / "native", "--engine", "native")
    assert results(tmp_path / "native") == results(tmp_path / "fast")
    message = refused(2, "simulate", tiny_net, data, "-o", tmp_path / "native")
    assert "holds results with engine 'native', expected 'fast'" in message


def test_two_engines(tiny_net: Path, data: Path, tmp_path: Path) -> None:
    message = refused(2, "simulate", tiny_net, data, "-o", tmp_path / "out", "--plain", "--engine", "native")
    assert "--plain: was given with --engine native" in message


def test_no_compiler(tiny_net: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_candidates", lambda name: iter(()))
    message = refused(3, "simulate", tiny_net, data, "-o", tmp_path / "out", "--engine", "native")
    assert message.startswith("g++ (") and "not found" in message and not (tmp_path / "out").exists()
