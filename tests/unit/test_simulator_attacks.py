"""What once made the fast simulator differ from the plain one, or fail, and what nothing else guards."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nets import SHIFTED, conv, dense, maxpool, program, tensor

from hwq.arith import IntArray, Requant, Rounding
from hwq.errors import BadInput
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import AvgPool, Conv, Dense, Depthwise, MaxPool, Rescale
from hwq.sim import Simulator, simulate_plain

K1 = Window((1, 1))


def _random(type_: TensorType, count: int = 6, seed: int = 1) -> IntArray:
    low, high = type_.range
    return np.random.default_rng(seed).integers(low, high + 1, (count, *type_.shape))


def _equal(p: Program, x: dict[str, IntArray]) -> None:
    want = simulate_plain(p, x, keep_all=True)
    for keep_all in (True, False):
        for name, value in Simulator(p, keep_all=keep_all)(x).items():
            assert np.array_equal(value, want[name]), (name, keep_all)


@pytest.mark.parametrize("multiplier", [1, 256, 1 << 15, 3 << 14])
@pytest.mark.parametrize("rounding", list(Rounding))
def test_coarse_sums_and_a_zero_point_that_is_not_the_border(multiplier: int, rounding: Rounding) -> None:
    """Sums are multiples of a large power of two, yet the output is moved by one against its carrier."""
    x = tensor(2, 2, 1)
    requant = Requant((multiplier,), 0, rounding, 1, -128, 127)
    first = Conv(name="p", inputs=("a",), weight=np.array([[[[-64]]]]), bias=np.array([64 * 16]), weight_bits=8,
                 window=K1, pad_value=0, requant=requant, acc_bits=16, bits=8, signed=True)  # fmt: skip
    second = conv(x, 2, Window((2, 2), pads=(1, 1, 0, 0)), source="p", pad=0)
    _equal(program([first, second], {"a": x}), {"a": np.arange(-128, 128).reshape(-1, 2, 2, 1)})


@pytest.mark.parametrize(
    ("shape", "window"),
    [
        ((6, 6, 3), Window((3, 3), dilation=(2, 2), pads=(3, 3, 3, 3))),
        ((8, 6, 3), Window((2, 2), dilation=(5, 5), pads=(4, 4, 4, 4))),
        ((6, 8, 1), Window((2, 1), (9, 1), pads=(0, 0, 3, 0))),
    ],
)
def test_maxima_with_a_border_wider_than_the_kernel(shape: tuple[int, int, int], window: Window) -> None:
    """onnxruntime takes none; a dilated window, and one that ends before the border does, may have one."""
    for signed in (True, False):
        x = TensorType(shape, 8, signed)
        pool = maxpool(x, window, name="m")
        _equal(program([pool, conv(pool.result(x), 2, K1, source="m")], {"a": x}, ("m", "y")), {"a": _random(x)})


@pytest.mark.parametrize(
    "window",
    [
        Window((2, 2), pads=(-1, 0, 0, 0)), Window((2, 2), pads=(2, 0, -1, 0)), Window((2, 2), (0, 1)),
        Window((2, 2), dilation=(0, 1)), Window((2, 2), dilation=(1, -1)), Window((2, 0)),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("kind", ["conv", "depthwise", "avgpool", "maxpool"])
def test_windows_that_are_none(kind: str, window: Window) -> None:
    """Refused as a program is made or read, not by numpy or onnxruntime in the middle of a simulation."""
    x = tensor(6, 6, 2)
    shared: dict[str, Any] = {
        "name": "y",
        "inputs": ("a",),
        "window": window,
        "pad_value": 0 if kind != "maxpool" else -128,
    }
    ends: dict[str, Any] = {
        "requant": Requant((1,), 8, Rounding.HALF_UP, 0, -128, 127),
        "acc_bits": 20,
        "bits": 8,
        "signed": True,
    }
    linear: dict[str, Any] = {"bias": np.zeros(2, int), "weight_bits": 8, **ends}
    make: dict[str, Callable[[], Op]] = {
        "conv": lambda: Conv(weight=np.ones((2, *window.kernel, 2), int), **linear, **shared),
        "depthwise": lambda: Depthwise(weight=np.ones((2, *window.kernel), int), **linear, **shared),
        "avgpool": lambda: AvgPool(bias=0, **ends, **shared),
        "maxpool": lambda: MaxPool(**shared),
    }
    with pytest.raises(BadInput, match=rf"y \({kind}\): "):
        program([make[kind]()], {"a": x})


def test_one_simulator_called_from_many_threads() -> None:
    """Numbers of samples that differ from call to call, a graph and an operation in numpy."""
    x = tensor(5, 6, 3, bits=16)
    wide = conv(x, 4, Window((3, 3)), name="wide", wbits=16, scale="channel")
    simulator = Simulator(program([wide, conv(wide.result(x), 2, K1, source="wide")], {"a": x}), threads=2)
    samples = _random(x, 60)
    want = simulate_plain(simulator.program, {"a": samples})["y"]
    found: list[bool] = []

    def call(count: int) -> None:
        found.extend(np.array_equal(simulator({"a": samples[:count]})["y"], want[:count]) for _ in range(5))

    threads = [threading.Thread(target=call, args=(count,)) for count in (1, 7, 33, 60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_simulator_goes_on_after_a_fork() -> None:
    x = tensor(4, 4, 3)
    p = program([conv(x, 4, Window((3, 3)))], {"a": x})
    simulator, sample = Simulator(p), {"a": _random(x)}
    want = simulator(sample)["y"]
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(simulator(sample)["y"], want) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("order", ["columns", "backwards", "big-endian", "read-only"])
def test_inputs_in_any_order_of_memory(order: str) -> None:
    x = tensor(4, 5, 3, bits=16)
    p = program([conv(x, 4, Window((3, 3)))], {"a": x})
    sample = _random(x).astype(np.int16)
    given = {
        "columns": np.asfortranarray(sample), "backwards": sample[::-1].copy()[::-1],
        "big-endian": sample.astype(">i2"),
        "read-only": np.frombuffer(sample.tobytes(), np.int16).reshape(sample.shape),
    }[order]  # fmt: skip
    assert np.array_equal(Simulator(p)({"a": given})["y"], simulate_plain(p, {"a": sample.astype(np.int64)})["y"])


def test_one_channel_that_fills_a_block_meets_all_the_rest() -> None:
    """One channel is held as sixteen, of which fifteen repeat its bias: no consumer may see them."""
    x = tensor(4, 3, 2)
    one = conv(x, 1, Window((2, 2)), name="one")
    t = one.result(x)
    kept = Rescale(name="kept", inputs=("one",), bias=0, requant=Requant((1,), 0, SHIFTED.rounding, 0, -128, 127),
                   acc_bits=9, bits=8, signed=True)  # fmt: skip
    whole: Dense = dense(t, 3, name="whole", source="kept")
    p = program([one, kept, whole, conv(t, 17, K1, name="many", source="one")], {"a": x}, ("whole", "many"))
    _equal(p, {"a": _random(x)})
