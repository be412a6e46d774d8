"""The native engine: equal to the others, compiled once, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import fork_nets
import numpy as np
import pytest
from cases import CASES, SAMPLES
from hls_builds import Compiler, run_batch
from nets import add, conv, corners, dense, depthwise, program, rescale, tensor

from hwq import api
from hwq.emit.vectors import stimulus
from hwq.errors import BadInput, CheckFailed, ToolMissing
from hwq.hw.fold import Feed
from hwq.hw.folding_file import folding_text, parse_folding
from hwq.hw.plan import make_plan
from hwq.hw.widest import widest
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.verify import native, tools

SAME = Window((3, 3), pads=(1, 1, 1, 1))


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWQ_CACHE", str(tmp_path / "cache"))


def _several() -> Program:
    """Two inputs of 16 and 5 bits, three outputs of 16, 3 and 1 bits, which share what is computed."""
    a, b = tensor(4, 3, 5, bits=16), tensor(4, 3, 5, bits=5, signed=False)
    ops = [
        add(a, b, name="s", bits=16),
        rescale(tensor(4, 3, 5, bits=16), name="r", source="s", bits=3),
        rescale(b, name="u", source="b", bits=1, signed=False),
    ]
    return program(ops, {"a": a, "b": b}, ("s", "r", "u"))


def _equal(p: Program, frames: int = 7) -> None:
    inputs = stimulus(p, frames)
    wanted, found = api.Simulator(p)(inputs), api.NativeSimulator(p)(inputs)
    assert found.keys() == wanted.keys()
    for name, x in wanted.items():
        assert found[name].dtype == x.dtype and np.array_equal(found[name], x), name


@pytest.mark.compiler
def test_several_ports_and_widths() -> None:
    _equal(_several())


@pytest.mark.compiler
def test_branches_and_no_samples() -> None:
    p = fork_nets.residual(4, 5, 3)
    _equal(p)
    none = {name: np.empty((0, *type_.shape), np.int8) for name, type_ in p.input_types.items()}
    assert all(x.shape == (0, *p.types[name].shape) for name, x in api.NativeSimulator(p)(none).items())


@pytest.mark.compiler
@pytest.mark.parametrize("part", range(2))
def test_each_operation_under_its_widest_folding(part: int, tmp_path: Path) -> None:
    plans = {}
    for number, kind in enumerate(sorted(CASES)[part::2]):
        cases = list(CASES[kind].items())
        for label, case in dict([cases[0], cases[-1]]).items():
            p = replace(case, name=f"n{number}_{len(plans)}")
            plans[f"{kind}-{label}"] = make_plan(p, widest(p))
    assert run_batch(plans, tmp_path, Compiler(), SAMPLES) == {}


@pytest.mark.parametrize("kind", sorted(CASES))
def test_widest_foldings_are_legal(kind: str) -> None:
    for p in CASES[kind].values():
        folds = widest(p)
        assert parse_folding(folding_text(folds), p, "test") == folds


def test_widest_foldings() -> None:
    x = tensor(6, 6, 4)
    for op, feed, size in (
        (conv(x, 5, SAME), Feed.PARALLEL, (5, 36)),
        (depthwise(x, SAME), Feed.SERIAL, (4, 1)),
        (dense(x, 3), Feed.FLAT, (3, 144)),
        (conv(x, 5, Window((1, 1))), Feed.SERIAL, (5, 4)),
    ):
        fold = widest(program([op], {"a": x}))["y"]
        assert (fold.feed, (fold.pe, fold.simd)) == (feed, size)


@pytest.mark.compiler
def test_compiled_once_whatever_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    p = _several()
    assert api.NativeSimulator(p).seconds > 0
    (folder,) = (tmp_path / "cache").iterdir()
    made = (folder / "program").stat()
    assert api.NativeSimulator(replace(p, info={"more": 1})).seconds == 0
    assert (folder / "program").stat() == made
    monkeypatch.setattr(native, "FLAGS", ("-std=c++17", "-O1"))
    assert api.NativeSimulator(p).seconds > 0
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.compiler
def test_results_are_those_of_the_other_engines() -> None:
    p = _several()
    data: dict[str, Any] = {"a": np.linspace(-9, 9, 3 * 60).reshape(3, 4, 3, 5), "b": np.ones((3, 4, 3, 5))}
    found = [api.simulate(p, data, engine) for engine in api.Engine]
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        assert all(np.array_equal(other[name], x) and other[name].dtype == x.dtype for name, x in found[0].items())
    (batch,) = api.simulate_stream(p, [data], engine="native")
    assert all(np.array_equal(batch[name], x) for name, x in found[0].items())


@pytest.mark.compiler
def test_integers_that_do_not_fit() -> None:
    simulator = api.NativeSimulator(_several())
    inputs = {name: np.array(x) for name, x in corners(_several().input_types, 3).items()}
    with pytest.raises(BadInput, match=r"^input b: missing, expected integers u5"):
        simulator({"a": inputs["a"]})
    inputs["b"][1, 0, 0, 0] = 32
    with pytest.raises(BadInput, match=r"^input b: holds 0 to 32, expected 0 to 31"):
        simulator(inputs)


@pytest.mark.compiler
def test_a_program_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says is in the message: here that an input ends too early."""
    simulator = api.NativeSimulator(_several())
    monkeypatch.setattr(simulator, "_write", lambda folder, edge, x: x[:1].tofile(folder / f"{edge.prefix}.bin"))
    with pytest.raises(CheckFailed, match=r"exit code 2, expected 0\. It said: 'HWQ_ERROR .*a\.bin ends too early"):
        simulator(stimulus(_several(), 2))


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tools, "_candidates", lambda name: iter(()))
    with pytest.raises(ToolMissing, match=r"^g\+\+ \(.*\): not found"):
        api.NativeSimulator(_several())


def test_no_such_engine() -> None:
    with pytest.raises(BadInput, match=r"^engine: is 'slow', expected one of fast, plain, native\."):
        api.simulate(_several(), {"a": np.zeros((1, 4, 3, 5)), "b": np.zeros((1, 4, 3, 5))}, "slow")
