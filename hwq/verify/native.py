"""The native engine: a program as C++, compiled for this machine, through which samples run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from hwq.emit.hls.native import MAIN, native_texts
from hwq.errors import BadInput, CheckFailed
from hwq.hw.plan import Edge, make_plan
from hwq.hw.widest import widest
from hwq.ir.program import Program
from hwq.quant import Progress, silent
from hwq.sim.chunks import Tensors
from hwq.sim.given import Integers, checked_inputs, samples_of
from hwq.verify import tools
from hwq.verify.cpp import COMPILER, compile_network

NAME = "network"
"""The network's function in C++, whatever the program is called."""
FLAGS = ("-std=c++17", "-O3")
HERE = "-march=native"
"""Lets g++ use all instructions of this machine."""
RUN_TIMEOUT = 86400.0


class NativeSimulator:
    """Computes what `hwq.Simulator` computes, integer by integer, in one thread of a program made by g++.

    Attributes
    ----------
    seconds
        Wall time of the compilation, 0 when the same was compiled before.
    """

    def __init__(self, program: Program, progress: Progress = silent) -> None:
        """Generate and compile `program`.

        Raises
        ------
        ToolMissing
            When there is no g++.
        BadInput, CheckFailed
            When an operation has no kernel, or the C++ does not compile.
        """
        self.program = program
        tool = tools.require(COMPILER)
        progress("Generating C++", None)
        self._plan = make_plan(replace(program, name=NAME), widest(program))
        with tempfile.TemporaryDirectory(prefix="hwq-native-") as scratch:
            folder = Path(scratch)
            for name, text in native_texts(self._plan).items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text, "utf-8")
            machine = tools.run([str(tool.path), HERE, "-dM", "-E", "-x", "c++", os.devnull], cwd=folder, timeout=60.0)
            flags = (*FLAGS, HERE) if machine.returncode == 0 else FLAGS
            progress(f"Compiling with {COMPILER}", None)
            sources = [folder / "hls" / f"{NAME}.cpp", folder / MAIN]
            self._compiled, self.seconds = compile_network(folder, sources, flags, machine.output)

    def __call__(self, inputs: Mapping[str, Integers]) -> Tensors:
        """Compute all samples: takes and returns what a call of `hwq.sim.Simulator` does.

        Raises
        ------
        BadInput
            As there, or when the disk is full.
        CheckFailed
            When the compiled program fails.
        """
        given = checked_inputs(self.program, inputs)
        frames = samples_of(given)
        with tempfile.TemporaryDirectory(prefix="hwq-native-") as scratch:
            folder = Path(scratch)
            try:
                for edge in self._plan.inputs:
                    self._write(folder, edge, given[edge.port.tensor])
            except OSError as error:
                raise BadInput(f"{folder}: cannot hold the samples ({error}). Set TMPDIR.") from None
            done = tools.run([str(self._compiled), str(frames), scratch], cwd=folder, timeout=RUN_TIMEOUT)
            if done.returncode != 0:
                raise CheckFailed(
                    f"{self.program.name}: the native engine ended with exit code {done.returncode}, expected 0. It "
                    f"said: {done.output[-400:]!r}"
                )
            return {edge.port.tensor: self._read(folder, edge, frames) for edge in self._plan.outputs}

    def _write(self, folder: Path, edge: Edge, x: Integers) -> None:
        x.tofile(folder / f"{edge.prefix}.bin")

    def _read(self, folder: Path, edge: Edge, frames: int) -> Integers:
        type_ = self.program.types[edge.port.tensor]
        return np.fromfile(folder / f"{edge.prefix}.bin", type_.dtype).reshape(frames, *type_.shape)
