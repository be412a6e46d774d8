"""The files that cases begin with: good ones, of every kind and with every operation."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("", "frontend", "e2e", "unit")]

from block_nets import NETS as BLOCKS  # noqa: E402
from cases import CASES  # noqa: E402
from diff_nets import residual  # noqa: E402
from e2e_models import tiny  # noqa: E402
from hypothesis import HealthCheck, given, seed, settings  # noqa: E402
from onnx_models import model  # noqa: E402
from qdq_models import EXACT as QDQ  # noqa: E402
from qoperator_models import EXACT as QOPERATOR  # noqa: E402
from quantised_models import Network  # noqa: E402
from random_net import networks  # noqa: E402
from test_more_operators import CASES as MORE_OPERATORS  # noqa: E402
from test_operators import CASES as OPERATORS  # noqa: E402
from test_qonnx import NETS as QUANTISED  # noqa: E402
from vector_net import NET as TYPES  # noqa: E402

from hwq import api  # noqa: E402
from hwq.hw.folding_file import folding_text  # noqa: E402
from hwq.hw.pack import stream_words  # noqa: E402
from hwq.hw.plan import make_plan  # noqa: E402
from hwq.hw.solve import for_multipliers  # noqa: E402
from hwq.ir.program import Program  # noqa: E402
from hwq.quant import Effort  # noqa: E402
from hwq.quant.config_file import write_options  # noqa: E402
from hwq.sim import simulate_fast  # noqa: E402
from hwq.verify import record  # noqa: E402

RANDOM_NETWORKS = 40
SAMPLES = 4
CELLS = """library ("tiny") {
  cell (BUF) { area : 1.5; pin(A) { direction : input; } pin(Y) { direction : output; function : "A"; } }
  cell (DFF) { area : 9; ff (IQ, IQN) { clocked_on : "C"; next_state : "D"; } pin(C) { direction : input; } }
  cell (NAND) { area : 2; pin(A) { direction : input; } pin(Y) { direction : output; function : "(A B)'"; } }
}
"""
LAYER_RULES = """
[[layer]]
match = "t*"
weight_bits = 4

[[layer]]
match = "?"
act_bits = 6
"""


def models() -> Iterator[tuple[str, onnx.ModelProto]]:
    """Float and quantised models with every operator that hwq reads."""
    for table, label in ((OPERATORS, "op"), (MORE_OPERATORS, "more")):
        for name, (nodes, shape, constants, opset) in table.items():
            yield f"{label}_{name}", model(nodes, {"x": shape}, ["y"], constants, opset=opset)
    for name, build in BLOCKS.items():
        yield f"block_{name}", build()
    for name, net in QUANTISED.items():
        if isinstance(net, Network):
            yield f"quantised_{name}", net.done()
    for label, builders in (("qdq", QDQ), ("qoperator", QOPERATOR)):
        for name, network in builders.items():
            yield f"{label}_{name}", network().done()
    yield "tiny", tiny()
    yield from ((f"random_{number}", made) for number, made in enumerate(_random_models()))


def _random_models() -> list[onnx.ModelProto]:
    found: list[onnx.ModelProto] = []

    @seed(1)
    @settings(max_examples=RANDOM_NETWORKS, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(networks())
    def collect(made: onnx.ModelProto) -> None:
        found.append(made)

    collect()
    return found[:RANDOM_NETWORKS]


def inputs_of(made: onnx.ModelProto, count: int = SAMPLES) -> dict[str, np.ndarray]:
    """Samples for a model."""
    constant = {item.name for item in made.graph.initializer}
    rng = np.random.default_rng(3)
    found = {}
    for item in made.graph.input:
        kind = item.type.tensor_type
        if item.name not in constant:
            sizes = [axis.dim_value for axis in kind.shape.dim][1:]
            values = rng.normal(0, 1, (count, *sizes))
            found[item.name] = values.astype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return found


def feeds_of(program: Program, count: int = SAMPLES) -> dict[str, np.ndarray]:
    """Samples for a program."""
    rng = np.random.default_rng(3)
    return {
        port.name: np.rint(rng.normal(0, 3, (count, *port.index.shape))).astype(port.dtype) for port in program.inputs
    }


def _external(made: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """A model whose first weight lies in a file beside it."""
    tensor = made.graph.initializer[0]
    (folder / "w.bin").write_bytes(b"12345678" + tensor.raw_data)
    for key, value in {"location": "w.bin", "offset": "8", "length": str(len(tensor.raw_data))}.items():
        tensor.external_data.add(key=key, value=value)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    return made


def _traps(folder: Path) -> None:
    """Files that a path inside a model may point to."""
    (folder / "w.bin").write_bytes(bytes(range(256)) * 4)
    (folder / "link.bin").symlink_to("../../secret.bin")
    (folder / "loop").symlink_to("loop")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")


class Seeds:
    """Folders below `root`, one for each seed: its inputs in `in`, what lies in the output folder before in `out`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, kind: str, name: str) -> Path:
        """A new one."""
        made = self.root / kind / name
        (made / "in").mkdir(parents=True)
        (made / "out").mkdir()
        return made / "in"

    def make(self) -> None:
        """Write all."""
        self._models()
        self._programs()
        self._others()

    def _models(self) -> None:
        for name, made in models():
            folder = self.folder("onnx", name)
            (folder / "net.onnx").write_bytes(made.SerializeToString())
            np.savez(folder / "calib.npz", **inputs_of(made))
        folder = self.folder("onnx", "external")
        _traps(folder)
        (folder / "net.onnx").write_bytes(_external(tiny(), folder).SerializeToString())
        np.savez(folder / "calib.npz", **inputs_of(tiny()))

    def _programs(self) -> None:
        for kind, cases in CASES.items():
            for name, program in [*cases.items()][:3]:
                self._program("hwq", f"{kind}_{name}", program)
            self._program("golden", kind, next(iter(cases.values())))
        self._program("hwq", "types", TYPES)
        self._program("hwq", "residual", residual())
        self._program("golden", "types", TYPES)

    def _program(self, kind: str, name: str, program: Program) -> Path:
        folder = self.folder(kind, name)
        target = folder / ("net.hwq" if kind != "golden" else "golden.onnx")
        if kind == "golden":
            api.export(program, target)
        else:
            api.save_program(program, target)
        api.save_program(program, folder / "twin.hwq")
        np.savez(folder / "data.npz", **feeds_of(program))
        return folder

    def _others(self) -> None:
        nets = {"residual": residual(), "types": TYPES, "lstm": next(iter(CASES["lstm"].values()))}
        for name, program in nets.items():
            plan = make_plan(program, for_multipliers(program, 40).folds)
            self._samples(name, program)
            folder = self._program("folding", name, program)
            (folder / "folding.json").write_text(json.dumps(folding_text(plan.folds)))
            folder = self._program("vectors", name, program)
            api.vectors(program, folder / "v", frames=2)
            self._recording(name, program)
            folder = self._program("build", name, program)
            api.generate(program, folder / "b", frames=1)
            folder = self._program("build", f"{name}_hls", program)
            api.generate(program, folder / "b", frames=1, backend="hls")
            folder = self._program("results", name, program)
            (folder / "data").mkdir()
            np.save(folder / "data" / "s.npy", feeds_of(program)[program.inputs[0].name])
            if len(program.inputs) == 1:
                api.simulate_files(program, folder / "data", folder.parent / "out" / "r")
        folder = self._program("liberty", "tiny", nets["residual"])
        (folder / "cells.lib").write_text(CELLS)
        api.generate(nets["residual"], folder.parent / "out" / "b", frames=1)
        folder = self._program("synth", "tiny", nets["residual"])
        api.generate(nets["residual"], folder.parent / "out" / "b", frames=1)
        for name, effort in (("fast", Effort.FAST), ("good", Effort.GOOD)):
            folder = self.folder("options", name)
            (folder / "net.onnx").write_bytes(tiny().SerializeToString())
            np.savez(folder / "calib.npz", **inputs_of(tiny()))
            (folder / "options.toml").write_text(write_options(effort.config()) + LAYER_RULES)

    def _samples(self, name: str, program: Program) -> None:
        for kind, store in (("npz", np.savez_compressed), ("stored", np.savez)):
            folder = self._program("samples", f"{name}_{kind}", program)
            store(folder / "data.npz", label=np.arange(4), **feeds_of(program))
        if len(program.inputs) == 1:
            folder = self._program("samples", f"{name}_npy", program)
            (folder / "data.npz").unlink()
            np.save(folder / "data.npy", next(iter(feeds_of(program).values())))
        folder = self.folder("calibration", name)
        (folder / "net.onnx").write_bytes(tiny().SerializeToString())
        np.savez(folder / "calib.npz", **inputs_of(tiny()))

    def _recording(self, name: str, program: Program) -> None:
        """A recording as if the simulator's integers had passed."""
        folder = self._program("recording", name, program)
        plan = make_plan(program, for_multipliers(program, 40).folds)
        values = simulate_fast(program, dict(program.samples), keep_all=True) | program.samples
        scratch = self.root / "scratch"
        scratch.mkdir(exist_ok=True)
        for stream, tensor, lanes, width in record._streams(plan):
            words = stream_words(values[tensor], lanes, program.types[tensor].bits)
            lines = [f"{int(word, 16):0{width}b}" for word in words]
            (scratch / f"{stream}.txt").write_text("\n".join(lines) + "\n")
        record.save_recording(folder / "dump.npz", scratch, plan, program.samples, "icarus")


def listing(root: Path) -> dict[str, list[str]]:
    """Names of seeds by kind, in order."""
    return {
        kind.name: sorted(path.name for path in kind.iterdir())
        for kind in sorted(root.iterdir())
        if kind.name != "scratch"
    }
