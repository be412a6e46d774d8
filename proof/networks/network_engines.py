"""All engines over a batch of cases, in folders of their own; a batch that fails as a whole is halved."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from network_case import Case, Troubles
from rtl_engines import icarus, verilator
from software_engines import c_model, cpp, fast, golden_model

Engine = Callable[[Sequence[Case], Path], dict[str, Troubles]]

SOFTWARE: dict[str, Engine] = {"fast": fast, "golden": golden_model, "c": c_model, "cpp": cpp}
RTL: dict[str, Engine] = {"verilator": verilator, "icarus": icarus}
ENGINES = SOFTWARE | RTL


def run_engines(cases: Sequence[Case], engines: Iterable[str]) -> dict[str, Troubles]:
    """What each engine does not give as the definition says; by the names that engines give themselves."""
    found: dict[str, Troubles] = {}
    for name in engines:
        found |= _run(name, cases) if cases else {}
    return found


def troubles_of(case: Case, engines: Iterable[str]) -> str | None:
    """What is wrong with one case."""
    lines = [f"{name}: {said[case.name]}" for name, said in run_engines([case], engines).items() if said]
    return "\n".join(lines) or None


def _run(name: str, cases: Sequence[Case]) -> dict[str, Troubles]:
    with tempfile.TemporaryDirectory(prefix="hwq-networks-") as folder:
        try:
            return ENGINES[name](cases, Path(folder))
        except Exception as error:  # whatever an engine dies of is a finding
            failure = f"{type(error).__name__}: {error}"
    if len(cases) == 1:
        return {name: {cases[0].name: failure}}
    half, found = len(cases) // 2, {}
    for part in (cases[:half], cases[half:]):
        for engine, said in _run(name, part).items():
            found.setdefault(engine, {}).update(said)
    return found
