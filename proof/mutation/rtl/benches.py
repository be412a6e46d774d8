"""Module benches as killers: the cocotb tests of rtl_sim/ on mutants that no build notices.

    python proof/mutation/rtl/benches.py [MODULE ...]      by default every module with survivors

A bench sets parameters, protocols and damage that no network has; it takes seconds where a build takes a fraction of
one, so only survivors meet it, and of the cases of a bench only so many.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from campaign import FAST, Module, Result
from killers import chosen
from operators import ROOT, Mutant, library

sys.path.insert(0, str(ROOT / "rtl_sim"))
import runner

CASES = 8
"""Cases of a bench that a survivor meets, spread over all of them."""


def noticed(mutant: Mutant, text: str, most: int = CASES) -> str:
    """Run the bench of a module on a mutant; the case that fails."""
    name = f"test_{mutant.module}"
    cases = list(enumerate(runner.load(name).CASES))
    library_folders = runner.RTL
    with tempfile.TemporaryDirectory(dir=FAST) as scratch:
        os.environ["HWQ_CACHE"] = str(Path(scratch, "cache"))
        folder = Path(scratch, "rtl")
        folder.mkdir()
        (folder / f"{mutant.module}.sv").write_text(mutant.applied(text), "utf-8")
        runner.RTL, runner.WORK = (folder, *library_folders), Path(scratch, "work")
        try:
            for number, params in cases[:: -(-len(cases) // most)]:
                runner.run_case(name, params, "icarus", f"{mutant.module}-{number:02d}")
        except runner.SimulationFailed as failed:
            return "" if "does not build" in str(failed) else f"{name}-{number:02d}"
        finally:
            runner.RTL = library_folders
    return ""


def main() -> None:
    """Run the benches of modules on their survivors."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("modules", nargs="*")
    options.add_argument("--cases", type=int, default=CASES)
    options.add_argument("--minutes", type=float, default=1e6)
    given = options.parse_args()
    runner.TIMEOUT = 60
    until = time.monotonic() + 60 * given.minutes
    labels = chosen()
    for name, every in library().items():
        module = Module(name, every, labels[name])
        if given.modules and name not in given.modules:
            continue
        for mutant in every:
            result = module.results.get(mutant.key, Result())
            if result.status not in ("survived", "same") or "bench" in result.tried or time.monotonic() > until:
                continue
            result.tried.append("bench")
            if case := noticed(mutant, module.text, given.cases):
                result.status, result.killer, result.how = "killed", case, "bench"
            module.save()
            print(f"{mutant.key} {name}:{mutant.line} {result.status} {result.killer}", flush=True)


if __name__ == "__main__":
    main()
