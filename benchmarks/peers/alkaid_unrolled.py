"""alkaid: a network unrolled into adders, one frame in each clock cycle, from the integers of hwq.

It computes what hwq computes: the same weights, biases, shifts and roundings, traced as its documentation has it, with
the options that its command line takes where none are given.  Multipliers are instances of its module `multiplier`;
products with constants are sums and need none.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
from alkaid.codegen import RTLModel
from alkaid.trace import FVArrayInput, HWConfig, trace
from alkaid.trace.ops import quantize
from design import Batch, Design, Job, main

HARDWARE = HWConfig(1, 1, -1)
LATENCY_CUTOFF = 5
MAX_LUTS = 200_000
"""A design that is larger by the tool's own estimate is not written: Yosys would need more than 4 GB."""


def layer(x: Any, model: Any, k: int) -> Any:
    """Operation `k` of the program, over all elements of a tensor."""
    seen = np.append(x.ravel(), 0)[model[f"index{k}"]]  # (pixels, taps, channels); a place of -1 reads the padding
    if f"weight{k}" not in model:
        return np.max(seen, axis=1)
    shift, zero, bits, signed = map(int, model[f"requant{k}"])
    acc = seen.reshape(len(seen), -1) @ model[f"weight{k}"].T + model[f"bias{k}"]
    scaled = acc * (model[f"multiplier{k}"] * 2.0**-shift) + zero
    return quantize(scaled, signed, bits - signed, 0, "SAT", "RND")


def build(job: Job) -> Design:
    """Trace, pipeline, write Verilog, and run it on frames in consecutive cycles."""
    with np.load(job.model) as file:
        model = dict(file)
    start = time.perf_counter()
    x = FVArrayInput(job.x.shape[1], hwconf=HARDWARE)
    bits, signed = map(int, model["input"])
    y = quantize(x, signed, bits - signed, 0)
    for k in range(int(model["operations"])):
        y = layer(y, model, k)
    logic = trace(x, y.ravel())
    if logic.cost > MAX_LUTS:
        raise OverflowError(f"unrolled it takes {logic.cost:,.0f} LUTs by its own estimate")
    made = RTLModel(logic, Path("rtl"), "model", latency_cutoff=LATENCY_CUTOFF, print_latency=False)
    made.write()
    generated = time.perf_counter() - start
    made.compile(openmp=False, nproc=1)
    frames = job.x.astype(float)
    start = time.perf_counter()
    rtl: Batch = made.predict(frames)
    seconds = (time.perf_counter() - start) / len(frames)
    (out,) = made.fsm.out_signals
    sources = sorted(str(path) for path in Path("rtl/src").rglob("*.v"))
    text = "".join(Path(path).read_text() for path in sources if "static" not in path)
    return Design(
        "model_wrapper", sources, len(re.findall(r"^\s*multiplier\b", text, re.MULTILINE)), out.schedule.bias,
        out.schedule.period, generated, seconds, logic.predict(frames).astype(int), rtl.astype(int),
    )  # fmt: skip


if __name__ == "__main__":
    main("alkaid", build)
