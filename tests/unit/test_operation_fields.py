"""What every operation keeps to, and the last values that its checks admit."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import numpy as np
import pytest
from cases import CASES

from hwq.ir.codec import decode, encode
from hwq.ir.op import REGISTRY, Op
from hwq.ops import Codebook, Linear, Lookup, PowerSums, Recurrent
from hwq.ops.convolution import Convolution
from hwq.ops.requantised import Requantised

EXAMPLES: dict[str, Op] = {
    kind: next(op for p in programs.values() for op in p.ops if op.kind == kind) for kind, programs in CASES.items()
}
VALUES = {
    "codebook": Codebook(np.array([-1, 1])),
    "powersums": PowerSums(2),
    "lookup": Lookup(np.arange(4), 0, 0, 8, True),
}


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_an_operation_has_named_fields_alone(kind: str) -> None:
    """In any order, so that a field more in a base class moves none; two operations are equal if they are one."""
    op = EXAMPLES[kind]
    assert type(op) is REGISTRY[kind]
    assert {p.kind for p in inspect.signature(type(op)).parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert len({op, type(op)(**_fields(op))}) == 2


@pytest.mark.parametrize("value", [*EXAMPLES.values(), *VALUES.values()], ids=[*EXAMPLES, *VALUES])
def test_no_field_can_be_changed_or_added(value: Any) -> None:
    name = next(iter(_fields(value)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, getattr(value, name))
    assert not hasattr(value, "__dict__")


def test_values_that_hold_arrays_are_equal_if_they_are_one() -> None:
    for name in ("codebook", "lookup"):
        value = VALUES[name]
        assert len({value, type(value)(**_fields(value))}) == 2
    assert PowerSums(2) == VALUES["powersums"] and len({PowerSums(2), VALUES["powersums"]}) == 1


@pytest.mark.parametrize("name", VALUES)
def test_values_are_saved_with_their_operations(name: str) -> None:
    arrays: dict[str, Any] = {}
    read = decode(encode(VALUES[name], arrays, "a"), arrays)
    assert type(read) is type(VALUES[name])
    assert all(np.array_equal(value, _fields(VALUES[name])[field]) for field, value in _fields(read).items())


OWN: list[tuple[type[Op], str, str]] = [
    *[(Requantised, "dense", method) for method in ("accumulate", "accumulator", "partial_sum")],
    (Linear, "dense", "reach"),
    *[(Convolution, "conv", method) for method in ("weight_shape", "tap")],
    *[(Recurrent, "rnn", method) for method in ("step", "check", "products")],
]


@pytest.mark.parametrize(("base", "kind", "method"), OWN)
def test_an_operation_has_methods_of_its_own(base: type[Op], kind: str, method: str) -> None:
    """With that of the base in place of one of them it cannot be made."""
    lacking = type(REGISTRY[kind])("Lacking", (REGISTRY[kind],), {method: vars(base)[method]})
    with pytest.raises(TypeError, match=f"abstract method .*{method}"):
        lacking(**_fields(EXAMPLES[kind]))


def test_what_hardware_reads_otherwise() -> None:
    """Inputs one after the other, and inputs of more than 16 bits."""
    assert [kind for kind, op in REGISTRY.items() if op.takes_turns] == ["concat"]
    assert [kind for kind, op in REGISTRY.items() if op.reads_wide] == ["threshold"]
