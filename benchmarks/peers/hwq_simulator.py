"""hwq's fast simulator as a contestant.

Settings: integers (in and out, in the narrowest types of numpy, as hardware has them), floats (in and out, as the model
has them: inputs are quantised and outputs scaled in the measured time).
"""

from __future__ import annotations

from typing import Any

from clock import Batch, Job, Prepare, Run, main

from hwq.ir import serial
from hwq.ir.program import quantise_inputs
from hwq.sim import Simulator


def open_model(job: Job) -> tuple[Prepare, Run]:
    """Load a program of one input and one output."""
    program = serial.load(job.model)
    simulator = Simulator(program, threads=job.threads)
    entry, port = program.inputs[0], program.outputs[0]
    form = program.formats[port.tensor]

    def integers(x: Batch) -> dict[str, Batch]:
        return quantise_inputs(program, {entry.name: x}, narrow=True)

    def run(inputs: dict[str, Any]) -> Batch:
        return simulator(inputs)[port.tensor]

    def run_floats(x: Batch) -> Batch:
        return form.dequantise(port.from_tensor(simulator.from_reals({entry.name: x})[port.tensor]))

    return (integers, run) if job.setting == "integers" else (lambda x: x, run_floats)


if __name__ == "__main__":
    main("hwq", open_model)
