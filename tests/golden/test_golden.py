"""Texts that must not change unnoticed: dump, folding and network of tiny programs, and the demo's dump.

`make golden` writes them again; look at the difference before you commit it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nets import SHIFTED, fitted, program, tensor

from hwq import api
from hwq.arith import IntArray
from hwq.emit.cmodel import c_model
from hwq.emit.rtl import graphs, network
from hwq.hw.adders_engine import adders_fold
from hwq.hw.folding_file import folding_text
from hwq.hw.plan import make_plan
from hwq.hw.solve import for_multipliers
from hwq.ir.program import Program
from hwq.ir.text import dump
from hwq.ir.window import Window
from hwq.ops import Add, ArgMax, AvgPool, Conv, Dense, Depthwise, MaxPool
from hwq.quant.config import BiasCorrection, QuantConfig, RangeMethod
from hwq.quant.rounding import Solver
from hwq.version import __version__

HERE = Path(__file__).parent
DIGITS = HERE.parents[1] / "examples" / "digits"
WRITE = os.environ.get("HWQ_GOLDEN") == "write"


def numbers(*shape: int, bits: int = 8, seed: int = 1) -> IntArray:
    """Integers of `bits` signed bits from a linear congruential generator: the same with every numpy."""
    state, out = seed, []
    for _ in range(int(np.prod(shape))):
        state = (1_103_515_245 * state + 12_345) % 2**31
        out.append((state >> 12) % (1 << bits) - (1 << (bits - 1)))
    return np.array(out).reshape(shape)


def _conv(name: str, source: str, m: int, c: int, window: Window, signed: bool) -> Conv:
    return Conv(
        name=name, inputs=(source,), window=window, pad_value=0, weight=numbers(m, *window.kernel, c),
        bias=numbers(m, bits=12, seed=2), weight_bits=8, requant=SHIFTED, acc_bits=2, bits=8, signed=signed,
    )  # fmt: skip


def classifier() -> Program:
    """Convolution, pooling, dense layer, argmax."""
    x, half = tensor(6, 6, 2, signed=False), tensor(3, 3, 3, signed=False)
    conv = fitted(_conv("conv", "image", 3, 2, Window((3, 3), pads=(1, 1, 1, 1)), False), x, scale="shift", relu=True)
    pool = MaxPool(name="pool", inputs=("conv",), window=Window((2, 2), (2, 2)), pad_value=0)
    dense = Dense(
        name="logits", inputs=("pool",), weight=numbers(4, 3, 3, 3, bits=4), bias=numbers(4), weight_bits=4,
        requant=SHIFTED, acc_bits=2, bits=8, signed=True,
    )  # fmt: skip
    ops = [
        conv,
        pool,
        fitted(dense, half, scale="shift", rounding=2),
        ArgMax(name="index", inputs=("logits",), channels=4),
    ]
    return program(ops, {"image": x}, ("index",), name="classifier")


def residual() -> Program:
    """Two layers and a shortcut that join again, then global average pooling."""
    x = tensor(4, 5, 3)
    same = Window((3, 3), pads=(1, 1, 1, 1))
    ops = [
        fitted(_conv("c1", "x", 3, 3, same, True), x, scale="shift"),
        fitted(_conv("c2", "c1", 3, 3, same, True), x, scale="shift", rounding=3),
        fitted(
            Add(name="sum", inputs=("x", "c2"), factors=(5, 3), bias=-2, requant=SHIFTED, acc_bits=2, bits=8,
                signed=False),
            x, x, scale="shift", relu=True,
        ),
        fitted(
            AvgPool(name="gap", inputs=("sum",), window=Window((4, 5)), pad_value=0, bias=0, requant=SHIFTED,
                    acc_bits=2, bits=8, signed=False),
            tensor(4, 5, 3, signed=False), scale="shift",
        ),
    ]  # fmt: skip
    return program(ops, {"x": x}, ("gap",), name="residual")


def signal() -> Program:
    """A depthwise layer over a signal of 16-bit values, with a multiplier for each channel."""
    x = tensor(1, 12, 5, bits=16)
    op = Depthwise(
        name="out", inputs=("wave",), window=Window((1, 3), (1, 2), pads=(0, 1, 0, 1)), pad_value=-7,
        weight=numbers(5, 1, 3), bias=numbers(5, bits=10), weight_bits=8, requant=SHIFTED, acc_bits=2, bits=8,
        signed=True,
    )  # fmt: skip
    op = fitted(op, x, scale="shift", zero=-3)
    quant = replace(op.requant, multiplier=(40_000, 1, 65_535, 300, 7), shift=op.requant.shift + 16)
    return program([replace(op, requant=quant)], {"wave": x}, ("out",), name="signal")


NETS: dict[str, tuple[Callable[[], Program], int]] = {
    "classifier": (classifier, 12),
    "residual": (residual, 18),
    "signal": (signal, 2),
}
"""Program, and the multipliers that it is given."""


def check(name: str, text: str) -> None:
    """Compare `text` with the golden file `name`, or write it."""
    path = HERE / name
    text = text.replace(f"hwq {__version__}", "hwq <version>")
    if WRITE:
        path.write_text(text, "utf-8")
    assert path.is_file(), f"{path} is missing: run `make golden`"
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize("net", NETS)
def test_dump(net: str) -> None:
    check(f"{net}.txt", dump(NETS[net][0]()))


@pytest.mark.parametrize("net", NETS)
def test_folding_and_network(net: str) -> None:
    make, budget = NETS[net]
    p = make()
    plan = make_plan(p, for_multipliers(p, budget).folds)
    check(f"{net}.folding.json", json.dumps(folding_text(plan.folds), indent=1) + "\n")
    check(f"{net}.sv", network(plan))


def test_adder_graph() -> None:
    """A layer as a graph of adders: the network around it, and its module."""
    p = signal()
    op = p.ops[0]
    assert isinstance(op, Depthwise)
    fold = adders_fold(op, p.types["wave"])
    assert fold
    plan = make_plan(p, {op.name: fold})
    check("signal_adders.sv", network(plan))
    for name, text in graphs(plan).items():
        check(f"{name}.sv", text)


def test_c_model() -> None:
    """The C of a network with a branch: its functions, constants, memory and ports."""
    for name, text in c_model(residual()).files.items():
        check(name, text)


def test_demo_graph() -> None:
    """The accepted float graph of the demo."""
    check("digits.graph.txt", api.inspect(DIGITS / "model.onnx"))


def test_demo_program() -> None:
    """The quantised demo, with weights rounded to the nearest: solvers depend on the last bits of floats."""
    config = QuantConfig(
        solver=Solver.NEAREST, bias_correction=BiasCorrection.NONE, range=RangeMethod.MSE, equalise=False
    )
    check("digits.txt", dump(api.quantize(DIGITS / "model.onnx", DIGITS / "calib.npz", config)))


def test_no_golden_file_is_left_over() -> None:
    wanted = {f"{net}{ending}" for net in NETS for ending in (".txt", ".folding.json", ".sv")}
    found = {path.name for path in HERE.iterdir() if path.suffix in (".txt", ".json", ".sv", ".c", ".h")}
    wanted |= {"hwq_residual.c", "hwq_residual.h"}
    assert found == wanted | {"digits.txt", "digits.graph.txt", "signal_adders.sv", "signal_out_graph.sv"}
