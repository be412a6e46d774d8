"""The contestants of the speed benchmark: where each runs, and how it is told to.

hwq and onnxruntime run in the environment of the benchmark; qonnx and hls4ml in environments of their own, made as
those of `environments.py` are.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from peers.environments import SCRIPTS, Tool, last_error

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
OPEN_SECONDS = 600

EMULATORS = {
    tool.name: tool
    for tool in (
        Tool("qonnx", "qonnx_executor.py", ("qonnx==1.0.0", "onnx==1.19.1", "onnxruntime==1.31.1", "numpy==2.4.6"), ()),
        Tool(
            "hls4ml",
            "hls4ml_emulation.py",
            ("hls4ml==1.3.0", "qonnx==1.0.0", "onnx==1.19.1", "onnxruntime==1.31.1", "numpy==2.4.6"),
            (),
        ),
    )
}
"""The peers that need environments, by name; both read QONNX files."""
OWN = {"hwq": "hwq_simulator.py", "onnxruntime": "onnxruntime_session.py"}
"""Scripts that run where the benchmark runs."""


class Failed(Exception):
    """A contestant that cannot compete, and why."""


class Contestant:
    """A running process that answers; see `clock.py`.  It ends with the `with` block."""

    def __init__(self, tool: str, setting: str, model: Path, samples: Path, out: Path, threads: int) -> None:
        python, script = Path(sys.executable), OWN.get(tool, "")
        if tool in EMULATORS:
            if (reason := EMULATORS[tool].install()) is not None:
                raise Failed(f"does not install: {reason}")
            python, script = EMULATORS[tool].python, EMULATORS[tool].script
        command = [str(python), str(SCRIPTS / script), "--setting", setting, "--threads", str(threads)]
        for name, path in {"model": model, "samples": samples, "out": out}.items():
            command += [f"--{name}", str(path)]
        self.out, self.log = out, out.with_suffix(".log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | dict.fromkeys(THREADS, str(threads)),
            )
        try:
            self.opened: dict[str, Any] = self._answer()
        except Failed:
            self.process.kill()
            self.process.communicate()
            raise

    def __enter__(self) -> Contestant:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, command: str) -> Any:
        """The answer to `batch`, `single` or `memory`."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # what ended it is in its log
            self.process.stdin.write(f"{command}\n")
            self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        timer = threading.Timer(OPEN_SECONDS, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        if line:
            return json.loads(line)
        raise Failed(last_error(self.log.read_text()) or f"ends without an answer; see {self.log}")
