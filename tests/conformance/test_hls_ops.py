"""Every operation in C++, under several foldings: equal to the simulator, bit for bit, without a warning.

Registering an operation enrols it: without cases in `cases.py` (`test_ops.py`) or without a kernel it fails here.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from builds import DEEP, entries
from cases import CASES, SAMPLES
from hls_builds import Compiler, case_plan, run_batch
from hls_dataflow import at_once

from hwq.emit.hls.streams import FIFOS
from hwq.emit.render import library
from hwq.hw.netlist import Instance
from hwq.hw.plan import Plan
from hwq.ir.op import REGISTRY

pytestmark = pytest.mark.compiler
BATCH = 64
"""Networks of one program."""
SANITIZED = Compiler(flags=("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"))


def _plans(kind: str) -> Iterator[tuple[str, Plan]]:
    """A plan for each case, each beginning at another folding; for each of its foldings with HWQ_DEEP."""
    for number, (label, program) in enumerate(CASES[kind].items()):
        every = entries(program, program.ops[0])
        for place, entry in enumerate(every if DEEP else [every[number % len(every)]]):
            yield f"{kind}-{label}-{place}", case_plan(f"n{number}_{place}", program, entry)


def _batches() -> list[Any]:
    found = []
    for kind in CASES:
        count = sum(len(entries(p, p.ops[0])) if DEEP else 1 for p in CASES[kind].values())
        found += [pytest.param(kind, part, id=f"{kind}-{part}") for part in range(-(-count // BATCH))]
    return found


@pytest.mark.parametrize(("kind", "part"), _batches())
def test_cases(kind: str, part: int, tmp_path: Path) -> None:
    plans = dict(list(_plans(kind))[part * BATCH : (part + 1) * BATCH])
    assert run_batch(plans, tmp_path, Compiler(), SAMPLES) == {}


def _slice(part: int, parts: int = 5) -> dict[str, Plan]:
    """Two cases of each of some kinds, the first and one from the middle, under their largest foldings."""
    found = {}
    for kind in sorted(CASES)[part::parts]:
        cases = list(CASES[kind].items())
        for label, program in (cases[0], cases[len(cases) // 2]):
            plan = case_plan(f"n{len(found)}", program, entries(program, program.ops[0])[-1])
            found[f"{kind}-{label}"] = plan
    return found


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
def test_types_of_vitis(part: int, tmp_path: Path) -> None:
    """The headers ap_int.h and hls_stream.h that hls4ml brings give the same bits as ours."""
    assert run_batch(_slice(part), tmp_path, Compiler(types=_hls4ml("vivado/ap_types")), SAMPLES) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
def test_types_of_siemens_and_intel(part: int, tmp_path: Path) -> None:
    """The headers ac_int.h and ac_channel.h give the same bits."""
    types = _hls4ml("catapult/ac_types/include")
    compiler = Compiler(types=types, defines=("-DHWQ_AC_TYPES",))
    assert run_batch(_slice(part), tmp_path, compiler, SAMPLES) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
def test_sanitizers(part: int, tmp_path: Path) -> None:
    assert run_batch(_slice(part), tmp_path, SANITIZED, SAMPLES) == {}


@pytest.mark.clang
@pytest.mark.parametrize("part", range(5))
def test_clang(part: int, tmp_path: Path) -> None:
    assert run_batch(_slice(part), tmp_path, Compiler("clang++"), SAMPLES) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
def test_kernels_at_once(part: int, tmp_path: Path) -> None:
    """As processes that run at once, between streams of limited depth."""
    assert run_batch(_slice(part), tmp_path, Compiler(flags=("-O0", "-pthread")), 2, at_once) == {}


def test_every_module_has_a_kernel() -> None:
    assert CASES.keys() == REGISTRY.keys()
    kernels = {name.removesuffix(".hpp") for name in library("hls")}
    missing: dict[str, set[str]] = {}
    for kind, cases in CASES.items():
        for program in list(cases.values()) if DEEP else list(cases.values())[:3]:
            for entry in entries(program, program.ops[0]):
                parts = case_plan("n", program, entry).net.parts
                modules = {part.module for part in parts if isinstance(part, Instance)}
                missing.setdefault(kind, set()).update(modules - kernels - set(FIFOS))
    assert {kind: modules for kind, modules in missing.items() if modules} == {}


@pytest.mark.parametrize(
    ("header", "old", "new"),
    [
        ("hwq_requant.hpp", "HALF - 1 : HALF", "HALF : HALF"),
        ("hwq_swu_ser.hpp", "ow * P::SW - P::PL", "ow * P::SW"),
        ("hwq_mvau.hpp", "biases[nf][p]", "biases[0][p]"),
        ("hwq_dwc.hpp", "beat == BEATS - 1", "false"),
    ],
)
def test_mutants_are_noticed(header: str, old: str, new: str, tmp_path: Path) -> None:
    """A kernel broken on purpose fails cases that it passes."""
    text = library("hls")[header]
    assert text.count(old) == 1
    plans, broken = dict(list(_plans("conv"))[::5]), text.replace(old, new)
    assert run_batch(plans, tmp_path, Compiler(), SAMPLES, lambda texts: {**texts, f"hls/{header}": broken}) != {}


def _hls4ml(folder: str) -> Path:
    """A folder of headers in hls4ml's wheel, which is not imported."""
    spec = find_spec("hls4ml")
    assert spec is not None and spec.origin is not None, "hls4ml is missing. Run make setup."
    return Path(spec.origin).parent / "templates" / folder
