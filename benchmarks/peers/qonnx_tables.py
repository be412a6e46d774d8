"""Numbers that qonnx has about roundings, thresholds and accumulators, as JSON; imports nothing of hwq.

    python qonnx_tables.py SCRATCH OUT.json

The tables of qonnx's own tests come from its source archive, which pip fetches into SCRATCH; the rest is what its
functions compute here.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from qonnx.core.datatype import DataType
from qonnx.custom_op.general.intquant import int_quant, resolve_rounding_mode
from qonnx.util.basic import calculate_matvec_accumulator_range, gen_finn_dt_tensor

MODES = ("ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")
TYPES = ("UINT8", "INT8", "UINT3", "INT3", "BIPOLAR", "TERNARY", "UINT1", "INT16", "UINT16")
SIZES = (1, 10, 100)
"""Of vectors; those of qonnx's test."""


def pytest_stub() -> ModuleType:
    """So much of pytest that tests can be imported; `cases` of a test are what it is called with."""

    def parametrize(_: str, cases: list[Any]) -> Any:
        def keep(test: Any) -> Any:
            test.cases = cases
            return test

        return keep

    stub = ModuleType("pytest")
    stub.mark = SimpleNamespace(parametrize=parametrize)  # type: ignore[attr-defined]
    return stub


def test_module(scratch: Path, name: str) -> ModuleType:
    """A test of qonnx, imported from its source archive."""
    release = f"qonnx-{version('qonnx')}"
    archive = scratch / f"{release}.tar.gz"
    if not archive.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "qonnx"]
        subprocess.run([*command, "--dest", str(scratch), release.replace("-", "==")], check=True, capture_output=True)
    with tarfile.open(archive) as opened:
        opened.extract(f"{release}/tests/{name}.py", scratch, filter="data")
    spec = importlib.util.spec_from_file_location(Path(name).stem, scratch / release / "tests" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def roundings(tested: ModuleType) -> list[dict[str, Any]]:
    """The table of the test, and every mode on eighths."""
    x = [5.5, 2.5, 1.6, 1.1, 1.0, -1.0, -1.1, -1.6, -2.5, -5.5]
    found = [{"mode": mode, "x": x, "y": y.tolist(), "tested": True} for mode, y in tested.test_rounding_modes.cases]
    eighths = np.arange(-64, 65) / 8
    for mode in MODES:
        y = np.asarray(resolve_rounding_mode(mode)(eighths))
        found.append({"mode": mode, "x": eighths.tolist(), "y": y.tolist(), "tested": False})
    return found


def quantisers() -> list[dict[str, Any]]:
    """Quant in float32: every mode, with signs, narrow ranges and zero points of both parities."""
    x = np.arange(-80, 81, dtype=np.float32) / 8
    found = []
    for mode in MODES:
        for signed, narrow in ((1, 0), (1, 1), (0, 0), (0, 1)):
            for zero in (0, 1, -3, 4):
                bits = np.float32(4)
                y = int_quant(x, np.float32(0.5), np.float32(zero), bits, signed, narrow, mode)
                settings = {"mode": mode, "signed": signed, "narrow": narrow, "zero": zero, "bits": 4, "scale": 0.5}
                found.append({**settings, "x": x.tolist(), "y": y.tolist()})
    return found


def accumulators() -> list[dict[str, Any]]:
    """Bounds of the sums of random weights of every type with data of every type, and the bits that hold them."""
    np.random.seed(0)  # noqa: NPY002  qonnx draws from it
    found = []
    for weights, data, size in ((w, d, n) for w in TYPES for d in TYPES for n in SIZES):
        matrix = gen_finn_dt_tensor(DataType[weights], (size, 4)).astype(np.int64)
        type_ = DataType[data]
        low, high = calculate_matvec_accumulator_range(matrix, type_)
        bits = next(k for k in range(1, 64) if DataType[f"INT{k}"].min() <= low and high <= DataType[f"INT{k}"].max())
        ends = {"low": int(low), "high": int(high), "bits": bits, "data_low": int(type_.min())}
        found.append({**ends, "data_high": int(type_.max()), "weights": matrix.T.tolist(), "name": f"{weights}*{data}"})
    return found


def thresholds(tested: ModuleType) -> dict[str, Any]:
    """The arrays of the test: inputs (N, C, H, W), a row of thresholds for each channel, and their counts."""
    return {name: getattr(tested, name).tolist() for name in ("inputs", "thresholds", "outputs")}


def main() -> None:
    """Write all tables."""
    scratch, out = map(Path, sys.argv[1:])
    sys.modules["pytest"] = pytest_stub()
    tables = {
        "version": version("qonnx"),
        "roundings": roundings(test_module(scratch, "custom_op/test_runding_mode")),
        "thresholds": thresholds(test_module(scratch, "custom_op/test_multithreshold")),
        "quantisers": quantisers(),
        "accumulators": accumulators(),
    }
    out.write_text(json.dumps(tables))


if __name__ == "__main__":
    main()
