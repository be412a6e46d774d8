"""One run of a build in C++: compile its testbench with a C++ compiler, drive it, and read what it says."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hwq.arith import IntArray
from hwq.emit.vectors import stimulus, vector_files
from hwq.errors import BadInput, CheckFailed
from hwq.hw.plan import Plan
from hwq.quant import Progress, silent
from hwq.verify import tools
from hwq.verify.check import Build, Verification
from hwq.verify.cpp import COMPILER, compile_network
from hwq.verify.explain import explain
from hwq.verify.streams import StreamResult, port_results

FLAGS = ("-std=c++17", "-O2")
RUN_TIMEOUT = 3600.0

_RESULT = re.compile(r"^HWQ_RESULT (PASS|FAIL) frames=(\d+) seconds=([\d.]+)", re.MULTILINE)
_TROUBLE = re.compile(r"^HWQ_(?:MISMATCH|ERROR).*$", re.MULTILINE)


def verify_hls(
    build: Build, samples: int = 4, inputs: dict[str, IntArray] | None = None, progress: Progress = silent
) -> Verification:
    """Compare the C++ of `build` with the simulator, bit for bit, up to the first difference.

    Parameters
    ----------
    samples
        Frames to compare: the samples that the program carries, then random integers.
    inputs
        Other samples: input tensor to integers (samples, height, width, channels).
    progress
        Is told each step.

    Raises
    ------
    BadInput, ToolMissing, CheckFailed
        When the build cannot be used, there is no compiler, or the C++ does not compile.
    """
    plan = build.plan
    chosen = stimulus(plan.program, samples) if inputs is None else {k: x[:samples] for k, x in inputs.items()}
    count = len(next(iter(chosen.values())))
    progress(f"Compiling with {COMPILER}", None)
    program, building = compile_hls(build.folder, plan.program.name)
    progress(f"Running {count} samples", None)
    found = run_hls(program, plan, chosen)
    return Verification(
        COMPILER, count, 0.0, 0 if found.passed else 1, None, plan.interval, None, plan.frame_latency,
        plan.multipliers, None, found.trouble, building, found.seconds / count, streams=found.streams,
    )  # fmt: skip


def compile_hls(folder: Path, top: str) -> tuple[Path, float]:
    """The compiled testbench of the build in `folder`, and the seconds that took; 0 where it was there already."""
    sources = [folder / "hls" / f"{top}.cpp", folder / "hls" / f"tb_{top}.cpp"]
    if not all(source.is_file() for source in sources):
        raise BadInput(f"{folder}: holds no hls/{top}.cpp, expected a build of --backend hls. Generate it again.")
    return compile_network(folder, sources, FLAGS)


@dataclass(frozen=True, slots=True)
class HlsOutcome:
    """What a testbench said: the verdict, lines about trouble, each output port, and the seconds inside the network."""

    passed: bool
    trouble: tuple[str, ...]
    streams: tuple[StreamResult, ...]
    seconds: float


def run_hls(program: Path, plan: Plan, inputs: dict[str, IntArray]) -> HlsOutcome:
    """Compare what a compiled testbench gives with what the simulator gives."""
    frames = len(next(iter(inputs.values())))
    with tempfile.TemporaryDirectory(prefix="hwq-verify-") as scratch:
        for name, words in vector_files(plan, inputs, inner=False):
            Path(scratch, name).write_text("\n".join(words) + "\n", "ascii")
        done = tools.run([str(program), str(frames), scratch], cwd=Path(scratch), timeout=RUN_TIMEOUT)
    result = _RESULT.search(done.output)
    trouble = tuple(explain(plan, match.group()) for match in _TROUBLE.finditer(done.output))
    if result is None:
        raise CheckFailed(
            f"the testbench ended without a result, expected a line HWQ_RESULT. It said: {done.output[-400:]!r}"
        )
    passed = result[1] == "PASS" and int(result[2]) == frames and not trouble and done.returncode == 0
    return HlsOutcome(passed, trouble, port_results(plan, done.output, int(result[2])), float(result[3]))
