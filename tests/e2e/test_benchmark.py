"""The quick settings of `make bench` run, and what they show is exact."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import hwq.api as hwq
from hwq.ir.program import Program
from hwq.quant import Effort
from hwq.verify import tools

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from networks import Network, digits, layers  # noqa: E402
from simulator import check  # noqa: E402


@pytest.mark.icarus
@pytest.mark.verilator
def test_quick_benchmark() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "run.py"), "--scale", "fixed"]
    finished = tools.run(command, cwd=ROOT, timeout=900)
    assert finished.returncode == 0, finished.output[-2000:]
    rows = re.findall(r"digits +│ (pow2|fixed) +│ (\d+) +│ (\d+) +│ (\d+) +│[^│]+│ 20 / 0 +│ 1 / 0 ", finished.output)
    assert [row[0] for row in rows] == ["fixed"]
    assert all(abs(int(measured) - int(formula)) <= 0.02 * int(formula) for _, _, formula, measured in rows)


def test_simulator_benchmark() -> None:
    finished = tools.run([sys.executable, str(ROOT / "benchmarks" / "simulator.py")], cwd=ROOT, timeout=900)
    assert finished.returncode == 0, finished.output[-2000:]
    rate = r"([\d,]+) +│ "
    rows = re.findall(
        rf"digits +│ (1000|1) +│ {rate}{rate}onnxruntime float32 +│ {rate}([\d.]+) +│ ([\d.]+) ", finished.output
    )
    assert [row[0] for row in rows] == ["1000", "1"]
    for row in rows:
        integers, floats, theirs = (float(text.replace(",", "")) for text in row[1:4])
        assert [float(text) for text in row[4:]] == pytest.approx([integers / theirs, floats / theirs], rel=0.01)


@pytest.fixture(scope="module")
def demo() -> tuple[Network, Program]:
    network = digits()
    return network, hwq.quantize(network.model, {"image": network.calib}, Effort.FAST.config())


@pytest.mark.parametrize("kind", ["integers", "floats"])
@pytest.mark.parametrize("part", ["y", "rows", None])
def test_simulator_benchmark_finds_a_wrong_result(
    kind: str, part: str | None, demo: tuple[Network, Program], tmp_path: Path
) -> None:
    network, program = demo
    samples, port = network.evaluation[:20].astype(np.float32), program.outputs[0]
    found = hwq.simulate(program, {program.inputs[0].name: samples})
    shape = program.types[port.tensor].shape
    outs = {}
    for name, values in (("integers", found[f"{port.name}.int"].reshape(-1, *shape)), ("floats", found[port.name])):
        arrays = {"y": values.copy(), "rows": values[:8].copy()}
        if name == kind and part:
            arrays[part].flat[-1] += 1
        outs[name] = tmp_path / f"{name}.npz"
        np.savez(outs[name], **arrays)
    if part is None:
        assert check(program, samples, **outs) == 20
    else:
        with pytest.raises(RuntimeError, match="differs from the plain one"):
            check(program, samples, **outs)


def test_layers_of_two_files_are_compared_by_shape(demo: tuple[Network, Program]) -> None:
    assert layers(demo[0].model) != layers(ROOT / "examples" / "digits_mobilenet" / "model.onnx")
