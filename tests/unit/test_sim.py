"""The plain and the fast simulator, and the certificates that make the fast one exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import CASES
from nets import SHIFTED, add, conv, program, rescale, tensor, unverified

from hwq.arith import Requant, Rounding
from hwq.errors import CheckFailed
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.ops import Dense, Rescale
from hwq.sim import Simulator, fast, simulate_fast, simulate_plain, single
from hwq.sim.certificate import FLOAT32_EXACT, FLOAT64_EXACT, certify

PROGRAMS = {f"{kind}-{name}": p for kind, cases in CASES.items() for name, p in cases.items()}


@pytest.mark.parametrize("program_", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_fast_equals_plain(program_: Program) -> None:
    plain = simulate_plain(program_, program_.samples, keep_all=True)
    quick = simulate_fast(program_, program_.samples, keep_all=True)
    assert plain.keys() == quick.keys()
    for name, want in plain.items():
        assert quick[name].dtype == np.int64
        assert np.array_equal(quick[name], want)
    assert simulate_fast(program_, program_.samples).keys() == {"y"}


def _dot(weight: int, bias: int, shift: int, bits: int, rounding: Rounding = Rounding.HALF_UP) -> Program:
    """One product with a certificate of our choice: x of `bits` unsigned bits, times `weight`, plus `bias`."""
    x = tensor(1, 1, 1, bits=bits, signed=False)
    op = Dense(
        name="y", inputs=("a",), weight=np.array([[[[weight]]]]), bias=np.array([bias]), weight_bits=40,
        requant=Requant((1,), shift, rounding, 0, -(1 << 15), (1 << 15) - 1), acc_bits=60, bits=16, signed=True,
    )  # fmt: skip
    return unverified([op], {"a": x})


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("exact", [FLOAT32_EXACT, FLOAT64_EXACT])
@pytest.mark.parametrize("shift", [1, 9, 20])
def test_equal_at_the_certificate_bound(exact: int, shift: int, rounding: Rounding) -> None:
    """A sum driven to the last integer that the certificate admits: product bound exactly 2**24 or 2**53."""
    top = 3
    bias = exact - (1 << shift) - top
    for sign in (1, -1):
        p = _dot(sign, sign * bias, shift, 2, rounding)
        certificate = certify(p, p.ops[0])
        assert certificate.product == exact
        assert certificate.product_type is (np.float32 if exact == FLOAT32_EXACT else np.float64)
        x = {"a": np.arange(top + 1).reshape(-1, 1, 1, 1)}
        quant = replace(p.ops[0].requant, qmin=-(1 << 60), qmax=1 << 60)  # type: ignore[attr-defined]
        op = replace(p.ops[0], requant=quant)  # type: ignore[call-arg]
        got = single.execute(op, certificate, [x["a"]])
        assert got.astype(np.int64).tolist() == op.evaluate(x["a"]).tolist()


def test_certificates_change_type_at_their_bounds() -> None:
    def types(bias: int) -> tuple[object, object]:
        p = _dot(1, bias, 1, 2)
        found = certify(p, p.ops[0])
        return found.sum_type, found.product_type

    assert types(FLOAT32_EXACT - 5) == (np.float32, np.float32)
    assert types(FLOAT32_EXACT - 4) == (np.float32, np.float64)
    assert types(FLOAT32_EXACT - 3) == (np.float32, np.float64)
    assert types(FLOAT32_EXACT - 2) == (np.float64, np.float64)
    assert types(FLOAT64_EXACT - 5) == (np.float64, np.float64)
    assert types(FLOAT64_EXACT - 3) == (np.float64, None)
    assert types(FLOAT64_EXACT - 2) == (None, None)


@pytest.mark.parametrize("bias", [FLOAT64_EXACT - 3, FLOAT64_EXACT + 1, 1 << 57])
def test_beyond_every_float_type(bias: int) -> None:
    p = _dot(1, bias, 45, 2)
    x = {"a": np.arange(4).reshape(-1, 1, 1, 1)}
    assert simulate_fast(p, x)["y"].tolist() == simulate_plain(p, x)["y"].tolist()


@pytest.mark.parametrize("batch", [0, 1, 2, 7])
@pytest.mark.parametrize("threads", [1, 3])
def test_chunks_and_threads(batch: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    p = CASES["conv"]["same-half_up"]
    monkeypatch.setattr(fast, "CHUNK_BYTES", 800)
    assert Simulator(p)._chunks._size == 1
    x = {"a": np.random.default_rng(1).integers(-128, 128, (batch, 5, 6, 3))}
    got = simulate_fast(p, x, keep_all=True, threads=threads)
    want = simulate_plain(p, x, keep_all=True)
    assert {name: v.tolist() for name, v in got.items()} == {name: v.tolist() for name, v in want.items()}
    assert got["y"].shape == (batch, 5, 6, 5)


def test_inputs_are_left_alone() -> None:
    """No operation works on its input in place, not even where nothing is scaled."""
    x = tensor(2, 2, 2)
    still = Rescale(name="r", inputs=("a",), bias=0, requant=replace(SHIFTED, zero_point=1, qmin=-128, qmax=127),
                    acc_bits=8, bits=8, signed=True)  # fmt: skip
    p = program([still, rescale(x, name="s", source="r"), add(x, x, sources=("r", "s"))], {"a": x})
    sample = {"a": np.arange(-4, 4).reshape(1, 2, 2, 2)}
    before = sample["a"].copy()
    got = simulate_fast(p, sample, keep_all=True)
    want = simulate_plain(p, sample, keep_all=True)
    assert np.array_equal(sample["a"], before)
    assert {k: v.tolist() for k, v in got.items()} == {k: v.tolist() for k, v in want.items()}


def test_accumulator_that_leaves_its_width_is_noticed() -> None:
    """The plain simulator checks the proof: here it is undermined on purpose."""
    x = tensor(2, 2, 2)
    op = conv(x, 2, Window((2, 2)))
    p = replace(program([op], {"a": x}), ops=(replace(op, acc_bits=10),))
    with pytest.raises(CheckFailed, match=r"y \(conv\): accumulator left 10 bits"):
        simulate_plain(p, {"a": np.full((1, 2, 2, 2), 127)})
