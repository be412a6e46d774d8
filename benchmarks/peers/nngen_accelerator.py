"""NNgen: an accelerator that runs layer by layer, with its weights in external memory.

Settings: the number of input and output channels in parallel, 1x1, 4x4 or 8x8.  Activations, weights and scales of 8
bits, biases of 32, as in its examples; the shifts are found on the calibration samples.  The hardware is simulated with
NNgen's own memory model behind its AXI port of 32 bits.  Cycles are from the start command to the end of its busy flag,
which is polled every 8 cycles: the best frame counts.  Multipliers are those of its multiply-add substreams, as it
lists them.
"""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import nngen as ng
import numpy as np
import onnx
import veriloggen as vg
from design import Batch, Design, Job, main
from veriloggen import simulation, thread
from veriloggen.types import axi

WIDTH, CHUNK = 32, 64
"""Bits of the AXI port, and bytes to a multiple of which all addresses are aligned."""
SPARE = 1 << 16
"""Bytes for what the design keeps in memory between layers."""
MULTIPLY_ADD = r"\('mul_rshift_round_madd', .*\): (\d+)"
VERILATOR = (
    "verilator", "--binary", "--timing", "-O3", "-Wno-fatal", "-Wno-lint", "-Wno-style", "-CFLAGS", "-O2",
    "--top-module", "test", "--Mdir", "sim", "test.v",
)  # fmt: skip


def converted(model: Path) -> tuple[Any, Any, list[Any]]:
    """Input, output and operators of the network.

    A Gemm that reads the model's input is not converted, so a Flatten goes before it.
    """
    loaded = onnx.load(model)
    first, entry = loaded.graph.node[0], loaded.graph.input[0].name
    if first.op_type == "Gemm":
        first.input[0] = "flat"
        loaded.graph.node.insert(0, onnx.helper.make_node("Flatten", [entry], ["flat"], axis=1))
    onnx.save(loaded, "model.onnx")
    outputs, inputs, _, _, operators = ng.from_onnx(
        "model.onnx",
        default_placeholder_dtype=ng.int8,
        default_variable_dtype=ng.int8,
        default_constant_dtype=ng.int8,
        default_operator_dtype=ng.int8,
        default_scale_dtype=ng.int8,
        default_bias_dtype=ng.int32,
    )
    return inputs[entry], next(iter(outputs.values())), list(operators.values())


def widen(operators: list[Any], par_ich: int, par_och: int) -> None:
    """Give the operators so many channels in parallel."""
    for op in operators:
        if isinstance(op, (ng.conv2d, ng.matmul)):
            op.attribute(par_ich=par_ich, par_och=par_och)
        elif isinstance(op, (ng.max_pool, ng.max_pool_serial)):
            op.attribute(par=par_och)


def bench(made: Any, entry: Any, out: Any, frames: Batch, lanes: int) -> None:
    """Write test.v: the design with a memory that holds `frames`, each of which it gets a start command for."""
    weights = ng.export_ndarray([out], CHUNK)
    sizes = [-(-size // CHUNK) * CHUNK for size in (len(weights), entry.memory_size, out.memory_size)]
    first = sizes[0]
    after = first + len(frames) * sizes[1]
    scratch = after + len(frames) * sizes[2]
    memory = np.zeros((scratch + SPARE) // 4, np.int64)
    axi.set_memory(memory, weights, 32, 8, 0)
    for k in range(len(frames)):
        axi.set_memory(memory, frames[k : k + 1], 32, 8, first + k * sizes[1], max(WIDTH // 8, lanes))
    test = vg.Module("test")
    ports = test.copy_sim_ports(made)
    clk, resetn = ports["CLK"], ports["RESETN"]
    rst = test.Wire("RST")
    rst.assign(vg.Not(resetn))
    model = axi.AxiMemoryModel(test, "memory", clk, rst, datawidth=WIDTH, memimg=memory, memimg_name="memory.mem")
    model.connect(ports, "maxi")
    registers = thread.AXIMLite(test, "registers", clk, rst, noio=True)
    registers.connect(ports, "saxi")
    cycle = test.Reg("cycle", 32, initval=0)
    vg.Seq(test, "count", clk, rst)(cycle.inc())
    count, words = len(frames), sizes[2] // 4

    def control() -> None:  # compiled by veriloggen, to a state machine
        for k in range(count):
            ng.sim.set_global_addrs(registers, scratch, after + k * sizes[2], first + k * sizes[1], 0)
            begin = cycle.value
            ng.sim.start(registers)
            ng.sim.wait(registers)
            end = cycle.value
            print("cycles", end - begin)
            for j in range(words):
                print("word", model.read_word(j, after + k * sizes[2], 32))
        thread.finish()

    thread.Thread(test, "control", clk, rst, control).start()
    test.Instance(made, "dut", params=test.connect_params(made), ports=test.connect_ports(made))
    simulation.setup_clock(test, clk, hperiod=5)
    simulation.setup_reset(test, resetn, test.make_reset(), period=100, polarity="low")
    test.to_verilog("test.v")


def numbers(output: str, name: str) -> list[int]:
    """What the test bench printed behind `name`."""
    return [int(text) for text in re.findall(rf"^{name}\s+(-?\d+)$", output, re.MULTILINE)]


def build(job: Job) -> Design:
    """Convert, quantise, write Verilog, and simulate."""
    par_ich, par_och = map(int, job.setting.split("x"))
    entry, out, operators = converted(job.model)
    scale = 127 / np.abs(job.calib).max()

    def integers(x: Batch) -> Batch:
        return np.clip(np.round(x.transpose(entry.perm or range(x.ndim)) * scale), -127, 127).astype(np.int64)

    ng.quantize([out], {entry.name: scale}, input_generators={entry.name: lambda *_: integers(job.calib)})
    widen(operators, par_ich, par_och)
    y = np.concatenate([ng.eval([out], **{entry.name: integers(job.x[k : k + 1])})[0] for k in range(len(job.x))])
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()) as listing:
        made = ng.to_veriloggen([out], "accelerator", config={"maxi_datawidth": WIDTH})
    made.to_verilog("accelerator.v")
    generated = time.perf_counter() - start
    bench(made, entry, out, integers(job.x[: job.frames]), par_ich)
    subprocess.run(VERILATOR, check=True, capture_output=True)
    start = time.perf_counter()
    said = subprocess.run(["sim/Vtest"], check=True, capture_output=True, text=True).stdout
    seconds = (time.perf_counter() - start) / job.frames
    cycles = min(numbers(said, "cycles"))
    rtl = np.array(numbers(said, "word")).astype(np.uint32).view(np.int8).reshape(job.frames, -1)[:, : y[0].size]
    multipliers = sum(map(int, re.findall(MULTIPLY_ADD, listing.getvalue())))
    return Design("accelerator", ["accelerator.v"], multipliers, cycles, cycles, generated, seconds, y, rtl)


if __name__ == "__main__":
    main("nngen", build)
