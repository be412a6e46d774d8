"""Results of `hwq verify`: lines for a terminal, plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.text import Text

from hwq.verify.check import Verification


def verification_lines(runs: Sequence[Verification]) -> list[Text]:
    """One line for each simulator, and the first mismatches where there are any."""
    lines = []
    for run in runs:
        verdict = "bit-exact" if run.passed else f"{run.mismatches:,} MISMATCHES"
        text = f"{run.simulator:10} {run.samples:,} sample{'s' if run.samples > 1 else ''} {verdict}"
        text += f", {run.cells:,} gates, registers and memories" if run.cells is not None else ""
        text += f", stalls {run.stall:g}" if run.stall else ""
        if run.cycles_per_frame is not None:
            text += f", {run.cycles_per_frame:,.0f} cycles a frame (formula {run.cycles_formula:,})"
        if run.latency is not None:
            text += f", latency {run.latency:,} (formula {run.latency_formula:,})"
        lines.append(Text(text, style="green" if run.passed else "bold red"))
        lines += [Text(f"  {line}", style="red") for line in run.trouble]
    return lines


def notes(runs: Sequence[Verification], trace: bool, waves: Path | None) -> list[str]:
    """What else there is to say: which streams were not compared, and what was kept to look at."""
    found = []
    if trace and any(run.cells is not None for run in runs):
        found.append("A netlist has no inner streams: only the output ports were compared.")
    for run in runs:
        found += [run.waves.describe()] if run.waves else []
    if waves is not None and not found and all(run.passed for run in runs):
        old = f" {waves} is of an earlier run." if waves.exists() else ""
        found.append(f"No mismatch, so no waveform was kept.{old}")
    return found


def as_json(runs: Sequence[Verification]) -> dict[str, Any]:
    """All runs as one object; cycles are those of the first simulator that measured them."""
    measured = next((run for run in runs if run.cycles_per_frame is not None), runs[0])
    return {
        "simulator": runs[0].simulator if len(runs) == 1 else "all",
        "samples": min(run.samples for run in runs),
        "mismatches": sum(run.mismatches for run in runs),
        "cycles_per_frame": measured.cycles_per_frame,
        "cycles_formula": measured.cycles_formula,
        "latency": measured.latency,
        "latency_formula": measured.latency_formula,
        "multipliers": measured.multipliers,
        "utilisation": measured.utilisation,
        "passed": all(run.passed for run in runs),
        "runs": [{**asdict(run), "passed": run.passed} for run in runs],
    }
