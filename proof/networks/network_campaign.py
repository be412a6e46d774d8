"""A campaign: networks by seed, in batches, through all engines; failing ones are shrunk and kept."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

from hypothesis import HealthCheck, Phase, given, seed, settings
from network_case import Case
from network_engines import RTL, SOFTWARE, run_engines
from network_sources import REFUSED, Seen, drawn
from network_tally import Tally

BATCH = 24
"""Networks that share a compilation of C and C++."""
STEP = 1_000_000
"""Case n of a campaign has the seed STEP * (seed of the campaign) + n."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that is not equal everywhere: its seed, the engine (or "draw"), and what it said."""

    case: int
    engine: str
    trouble: str


@dataclass(slots=True)
class Result:
    """What a batch, or all of them, found."""

    tally: Tally = field(default_factory=Tally)
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    unlucky: int = 0

    def join(self, other: Result) -> None:
        """Add what another batch found."""
        self.tally.join(other.tally)
        self.refused.update(other.refused)
        self.failures += other.failures
        self.unlucky += other.unlucky


def examples(number: int, phases: Sequence[Phase], check: Callable[[Case, Seen], None]) -> None:
    """Let hypothesis draw the case of a seed, after the simplest case there is, and call `check` with both."""

    @seed(number)
    @settings(
        max_examples=2, database=None, phases=phases, deadline=None, report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(drawn(f"n{number}"))
    def look(made: tuple[Case, Seen]) -> None:
        check(*made)

    look()


def case_of(number: int) -> tuple[Case, Seen] | None:
    """The case of a seed; None when all that hypothesis drew was refused."""
    found: list[tuple[Case, Seen]] = []
    examples(number, [Phase.generate], lambda case, seen: found.append((case, seen)))
    return found[-1] if len(found) > 1 else None


def run_batch(numbers: Sequence[int], rtl: int) -> Result:
    """Draw cases and run them, the first `rtl` of them on the simulators as well."""
    result, cases = Result(), {}
    REFUSED.clear()
    for number in numbers:
        try:
            found = case_of(number)
        except Exception as error:  # a crash on the way to a program is a finding
            result.failures.append(Failure(number, "draw", f"{type(error).__name__}: {error}"))
            continue
        if found is None:
            result.unlucky += 1
            continue
        cases[found[0].name] = found[0]
        result.tally.draw(*found)
    result.refused.update(REFUSED)
    simulated = list(cases.values())[:rtl]
    troubles = run_engines(list(cases.values()), SOFTWARE) | run_engines(simulated, RTL)
    for engine, said in troubles.items():
        result.failures += [Failure(int(name[1:]), engine, trouble) for name, trouble in said.items()]
    for case in cases.values():
        result.tally.compare(case, case in simulated)
    return result


def campaign(
    number: int, networks: int, rtl: int, seconds: float, jobs: int, progress: Callable[[Result, float], None]
) -> Result:
    """Run `networks` cases, `rtl` of them on the simulators, or as many as begin within `seconds`."""
    total, begin = Result(), time.monotonic()

    def done(result: Result) -> None:
        total.join(result)
        progress(total, time.monotonic() - begin)

    batches = _batches(number, networks, rtl)
    if jobs == 1:
        for batch in batches:
            if time.monotonic() - begin > seconds:
                break
            done(run_batch(*batch))
        return total
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting: list[Future[Result]] = []
        for batch in batches:
            if len(waiting) >= jobs:
                done(waiting.pop(0).result())
            if time.monotonic() - begin > seconds:
                break
            waiting.append(pool.submit(run_batch, *batch))
        for future in waiting:
            done(future.result())
    return total


def _batches(number: int, networks: int, rtl: int) -> Iterator[tuple[list[int], int]]:
    """Numbers of cases, and how many of them go to the simulators: spread evenly."""
    for start in range(0, networks, BATCH):
        end = min(start + BATCH, networks)
        yield [STEP * number + n for n in range(start, end)], rtl * end // networks - rtl * start // networks
