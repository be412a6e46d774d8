"""Where networks come from: random ONNX graphs, float layers, integer programs; drawn by strategies of the tests.

`drawn` is one hypothesis strategy, so that a failing case is shrunk by hypothesis.  On the way an ONNX graph is
compared with onnxruntime, and one that is quantised already with plain executors.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from hypothesis import note, reject
from hypothesis import strategies as st
from network_case import Case, make_case, stimuli
from onnx_models import check_equal, save
from plain_nodes import run_plain
from quantised_models import executed
from random_configs import configs
from random_layers import graphs, inputs
from random_net import wide_networks
from random_programs import plans, programs
from random_qdq import qdq_networks
from random_quantised import quantised_networks
from random_sparse import small, sparse_programs

from hwq.errors import BadInput
from hwq.frontend.data import load_samples
from hwq.frontend.graph import FloatGraph
from hwq.frontend.quantised import read_quantised
from hwq.hw.plan import make_plan
from hwq.hw.widest import widest
from hwq.ir.program import Program, quantise_inputs
from hwq.ir.text import dump
from hwq.quant import QuantConfig, quantize
from hwq.quant.config import Head
from hwq.quant.slim import check_equal as check_slim
from hwq.quant.slim import slim
from hwq.sim import simulate_plain

Draw = Any
SOURCES = ("wild", "onnx", "onnx", "onnx", "onnx", "layers", "qonnx", "qdq", "wild", "wild", "wild", "program",
           "sparse")  # fmt: skip
MOST_CYCLES = 1500
"""Of a frame, so that RTL is simulated in a second; slower plans become the widest one."""
SIZES = (1.0, 1.0, 1.0, 1.0, 1e-6, 1e6, 1e-20, 1e15, 0.0)
"""What calibration data is multiplied by."""


@dataclass(slots=True)
class Seen:
    """What was compared on the way to a program: ONNX operators, graphs, and values of their outputs."""

    onnx: Counter[str] = field(default_factory=Counter)
    graphs: int = 0
    values: int = 0


REFUSED: Counter[str] = Counter()
"""Models that the quantiser refused, by its words; cleared by who reads it."""


@st.composite
def drawn(draw: Draw, name: str) -> tuple[Case, Seen]:
    """One network from any source, with a folding and stimuli."""
    seen = Seen()
    seed = draw(st.integers(0, 1 << 30))  # first: what is drawn first is never what the simplest example has
    source = draw(st.sampled_from(SOURCES))
    program = draw(_BY_SOURCE[source](seen))
    note(dump(program))
    plan = draw(plans(program))
    folds = plan.folds if plan.interval <= MOST_CYCLES else make_plan(program, widest(program)).folds
    return make_case(name, source, program, folds, stimuli(program.input_types, seed)), seen


@st.composite
def _from_onnx(draw: Draw, seen: Seen) -> Program:
    made = draw(wide_networks())
    seen.onnx.update(node.op_type for node in made.graph.node)
    with tempfile.TemporaryDirectory() as folder:
        graph = check_equal(save(made, Path(folder)))
    _count(seen, graph)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    size, count = draw(st.sampled_from(SIZES)), draw(st.integers(1, 5))
    data = {
        port.onnx_name: (rng.normal(0, size, (count, *port.onnx_shape))).astype(np.float32) for port in graph.inputs
    }
    return draw(_quantised(graph, load_samples(data, graph), seen))


@st.composite
def _from_layers(draw: Draw, seen: Seen) -> Program:
    graph = draw(graphs())
    data = inputs(graph, draw(st.integers(1, 4)), draw(st.integers(0, 99)))
    size = np.float32(draw(st.sampled_from(SIZES)))
    return draw(_quantised(graph, {name: x * size for name, x in data.items()}, seen))


@st.composite
def _quantised(draw: Draw, graph: FloatGraph, samples: dict[str, Any], seen: Seen) -> Program:
    vectors = all(graph.shapes[port.tensor][1:] == (1, 1) for port in graph.outputs)
    heads = tuple(Head) if vectors else (Head.LOGITS,)
    config: QuantConfig = draw(configs([layer.name for layer in graph.layers] + ["*"], heads))
    config = replace(config, slim=draw(st.booleans()), search=config.search and draw(st.booleans()))
    note(str(config))
    try:
        return quantize(graph, samples, config)
    except BadInput as error:
        REFUSED[str(error)[:100]] += 1
        reject()


@st.composite
def _from_qonnx(draw: Draw, seen: Seen) -> Program:
    net = draw(quantised_networks())
    x = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (20, *net.shape)).astype(np.float32)
    return _imported(net.done(), x / np.float32(255), executed, seen)


@st.composite
def _from_qdq(draw: Draw, seen: Seen) -> Program:
    net = draw(qdq_networks())
    return _imported(net.done(), net.samples(20), run_plain, seen)


def _imported(made: onnx.ModelProto, x: Any, run: Callable[[onnx.ModelProto, Any], Any], seen: Seen) -> Program:
    """The program of a model that is quantised already, whose outputs are those of the executor `run`."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            program = read_quantised(save(made, Path(folder)), {"x": x})
        except BadInput as error:
            REFUSED[str(error)[:100]] += 1
            reject()
    seen.onnx.update(node.op_type for node in made.graph.node)
    every, found = run(made, x), simulate_plain(program, quantise_inputs(program, {"x": x}))
    for port in program.outputs:
        real = port.real(found[port.tensor], program.formats[port.tensor]).astype(np.float32)
        assert np.array_equal(real, every[port.name]), "the program of a quantised model is not what the model computes"
        seen.values += real.size
    seen.graphs += 1
    return program


@st.composite
def _sparse(draw: Draw, seen: Seen) -> Program:
    """A program after slimming, which must not have changed an output."""
    p = draw(sparse_programs(small()))
    slimmer, _ = slim(p)
    check_slim(p, slimmer, stimuli(p.input_types, 1))
    return slimmer


def _count(seen: Seen, graph: FloatGraph) -> None:
    seen.graphs += 1
    seen.values += 3 * sum(int(np.prod(port.onnx_shape)) for port in graph.outputs)


_BY_SOURCE = {
    "onnx": _from_onnx,
    "layers": _from_layers,
    "qonnx": _from_qonnx,
    "qdq": _from_qdq,
    "wild": lambda _: programs(most=8, wild=True),
    "program": lambda _: programs(most=7),
    "sparse": _sparse,
}
assert _BY_SOURCE.keys() == set(SOURCES)
