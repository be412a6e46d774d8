"""One verification that several tests look at, also from several processes of pytest-xdist: it runs once."""

from __future__ import annotations

import fcntl
import hashlib
import pickle
import shlex
from dataclasses import dataclass
from pathlib import Path

from hwq import api
from hwq.errors import HwqError
from hwq.verify.check import Verification


@dataclass(frozen=True, slots=True)
class Job:
    """A verification to run.

    `given` is the build's folder as the user wrote it, `folder` where it lies; `simulator` is None for C++.
    """

    given: str
    folder: Path
    simulator: str | None
    samples: int
    stall: float
    seed: int
    gate: bool = False

    @property
    def command(self) -> str:
        """The command line that does the same."""
        words = ["hwq", "verify", self.given]
        if self.simulator is not None:
            words += ["--sim", self.simulator, "--gate" if self.gate else "--trace"]
        words += ["-n", str(self.samples)]
        if self.simulator is not None:
            words += ["--stall", f"{self.stall:g}", "--seed", str(self.seed)]
        return shlex.join(words)

    def run(self) -> Finished:
        """Verify the build, now."""
        try:
            (run,) = api.verify(
                self.folder, self.simulator, self.samples, self.stall,
                trace=self.simulator is not None and not self.gate, seed=self.seed, gate=self.gate,
            )  # fmt: skip
        except HwqError as error:
            return Finished(None, str(error))
        return Finished(run)


@dataclass(frozen=True, slots=True)
class Finished:
    """The result, or why there is none."""

    run: Verification | None
    error: str = ""


def finished(job: Job, place: Path) -> Finished:
    """The result of `job`: the first that asks runs it, others wait and read what that one wrote into `place`.

    Parameters
    ----------
    place
        A folder of this run of pytest, which nobody else can write.
    """
    name = hashlib.sha256(repr(job).encode()).hexdigest()[:32]
    with (place / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = place / name
        if path.is_file():
            found = pickle.loads(path.read_bytes())
            assert isinstance(found, Finished)
            return found
        result = job.run()
        path.write_bytes(pickle.dumps(result))
        return result
