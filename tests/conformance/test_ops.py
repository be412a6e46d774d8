"""Every operation, under several foldings: the hardware equals the simulator, bit for bit, stalled or not.

Registering an operation enrols it: without cases in `cases.py` or without hardware it fails here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builds import DEEP, Entry, checked, entries, plan_with
from cases import CASES, SAMPLES

from hwq.arith import Rounding
from hwq.ir.op import REGISTRY
from hwq.ir.program import Program
from hwq.ops import Codebook, Linear, PowerSums
from hwq.ops.requantised import Requantised

FOLDINGS = 1
"""Foldings of each case in a quick run, each case beginning at another one; all of them with HWQ_DEEP."""
VERILATED = {"conv-half_even-channel", "conv-dilated", "conv-codebook", "conv-mantissa4", "depthwise-asymmetric",
             "depthwise-codebook-channel", "dense-image-channel", "dense-powers2", "avgpool-half_away",
             "add-factors-floor", "mul-zero_points-floor", "extremum-min-signed", "topk-pixels",
             "prelu-channel-floor", "table-step3", "threshold-channel-signed", "normalise-pixels",
             "softmax-unsigned-step", "gather-mirrored",
             "gather-crop", "matmul-primes", "lstm-factors-channel", "gru-five_units-reset_after",
             "rnn-pow2-half_even", "concat-columns", "const-rows", "dense-wide-32-unsigned", "conv-wide-left",
             "add-wide-32-unsigned"}  # fmt: skip
"""Cases that a quick run also compiles with Verilator; all of them, under one folding, with HWQ_DEEP."""


def _label(entry: Entry) -> str:
    return "-".join(f"{key}{value}" if key != "window" else str(value) for key, value in entry.items())


def _params(simulator: str) -> list[Any]:
    found = []
    programs = [(f"{kind}-{name}", p) for kind, cases in CASES.items() for name, p in cases.items()]
    for number, (label, program) in enumerate(programs):
        every = entries(program, program.ops[0])
        count = min(len(every), FOLDINGS)
        if simulator == "verilator":
            every, count = every[-1:], int(DEEP or label in VERILATED)
        chosen = every if DEEP else [every[(number + k) % len(every)] for k in range(count)]
        found += [pytest.param(program, entry, id=f"{label}-{_label(entry)}") for entry in chosen]
    return found


def test_every_operation_has_cases() -> None:
    assert CASES.keys() == REGISTRY.keys()
    assert {kind for kind, cases in CASES.items() if not cases} == set()
    wrong = [
        f"{kind}-{name}"
        for kind, cases in CASES.items()
        for name, p in cases.items()
        if p.ops[0].kind != kind or (len(p.ops) > 1 and p.ops[0].inputs)
    ]
    assert wrong == []


def test_cases_cover_what_an_operation_can_be() -> None:
    """Over the cases of the MAC layers: every rounding, every kind of scale, every width, both signs."""
    ops = [(p.ops[0], p.types["a"]) for kind in ("conv", "depthwise", "dense") for p in CASES[kind].values()]
    macs = [(op, x) for op, x in ops if isinstance(op, Linear)]
    assert {int(op.requant.rounding) for op, _ in macs} == {0, 1, 2, 3}
    assert {op.weight_bits for op, _ in macs} >= {2, 8, 16}
    assert {x.bits for _, x in macs} >= {2, 8, 16}
    assert {(x.signed, op.signed) for op, x in macs} == {(a, b) for a in (True, False) for b in (True, False)}
    assert {op.requant.is_shift for op, _ in macs} == {True, False}
    assert {op.requant.mantissa_bits for op, _ in macs} >= {1, 2, 3, 4, 5, 16}
    assert any(op.requant.zero_point < 0 for op, _ in macs) and any(op.requant.zero_point > 0 for op, _ in macs)


@pytest.mark.parametrize("kind", ["conv", "dense", "depthwise", "groupconv"])
def test_cases_have_every_coding(kind: str) -> None:
    """Plain weights, one and two powers of two, tables of the layer and of each channel, and of two entries."""
    ops = [op for p in CASES[kind].values() if isinstance(op := p.ops[0], Linear)]
    assert {op.coding.terms for op in ops if isinstance(op.coding, PowerSums)} == {1, 2}
    tables = [op.coding.entries for op in ops if isinstance(op.coding, Codebook)]
    assert {table.ndim for table in tables} == {1, 2} and {2} < {table.shape[-1] for table in tables}
    assert any(op.coding is None for op in ops)


@pytest.mark.parametrize("kind", ["add", "avgpool", "conv", "matmul", "mul", "rescale"])
def test_cases_have_ties(kind: str) -> None:
    """Each way of rounding ties meets some, above and below zero, and would differ from each other way."""
    found: set[tuple[Rounding, Rounding]] = set()
    for p in CASES[kind].values():
        op = p.ops[0]
        assert isinstance(op, Requantised)
        acc = op.accumulate(*(p.samples[name] for name in op.inputs))
        results = {way: replace(op.requant, rounding=way)(acc) for way in Rounding}
        own = op.requant.rounding
        found |= {(own, way) for way in Rounding if not np.array_equal(results[own], results[way])}
    ties = [Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.HALF_AWAY]
    assert found >= {(own, way) for own in ties for way in Rounding if own != way}


def _verify(program: Program, entry: Entry, simulator: str, folder: Path) -> None:
    first, *others = program.ops
    plan = plan_with(program, {first.name: entry} | {op.name: entries(program, op)[0] for op in others})
    for samples, stall in ((SAMPLES, 0.35), (SAMPLES + 1, 0.0)):
        result = checked(plan, folder / "build", simulator, samples, stall)
        assert result.passed, result.trouble


@pytest.mark.icarus
@pytest.mark.parametrize(("program", "entry"), _params("icarus"))
def test_icarus(program: Program, entry: Entry, tmp_path: Path) -> None:
    _verify(program, entry, "icarus", tmp_path)


@pytest.mark.verilator
@pytest.mark.parametrize(("program", "entry"), _params("verilator"))
def test_verilator(program: Program, entry: Entry, tmp_path: Path) -> None:
    _verify(program, entry, "verilator", tmp_path)
