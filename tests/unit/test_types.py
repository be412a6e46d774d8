"""What a tensor is, what a program refuses, and how it is shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import CASES
from nets import add, conv, program, rescale, tensor

from hwq.errors import BadInput
from hwq.ir.names import MAX_LENGTH, RESERVED, sanitize
from hwq.ir.program import Port, Program, quantise_inputs
from hwq.ir.text import dump
from hwq.ir.types import Format
from hwq.ir.window import Window

X = tensor(2, 2, 2)


def _two() -> Program:
    """y = add(a, r), r = rescale(a)."""
    return program([rescale(X, name="r"), add(X, X, sources=("a", "r"))], {"a": X})


def test_type() -> None:
    assert (X.range, X.pixels, X.channels, str(X)) == ((-128, 127), 4, 2, "s8[2,2,2]")
    assert (tensor(1, 3, 5, bits=2, signed=False).range, str(tensor(1, 3, 5, bits=2, signed=False))) == (
        (0, 3),
        "u2[1,3,5]",
    )


def test_format() -> None:
    form = Format(0.25, 3)
    assert form.quantise(np.array([0.0, 1.0, -10.0, 99.0]), tensor(1, 1, 1, bits=4, signed=False)).tolist() == [
        3, 7, 0, 15,
    ]  # fmt: skip
    assert form.dequantise(np.array([3, 7])).tolist() == [0.0, 1.0]
    assert (str(form), str(Format(0.3))) == ("2^-2 z=3", "0.3")


def test_port_is_a_permutation_there_and_back() -> None:
    order = np.random.default_rng(1).permutation(12).reshape(3, 4)
    port = Port("x", "a", "float32", order)
    x = np.arange(24).reshape(2, 3, 4)
    there = port.to_tensor(x, tensor(2, 2, 3))
    assert there.shape == (2, 2, 2, 3)
    assert there.reshape(2, -1)[1, order[2, 1]] == x[1, 2, 1]
    assert np.array_equal(port.from_tensor(there), x)


def test_inputs_are_quantised_by_their_format() -> None:
    p = _two()
    real = np.array([[[[0.0, 0.03], [1.0, -1.0]], [[100.0, -100.0], [0.0625, 0.1]]]])
    assert quantise_inputs(p, {"a": real})["a"].ravel().tolist() == [0, 0, 16, -16, 127, -128, 1, 2]


REFUSED = {
    "order": (lambda p: replace(p, ops=p.ops[::-1]), r"y \(add\): reads r, which no earlier operation makes"),
    "twice": (lambda p: replace(p, ops=(*p.ops, p.ops[0])), r"r \(rescale\): a tensor of this name exists already"),
    "input's name": (
        lambda p: replace(p, ops=(replace(p.ops[0], name="a"), p.ops[1])),
        r"a \(rescale\): a tensor of this name exists already",
    ),
    "accumulator": (
        lambda p: replace(p, ops=(replace(p.ops[0], acc_bits=7), p.ops[1])),
        r"r \(rescale\): its accumulator spans \(-128, 127\), more than 7 bits",
    ),
    "62 bits": (
        lambda p: replace(p, ops=(replace(p.ops[0], bias=1 << 48, acc_bits=50), p.ops[1])),
        r"r \(rescale\): an intermediate needs 6\d bits, expected at most 62",
    ),
    "port": (
        lambda p: replace(p, outputs=(Port("o", "q", "float32", np.arange(8)),)),
        "o: its tensor q does not exist",
    ),
    "port order": (
        lambda p: replace(p, outputs=(Port("o", "y", "float32", np.zeros(8, np.int64)),)),
        "o: its element order is not a permutation of s8",
    ),
    "format": (lambda p: replace(p, formats={"a": Format(1.0), "y": Format(1.0)}), "r: has no format"),
    "name": (lambda p: replace(p, name="a b"), "'a b': is no legal name"),
    "case": (
        lambda p: replace(p, ops=(*p.ops, replace(p.ops[0], name="R")), formats={**p.formats, "R": Format(1.0)}),
        "two tensors differ only in the case of their names",
    ),
}


@pytest.mark.parametrize(("change", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_program_refuses(change: object, text: str) -> None:
    with pytest.raises(BadInput, match=text):
        change(_two()).verify()  # type: ignore[operator]


def test_every_refusal_is_listed() -> None:
    p = _two()
    ops = tuple(replace(op, acc_bits=3) for op in p.ops)  # type: ignore[call-arg]
    with pytest.raises(BadInput) as refusal:
        replace(p, ops=ops, name="a b").verify()
    assert len(str(refusal.value).splitlines()) == 3


def test_readers() -> None:
    p = _two()
    assert [op.name for op in p.consumers("a")] == ["r", "y"]
    assert p.consumers("y") == ()
    assert p.output_tensors() == ("y",)
    assert p.intervals["y"] == p.ops[1].bound(p.intervals["a"], p.intervals["r"])


def test_dump_shows_every_attribute() -> None:
    """Two programs that compute different things never have the same text."""
    p = CASES["conv"]["half_even-channel"]
    op = p.ops[0]
    quant = op.requant  # type: ignore[attr-defined]
    texts = [dump(p)] + [
        dump(replace(p, ops=(replace(op, **change),)))
        for change in (
            {"weight": op.weight[::-1].copy()},  # type: ignore[attr-defined]
            {"bias": op.bias[::-1].copy()},  # type: ignore[attr-defined]
            {"pad_value": 5},
            {"acc_bits": 40},
            {"window": Window((3, 3), pads=(0, 2, 2, 0))},
            {"requant": replace(quant, shift=quant.shift + 1)},
            {"requant": replace(quant, zero_point=1)},
            {"requant": replace(quant, qmax=100)},
        )
    ]
    bodies = ["\n".join(text.splitlines()[1:]) for text in texts]
    assert len(set(bodies)) == len(bodies)
    assert all(text.endswith("\n") for text in texts)
    line = texts[0].splitlines()[2]
    assert line.startswith("%y: s8[5,6,5] {2^-4} = conv(%a, q=*1..65535>>")
    assert " half_even [-128,127], weight=s8[5,3,3,3]#" in line and line.endswith(
        ", k=3x3 p=1,1,1,1, pad_value=0, acc=s20)"
    )


def test_dump_depends_on_content_alone() -> None:
    assert dump(program([conv(X, 2, Window((1, 1)))], {"a": X})) == dump(
        program([conv(X, 2, Window((1, 1)))], {"a": X})
    )


@pytest.mark.parametrize("name", ["", "1", "a.b/c", "MODULE", "wire", "é", "x" * 99, "a__b", "con", "\ud800"])
def test_names(name: str) -> None:
    taken: list[str] = []
    for _ in range(3):
        legal = sanitize(name, taken)
        assert legal.isascii() and legal.isidentifier() and len(legal) <= MAX_LENGTH
        assert legal.lower() not in RESERVED and "__" not in legal
        assert legal.lower() not in {other.lower() for other in taken}
        taken.append(legal)
