"""hwq beside other generators (benchmarks/hardware.py): plain arrays, reports, comparisons and rows."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets import add, conv, corners, dense, maxpool, program, tensor
from numpy.typing import NDArray

import hwq.api as hwq
from hwq.errors import CheckFailed
from hwq.ir.program import Program
from hwq.ir.window import Window

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import plain
from design_rows import COLUMNS, Row, cells, markdown
from hardware import VARIANTS, counted, differs
from peers.environments import last_error

SAME, HALVES = Window((3, 3), pads=(1, 1, 1, 1)), Window((2, 2), (2, 2))
WHOLE = Row(
    "digits_mlp", "nngen", "4x4", 2368, 97.1, 20, 1313, 1313, 16, 3.5, 0.0062, 8059, 13628, 24, 3.5, "1.3.4"
)  # fmt: skip


def _chain() -> Program:
    x = tensor(6, 4, 3, signed=False)
    first = conv(x, 5, SAME, name="first", scale="channel", zero=7)
    wide = first.result(x)
    pooled = maxpool(wide, HALVES, name="pooled", source="first")
    last = dense(pooled.result(wide), 4, source="pooled", signed=False)
    return program([first, pooled, last], {"a": x})


def _computed(model: plain.Arrays, x: NDArray[np.int64]) -> NDArray[np.int64]:
    """What the text of plain.py says of one sample."""
    y = x.ravel()
    for k in range(int(model["operations"])):
        seen = np.append(y, 0)[model[f"index{k}"]]
        if f"weight{k}" not in model:
            y = seen.max(1).ravel()
            continue
        shift, zero, bits, signed = model[f"requant{k}"].tolist()
        low = -(1 << (bits - 1)) if signed else 0
        acc = seen.reshape(len(seen), -1) @ model[f"weight{k}"].T + model[f"bias{k}"]
        rounded = np.floor(acc * model[f"multiplier{k}"] / 2.0**shift + 0.5).astype(np.int64) + zero
        y = rounded.clip(low, low + (1 << bits) - 1).ravel()
    return y


def test_plain_arrays_compute_what_the_program_computes() -> None:
    net = _chain()
    samples = corners(net.input_types, 20)["a"]
    expected = hwq.Simulator(net)({"a": samples})["y"].reshape(len(samples), -1)
    model = plain.arrays(net)
    assert model["input"].tolist() == [8, 0]
    assert (model["index0"] == -1).any()
    assert len(np.unique(expected)) > 20
    assert np.array_equal(np.stack([_computed(model, x) for x in samples]), expected)


def test_plain_arrays_are_those_of_a_chain() -> None:
    x = tensor(2, 2, 2)
    with pytest.raises(ValueError, match=r"y .add.: expected a chain"):
        plain.arrays(program([add(x, x)], {"a": x, "b": x}))
    both = [dense(x, 3, name="one"), dense(x, 3)]
    with pytest.raises(ValueError, match=r"y .dense.: expected a chain"):
        plain.arrays(program(both, {"a": x}, ("one", "y")))


@pytest.mark.parametrize(("options", "said"), [({"rounding": 0}, "rounding FLOOR"), ({"relu": True}, "to 0 .. 127")])
def test_plain_arrays_round_and_clamp_in_one_way(options: dict[str, Any], said: str) -> None:
    x = tensor(1, 1, 8)
    with pytest.raises(ValueError, match=said):
        plain.arrays(program([dense(x, 3, **options)], {"a": x}))


def test_plain_arrays_pad_with_zeros() -> None:
    x = tensor(4, 4, 2)
    with pytest.raises(ValueError, match="padding of 3"):
        plain.arrays(program([conv(x, 2, SAME, pad=3)], {"a": x}))


def test_cells_are_counted() -> None:
    cells_ = {"LUT6": 10, "LUT2": 3, "RAM32M": 2, "RAMB18E1": 3, "FDRE": 7, "DSP48E1": 2, "CARRY4": 9, "$scopeinfo": 4}
    found = counted({"design": {"num_cells_by_type": cells_}}).resources
    assert (found.luts, found.registers, found.dsps, found.rams) == (21, 7, 2, 1.5)
    with pytest.raises(CheckFailed, match="cells LATCH, expected"):
        counted({"design": {"num_cells_by_type": cells_ | {"LATCH": 1}}})


def test_hardware_is_compared_with_its_model() -> None:
    y = np.arange(12).reshape(4, 1, 3)
    assert differs(y[:2, 0], y, None) == ""
    assert differs(y, y, y.reshape(4, 3)) == ""
    wrong = y[:3].copy()
    wrong[1, 0, 2] += 1
    assert differs(wrong, y, None) == "its hardware differs from its model for 1 of 3 frames"
    assert differs(y, y, y.reshape(4, 3) + 1) == "its model differs from hwq's integers"


def test_utilisation_is_that_of_the_file() -> None:
    assert WHOLE.utilisation == pytest.approx(100 * 2368 / (1313 * 16))
    assert replace(WHOLE, multipliers=0).utilisation is None
    assert replace(WHOLE, interval=None).utilisation is None


def test_rows_that_failed_are_shown_with_the_reason() -> None:
    failed = Row("jet_mlp", "alkaid", "unrolled", 4256, failure="takes more than 5 s")
    lines = list(markdown([WHOLE, failed]))
    assert cells(WHOLE)[3:] == [
        "97.1", "1,313", "1,313", "16", "11.3", "8,059", "13,628", "24", "3.5", "3.5", "0.0062"
    ]  # fmt: skip
    assert cells(failed) == ["jet_mlp", "alkaid", "unrolled", *[""] * (len(COLUMNS) - 3)]
    assert lines[-1] == "jet_mlp, alkaid unrolled: takes more than 5 s"
    assert len(lines) == 6


def test_designs_of_hwq_have_names_of_their_own() -> None:
    names = [(variant.network, variant.setting) for variant in VARIANTS]
    assert len(set(names)) == len(names) > 3


def test_the_last_error_is_named() -> None:
    assert last_error("KeyError: 'a'\n  at b\nmodule.MyError: two\nbye\n") == "module.MyError: two"
    assert last_error("all is well, no Error here\n") is None
