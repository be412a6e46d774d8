"""Formal proofs of the RTL library (proof/formal): the quick ones, and mutants that they have to notice."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "proof" / "formal"))

import flow
import gates
import run
from proofs import FILES, MUTANTS, PROOFS, Mutant, Proof

from hwq.errors import CheckFailed

QUICK = [proof for proof in PROOFS if proof.quick]
CAUGHT = ("fifo", "credit", "fork", "requant", "mul_logic", "argmax")
SEEN: dict[str, Mutant] = {mutant.proof.harness: mutant for mutant in MUTANTS}
HARNESSES = sorted(path.stem for path in flow.HERE.glob("sv/*.sv") if path.stem != "checks")
UNTOUCHED = {"hwq_softmax_exp", "hwq_recur", "hwq_rom", "hwq_interpolate", "hwq_macs", "hwq_weights"}
"""Modules without a harness of their own: those of others hold them."""


@pytest.mark.formal
@pytest.mark.parametrize("proof", QUICK, ids=[proof.label for proof in QUICK])
def test_proof(proof: Proof) -> None:
    result = run.check(proof)
    assert (result.state, result.detail) == ("proved", "")
    assert result.places


@pytest.mark.formal
@pytest.mark.parametrize("harness", CAUGHT)
def test_mutant_is_caught(harness: str) -> None:
    result = run.catches(SEEN[harness])
    assert result.state == "proved", SEEN[harness].label
    assert "in cycle" in result.detail


@pytest.mark.formal
@pytest.mark.parametrize("pair", [pair for pair in gates.PAIRS if pair.quick], ids=lambda pair: pair.module)
def test_netlist(pair: gates.Pair) -> None:
    assert gates.compare(pair, "synth").state == "proved"


def test_every_harness_has_proofs_and_mutants() -> None:
    assert HARNESSES == sorted({proof.harness for proof in PROOFS}) == sorted(SEEN)
    assert set(FILES) <= set(HARNESSES)


def test_every_module_is_proved_or_named() -> None:
    """A new module of the library gets a harness, or stands here."""
    held = {f"hwq_{name}" for name in HARNESSES}
    modules = {path.stem for path in flow.RTL.glob("hwq_*.sv")}
    assert modules - held == UNTOUCHED
    inside = {path.stem for harness in HARNESSES for path in flow.sources(harness)}
    assert inside >= UNTOUCHED


@pytest.mark.parametrize("mutant", MUTANTS, ids=[str(i) for i in range(len(MUTANTS))])
def test_mutants_change_one_place(mutant: Mutant, tmp_path: Path) -> None:
    flow.prepare(tmp_path, mutant.proof.harness, (mutant.change,))
    assert mutant.change.new in (tmp_path / mutant.change.file).read_text(encoding="utf-8")


def test_change_of_text_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="found 0 times, expected once"):
        flow.prepare(tmp_path, "fork", (flow.Change("hwq_fork.sv", "no such text", ""),))


def test_contract_checks_become_assertions(tmp_path: Path) -> None:
    flow.prepare(tmp_path, "credit")
    text = (tmp_path / "hwq_credit.sv").read_text(encoding="utf-8")
    assert "$fatal" not in text
    assert len(re.findall(r"assert \(\$initstate\);", text)) == 4


def test_page_has_a_row_for_each_proof() -> None:
    page = run.PAGE.read_text(encoding="utf-8")
    assert page.count("\n| ") > len(PROOFS)
    missing = [proof.label for proof in PROOFS if f"| {proof.harness} | {proof.settings or '-'} |" not in page]
    assert missing == []
