"""Networks that some engine once got wrong, or that nearly all can get wrong: all engines agree on them for ever."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
for folder in ("tests/property", "tests/frontend", "proof/networks"):
    sys.path.insert(0, str(ROOT / folder))

from network_engines import ENGINES, run_engines  # noqa: E402
from network_shrink import kept, kept_folders  # noqa: E402

CASES = {f"r{number}": folder for number, folder in enumerate(kept_folders())}


@pytest.mark.compiler
@pytest.mark.verilator
@pytest.mark.icarus
def test_kept_cases() -> None:
    assert CASES
    cases = [kept(folder, name) for name, folder in CASES.items()]
    for engine, troubles in run_engines(cases, ENGINES).items():
        assert not troubles, (engine, {str(CASES[name]): said for name, said in troubles.items()})
