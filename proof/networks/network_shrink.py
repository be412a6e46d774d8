"""Failing cases: shrunk by hypothesis, written into tests/regressions, and read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import Phase
from network_campaign import examples
from network_case import Case, make_case
from network_engines import troubles_of
from network_sources import Seen

from hwq.hw.folding_file import folding_text, parse_folding
from hwq.ir import serial
from hwq.ir.text import dump

REGRESSIONS = Path(__file__).resolve().parents[2] / "tests" / "regressions"
_ENGINE_OF = {"hls": "cpp", "native": "cpp"}


def keep(number: int, engines: Sequence[str], root: Path = REGRESSIONS) -> Path | None:
    """The folder with the smallest case that hypothesis finds where the seed's case fails; None when nothing fails.

    A case that fails before there is a program raises what it fails with; the notes on it hold the smallest draw.
    """
    wanted = list(dict.fromkeys(_ENGINE_OF.get(name, name) for name in engines if name != "draw")) or ["fast"]
    last: list[tuple[Case, str]] = []

    def check(case: Case, _: Seen) -> None:
        if trouble := troubles_of(case, wanted):
            last.append((case, trouble))
            raise AssertionError(trouble)

    try:
        examples(number, [Phase.generate, Phase.shrink], check)
    except Exception:
        if not last:
            raise
    return save(*last[-1], number, root) if last else None


def save(case: Case, trouble: str, number: int, root: Path = REGRESSIONS) -> Path:
    """Write a case into a folder of its own, which is named after its operations and its content."""
    kinds = list(dict.fromkeys(op.kind for op in case.program.ops))
    program = replace(case.program, name="net", samples=case.inputs)
    folder = root / "-".join([*kinds[:3], serial.digest(program)[:8]])
    folder.mkdir(parents=True, exist_ok=True)
    serial.save(program, folder / "net.hwq")
    (folder / "folding.json").write_text(json.dumps(folding_text(case.plan.folds), indent=1) + "\n", "utf-8")
    text = f"Case {number} of proof/networks, from {case.source}.\n\n{trouble}\n\n{dump(program)}\n"
    (folder / "README.txt").write_text(text, "utf-8")
    return folder


def kept(folder: Path, name: str) -> Case:
    """The case in a folder."""
    program = serial.load(folder / "net.hwq")
    folding = json.loads((folder / "folding.json").read_text("utf-8"))
    inputs = {tensor: np.asarray(x, np.int64) for tensor, x in program.samples.items()}
    return make_case(name, "kept", program, parse_folding(folding, program, str(folder)), inputs)


def kept_folders(root: Path = REGRESSIONS) -> list[Path]:
    """All folders of kept cases, by name."""
    return sorted(path.parent for path in root.glob("*/net.hwq"))
