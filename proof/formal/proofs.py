"""Which proofs there are: harness, parameters, method; and the mutants that each harness has to notice.

`induction` holds for ever: ABC finds an invariant. `pipe` does too: registers of a pipeline without feedback begin with
any value, so a check after its latency is one after any past; `cycles` covers the latency. `bounded` looks at all
behaviour of `cycles` cycles from reset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flow import Change


@dataclass(frozen=True, slots=True)
class Proof:
    """A harness with parameters. `cycles` also bounds the way to the places that it covers."""

    harness: str
    params: Mapping[str, int | str]
    method: str = "induction"
    cycles: int = 20
    quick: bool = False

    @property
    def settings(self) -> str:
        """The parameters as text."""
        return " ".join(f"{name}={value}" for name, value in self.params.items())

    @property
    def label(self) -> str:
        """Harness and parameters as text."""
        return f"{self.harness} {self.settings}".strip()


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of the library that the proof has to notice within its cycles."""

    proof: Proof
    change: Change

    @property
    def label(self) -> str:
        """Harness and change as text."""
        return f"{self.proof.label}: {self.change.old.strip()} -> {self.change.new.strip()}"


def _words(width: int, *fields: tuple[int, ...]) -> tuple[str, ...]:
    """Words of a memory file: the fields of each, the lowest first, of `width` bits."""
    mask = (1 << width) - 1
    return tuple(f"{sum((value & mask) << (width * i) for i, value in enumerate(word)):x}" for word in fields)


FILES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "const": {"const.mem": ("5", "2", "3")},
    "pattern": {"step.mem": ("6", "1"), "beat.mem": ("2", "5", "3")},
    "crop": {"step.mem": ("1", "0"), "beat.mem": ("0", "1", "1")},
    "threshold": {"threshold.mem": _words(4, (-3, 0, 2), (-5, 1, 1))},
    "prelu": {"prelu.mem": ("e", "1", "9")},
    "table": {"table.mem": tuple(f"{(d & 63) << 5 | e & 31:x}" for e, d in ((-7, 10), (3, -5), (-2, 13), (11, -4)))},
}
"""Memory files of a harness."""

def _all(harness: str, *sets: Mapping[str, int | str], **options: object) -> list[Proof]:
    """Proofs of one harness; the first one is quick unless `options` say something else."""
    quick = options.pop("quick", True)
    return [
        Proof(harness, params, quick=bool(quick) and i == 0, **options)  # type: ignore[arg-type]
        for i, params in enumerate(sets or ({},))
    ]
