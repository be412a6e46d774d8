"""The attack with random networks: a slice of it, and proof that each engine would be caught."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
for folder in ("tests/property", "tests/frontend", "proof/networks"):
    sys.path.insert(0, str(ROOT / folder))

import network_engines as engines  # noqa: E402
import network_shrink as shrinking  # noqa: E402
from network_campaign import STEP, case_of, run_batch  # noqa: E402
from network_case import Case, stimuli  # noqa: E402
from network_tally import Tally  # noqa: E402

from hwq.ir import serial  # noqa: E402
from hwq.ir.types import TensorType  # noqa: E402

SEED = 20261129
ALL = ("fast", "golden", "c", "hls", "native", "verilator", "icarus")


def drawn(number: int) -> Case:
    found = case_of(STEP * SEED + number)
    assert found is not None
    return found[0]


@pytest.mark.compiler
@pytest.mark.verilator
@pytest.mark.icarus
def test_all_engines_agree() -> None:
    """A few networks of a fixed seed; `make fuzz` draws new ones."""
    result = run_batch([STEP * SEED + number for number in range(10)], 3)
    assert not result.failures, result.failures
    compared = {name: one.networks for name, one in result.tally.engines.items()}
    assert compared == dict.fromkeys(ALL, 10) | dict.fromkeys(("verilator", "icarus"), 3)


@pytest.mark.compiler
@pytest.mark.verilator
@pytest.mark.icarus
def test_each_engine_is_caught() -> None:
    """One wrong bit in one value of a result, and every engine that has it right is told so; the others stay equal."""
    right, wrong = (drawn(number) for number in (1, 2))
    (tensor,) = wrong.outputs()[-1:]
    wrong.want[tensor] = wrong.want[tensor].copy()
    wrong.want[tensor][2].flat[-1] ^= 1
    found = engines.run_engines([right, wrong], engines.ENGINES)
    assert {name: list(said) for name, said in found.items()} == {name: [wrong.name] for name in ALL}, found
    assert tensor in found["fast"][wrong.name] and tensor in found["verilator"][wrong.name]


@pytest.mark.compiler
def test_what_ends_a_whole_batch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that dies of one network says which one."""
    cases = [drawn(number) for number in range(5)]

    def dies(given: list[Case], _: Path) -> dict[str, dict[str, str]]:
        if cases[3] in given:
            raise RuntimeError("broken")
        return {"fast": {}}

    monkeypatch.setitem(engines.ENGINES, "fast", dies)
    assert engines.run_engines(cases, ["fast"])["fast"] == {cases[3].name: "RuntimeError: broken"}


def test_a_seed_is_a_case() -> None:
    """The same network, folding and stimuli each time."""
    one, two = (drawn(3) for _ in range(2))
    assert serial.digest(one.program) == serial.digest(two.program) and one.plan.folds == two.plan.folds
    assert all(np.array_equal(x, two.inputs[name]) for name, x in one.inputs.items())
    assert serial.digest(drawn(4).program) != serial.digest(one.program)


def test_stimuli_have_corners() -> None:
    x = stimuli({"a": TensorType((3, 2, 2), 5, True)}, 1)["a"]
    assert (x[1] == -16).all() and (x[2] == 15).all() and set(np.unique(x[3])) == {-16, 15} and x[3, 0, 0, 0] == 15
    assert set(np.unique(x[4])) <= {-16, 15}


def test_a_failing_case_is_shrunk_and_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An engine that cannot add fails; what is kept has an addition and little else, and fails again."""

    def wrong(cases: list[Case], _: Path) -> dict[str, dict[str, str]]:
        return {"fast": {case.name: "no" for case in cases if any(op.kind == "add" for op in case.program.ops)}}

    number = next(n for n in range(40) if any(op.kind == "add" for op in drawn(n).program.ops))
    monkeypatch.setitem(engines.ENGINES, "fast", wrong)
    folder = shrinking.keep(STEP * SEED + number, ["fast"], tmp_path)
    assert folder is not None and shrinking.kept_folders(tmp_path) == [folder]
    case = shrinking.kept(folder, "again")
    kinds = [op.kind for op in case.program.ops]
    assert kinds.count("add") == 1 and len(kinds) <= 2, kinds
    assert wrong([case], tmp_path)["fast"] == {"again": "no"}


def test_counts() -> None:
    """Tensors, values and bits of a case, by engine; and what was never drawn."""
    tally, case = Tally(), drawn(1)
    tally.compare(case, True)
    sizes = {name: (t.pixels * t.channels, t.bits) for name, t in case.program.types.items()}
    fast, hls = tally.engines["fast"], tally.engines["hls"]
    assert fast.values == 6 * sum(sizes[op.name][0] for op in case.program.ops)
    assert hls.bits == 6 * sum(sizes[name][0] * sizes[name][1] for name in case.outputs())
    assert tally.engines["verilator"].values == 2 * tally.engines["icarus"].values
    assert "conv" in tally.never()["operation"]
