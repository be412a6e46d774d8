"""Random networks through every engine of hwq: all integers must be equal.

    python proof/networks/run.py --networks 200 --rtl 30 --seed 7     so many networks; so many also as RTL
    python proof/networks/run.py --seconds 200                        as many as begin within so many seconds
    python proof/networks/run.py --case 7000012                       one case again, engine by engine

Each network is compared with the plain executor: fast executor, golden model (onnxruntime), C, C++ for HLS, native
engine; and its RTL on Verilator and Icarus, with stalls, on every inner stream.  ONNX graphs are compared with
onnxruntime before that.  A failing case is shrunk and kept in tests/regressions (see docs/fuzzing.md); exit code 1.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for folder in ("tests", "tests/property", "tests/frontend", "proof/networks"):
    sys.path.insert(0, str(ROOT / folder))

from network_campaign import Result, campaign, case_of  # noqa: E402
from network_engines import ENGINES, run_engines  # noqa: E402
from network_shrink import keep  # noqa: E402

from hwq.hw.folding_file import folding_text  # noqa: E402
from hwq.ir.text import dump  # noqa: E402

MANY = 1_000_000
DEEP = 1000
"""Networks from which on each operation must have been drawn."""
KEPT = 3
"""Failures of a run that are shrunk."""


def main() -> int:
    """Run; the exit code."""
    given = _arguments()
    if given.case is not None:
        return _one(given.case)
    number = random.SystemRandom().randrange(1, 2000) if given.seed is None else given.seed
    networks = given.networks or MANY
    rtl = round(networks * 0.15) if given.rtl is None else min(given.rtl, networks)
    print(f"seed {number}: --seed {number} runs the same networks again", flush=True)
    begin = time.monotonic()

    def progress(result: Result, seconds: float) -> None:
        _progress(result, seconds)
        if given.json:  # so that what a run compared is there should it be stopped
            _write(given.json, number, result, seconds)

    result = campaign(number, networks, rtl, given.seconds, given.jobs, progress)
    took = time.monotonic() - begin
    print(result.tally.text())
    refused = ", ".join(f"{count}x {text!r}" for text, count in result.refused.most_common())
    print(f"refused: {refused or 'nothing'}; {result.unlucky} seeds without a network")
    drawn = sum(result.tally.counts.get("source", {}).values())
    never = {name: missing for name, missing in result.tally.never().items() if missing and drawn >= DEEP}
    print(f"{drawn:,} networks in {took:.0f} s, {len(result.failures)} mismatches")
    for failure in result.failures:
        print(f"FAIL case {failure.case} {failure.engine}: {failure.trouble}")
    for case in list(dict.fromkeys(failure.case for failure in result.failures))[:KEPT]:
        print(f"shrinking case {case}", flush=True)
        engines = sorted({one.engine for one in result.failures if one.case == case})
        try:
            kept = keep(case, engines)
        except Exception as error:  # of the way to a program: what hypothesis drew is in its notes
            print("\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]), flush=True)
            continue
        print(f"kept in {kept}" if kept else "it does not fail again: run --case to see it", flush=True)
    return 1 if result.failures or never else 0


def _one(number: int) -> int:
    """Replay a case."""
    found = case_of(number)
    if found is None:
        print(f"case {number}: no network, all that was drawn is refused")
        return 0
    case = found[0]
    print(f"source {case.source}\n{dump(case.program)}\n{json.dumps(folding_text(case.plan.folds))}")
    failed = False
    for engine, said in run_engines([case], ENGINES).items():
        failed |= bool(said)
        print(f"{engine}: {said.get(case.name, 'equal')}", flush=True)
    return int(failed)


def _write(path: Path, number: int, result: Result, seconds: float) -> None:
    failures = [{"case": one.case, "engine": one.engine, "trouble": one.trouble} for one in result.failures]
    report = {"seed": number, "seconds": round(seconds), "refused": dict(result.refused), "failures": failures}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report | result.tally.as_json(), indent=1) + "\n", "utf-8")


def _progress(result: Result, seconds: float) -> None:
    compared = {name: one.networks for name, one in result.tally.engines.items()}
    counts = f"{compared.get('fast', 0):,} networks, {compared.get('verilator', 0):,} as RTL"
    print(f"{seconds:6.0f} s  {counts}, {len(result.failures)} mismatches", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, help="networks; without end when left out")
    parser.add_argument("--rtl", type=int, help="how many of them also run as RTL; 15 of 100 when left out")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no more batches after so many seconds")
    parser.add_argument("--seed", type=int, help="of the campaign; drawn when left out")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--case", type=int, help="replay the case of this seed")
    parser.add_argument("--json", type=Path, help="write the report here")
    given = parser.parse_args()
    if given.networks is None and given.seconds >= 1e9 and given.case is None:
        parser.error("give --networks, --seconds or --case")
    return given


if __name__ == "__main__":
    sys.exit(main())
