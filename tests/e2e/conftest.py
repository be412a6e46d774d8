"""What the first commands make of the demo network and of a tiny one."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e_models import save_calib, save_model, tiny
from e2e_run import DIGITS, done
from e2e_stream import save_data


@pytest.fixture(scope="session")
def digits_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digits") / "net.hwq"
    done("quantize", DIGITS / "model.onnx", "--calib", DIGITS / "calib.npz", "-o", path)
    return path


@pytest.fixture(scope="session")
def digits_build(digits_net: Path) -> Path:
    folder = digits_net.parent / "build"
    done("generate", digits_net, "-o", folder)
    return folder


@pytest.fixture(scope="session")
def tiny_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tiny model and its calibration data."""
    folder = tmp_path_factory.mktemp("tiny")
    return save_model(folder, tiny()), save_calib(folder)


@pytest.fixture(scope="session")
def tiny_net(tiny_files: tuple[Path, Path]) -> Path:
    path = tiny_files[0].with_name("net.hwq")
    done("quantize", tiny_files[0], "--calib", tiny_files[1], "-o", path)
    return path


@pytest.fixture(scope="session")
def tiny_build(tiny_net: Path) -> Path:
    folder = tiny_net.with_name("build")
    done("generate", tiny_net, "-o", folder, "--frames", 3)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of many samples for the tiny network."""
    return save_data(tmp_path / "data")
