"""The killers of proof/mutation/rtl: the library passes them, in the cycles recorded, and they notice some mutants.

`make mutants` tries more, and `make mutants DEEP=1` all.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from builds import DEEP

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "proof" / "mutation" / "rtl"))
from campaign import Bench, Module
from killers import RUNS, chosen
from operators import RTL, library
from score import explained

SHARE = 0.02 if DEEP else 0.002
KILLERS = 14


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("mutation"))


def test_every_module_has_killers() -> None:
    assert chosen().keys() == {path.stem for path in RTL.glob("hwq_*.sv")}


def test_killers_are_known(bench: Bench) -> None:
    """Each is one of the pool, with what its runs are known by."""
    labels = {label for blocks in bench.labels.values() for labels in blocks.values() for label in labels}
    assert labels == bench.marks.keys() and labels <= bench.pool.keys()


@pytest.mark.icarus
def test_the_library_passes(bench: Bench) -> None:
    """The first killer of each module, or all: every stream is right, and the marks of its runs are as recorded."""
    firsts = {label for labels in chosen().values() for label in (labels["any"] if DEEP else labels["any"][:1])}
    for label in sorted(firsts):
        killer = bench.killer(label, bench.work)
        program = killer.compile({})
        assert program is not None
        for run in RUNS:
            assert killer.complaint(program, run) == "", f"{label}: {killer.run(program, run)}"


@pytest.mark.icarus
def test_a_sample_of_mutants_is_noticed(bench: Bench) -> None:
    """Each is killed, or has a reason in survivors.toml."""
    reasons, left = explained(), []
    for name, every in library().items():
        module = Module(name, every, bench.labels[name], stored=False)
        for mutant in (mutant for mutant in every if int(mutant.key, 16) < SHARE * 16**12):
            if mutant.key not in reasons and module.run(mutant, bench, bench.work, KILLERS).status == "survived":
                left.append(mutant)
    assert left == []
