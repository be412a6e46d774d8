"""Formal proofs of the RTL library: every harness of this folder, with the parameters of proofs.py.

    python proof/formal/run.py                  the quick proofs
    python proof/formal/run.py --deep           all proofs, all mutants and all netlists
    python proof/formal/run.py --only fifo      those whose harness's name contains the word
    python proof/formal/run.py --mutants        break modules on purpose: each proof has to notice
    python proof/formal/run.py --netlists       compare modules with what Yosys made of them
    python proof/formal/run.py --deep --write   and write the tables of docs/formal.md

A proof that went well is kept by the content of its files (in the cache of hwq, see HWQ_CACHE) and not done again;
`--no-cache` does it again. The command fails when a proof does.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import flow
import gates
from proofs import FILES, MUTANTS, PROOFS, Mutant, Proof
from results import Result, kept

from hwq.errors import CheckFailed

PAGE = flow.ROOT / "docs" / "formal.md"
SECONDS = 600
"""What one proof may take."""


def check(proof: Proof, *, cache: bool = True) -> Result:
    """Do a proof, or take its result from the cache."""
    return _kept(proof, lambda: _check(proof)) if cache else _check(proof)


def catches(mutant: Mutant) -> Result:
    """Break a module and do the proof of it; a good result says that the proof noticed."""
    return _kept(mutant, lambda: _catches(mutant))


def _check(proof: Proof) -> Result:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hwq-formal-") as scratch:
        folder = Path(scratch)
        names, asserts = _model(proof, folder, ())
        answer = _answer(proof, folder, asserts)
        covers = flow.model(folder, names, f"formal_{proof.harness}", proof.params, flow.COVERS)
        places = flow.reach(folder, covers, proof.cycles)
    missing = sorted(set(covers) - set(places))
    if answer.state in ("proved", "bounded") and missing:
        answer = flow.Answer("vacuous", f"not reached in {proof.cycles} cycles: {', '.join(missing)}")
    return Result(answer.state, answer.detail, time.monotonic() - started, places)


def _answer(proof: Proof, folder: Path, asserts: list[str]) -> flow.Answer:
    """What the engine of the proof says; what `pdr` refutes, `bmc3` names."""
    if proof.method != "induction":
        answer = flow.bounded(folder, asserts, proof.cycles, SECONDS)
        whole = proof.method == "pipe" and answer.state == "bounded"
        return flow.Answer("proved") if whole else answer
    answer = flow.prove(folder, SECONDS)
    return flow.bounded(folder, asserts, 200, SECONDS) if answer.state == "refuted" else answer


def _catches(mutant: Mutant) -> Result:
    proof = mutant.proof
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hwq-formal-") as scratch:
        _, asserts = _model(proof, Path(scratch), (mutant.change,))
        answer = flow.bounded(Path(scratch), asserts, proof.cycles, SECONDS)
    state = "proved" if answer.state == "refuted" else "missed"
    return Result(state, answer.detail, time.monotonic() - started, {})


def _model(proof: Proof, folder: Path, changes: tuple[flow.Change, ...]) -> tuple[list[str], list[str]]:
    names = flow.prepare(folder, proof.harness, changes)
    for name, words in FILES.get(proof.harness, {}).items():
        (folder / name).write_text("\n".join(words) + "\n", encoding="utf-8")
    return names, flow.model(folder, names, f"formal_{proof.harness}", proof.params, flow.ASSERTIONS)


def _kept(subject: Proof | Mutant, work: Callable[[], Result]) -> Result:
    """The result of some work for a proof or a mutant, from the cache where it is there."""
    proof = subject if isinstance(subject, Proof) else subject.proof
    files = [*flow.sources(proof.harness), *sorted(flow.HERE.glob("inside/*.sv"))]
    return kept(files, {"files": FILES.get(proof.harness, {}), **asdict(subject)}, work)


def _proof_rows(proofs: Iterable[Proof], cache: bool) -> tuple[list[str], bool]:
    """Do proofs; return the rows of their table, and whether all went well."""
    rows, good = [], True
    for proof in proofs:
        result = check(proof, cache=cache)
        good &= result.good
        method = {"induction": "induction", "pipe": "any state"}.get(proof.method, f"{proof.cycles} cycles")
        print(f"{result.state:8} {result.seconds:6.1f} s  {proof.label}  {result.detail}", flush=True)
        rows.append(f"| {proof.harness} | {proof.settings or '-'} | {method} | {result.seconds:.1f} |")
    return rows, good


def _mutant_rows(mutants: Iterable[Mutant]) -> tuple[list[str], bool]:
    rows, good = [], True
    for mutant in mutants:
        result = catches(mutant)
        good &= result.good
        print(
            f"{'caught' if result.good else 'MISSED':8} {result.seconds:6.1f} s  {mutant.label}  {result.detail}",
            flush=True,
        )
        shown = [text.replace("|", "\\|") for text in (mutant.change.old.strip(), mutant.change.new.strip())]
        rows.append(f"| {mutant.proof.harness} | `{shown[0]}` | `{shown[1]}` | {result.detail} |")
    return rows, good


def _write(tables: dict[str, list[str]]) -> None:
    """Put rows into the tables of the page, each behind the line that names it."""
    text = PAGE.read_text(encoding="utf-8")
    for name, rows in tables.items():
        begin, end = f"<!-- {name}: run.py writes the rows -->", f"<!-- {name}: end -->"
        head, rest = text.split(begin, 1)
        old, tail = rest.split(end, 1)
        header = old.strip().splitlines()[:2]
        text = "\n".join([head + begin, "", *header, *rows, "", end]) + tail
    PAGE.write_text(text, encoding="utf-8")


def main() -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deep", action="store_true", help="all proofs, mutants and netlists")
    parser.add_argument("--only", default="", help="a part of the harness's or module's name")
    parser.add_argument("--mutants", action="store_true", help="break modules on purpose")
    parser.add_argument("--netlists", action="store_true", help="compare modules with netlists of Yosys")
    parser.add_argument("--write", action="store_true", help="write the tables of docs/formal.md")
    parser.add_argument("--no-cache", action="store_true", help="do all proofs again")
    wanted = parser.parse_args()
    if wanted.write and (wanted.only or not wanted.deep):
        parser.error("--write wants --deep and no --only: the tables hold everything")
    started = time.monotonic()
    tables: dict[str, list[str]] = {}
    good = True
    alone = wanted.mutants or wanted.netlists
    if wanted.deep or not alone:
        chosen = [one for one in PROOFS if wanted.only in one.harness and (wanted.deep or one.quick)]
        tables["proofs"], good = _proof_rows(chosen, not wanted.no_cache)
    if wanted.deep or wanted.mutants:
        tables["mutants"], fine = _mutant_rows(one for one in MUTANTS if wanted.only in one.proof.harness)
        good &= fine
    if wanted.deep or wanted.netlists:
        tables["netlists"], fine = gates.rows(wanted.only)
        good &= fine
    if wanted.write:
        _write(tables)
    print(f"{'all good' if good else 'NOT GOOD'} in {time.monotonic() - started:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CheckFailed as failure:
        sys.exit(str(failure))
