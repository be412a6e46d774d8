"""What every operation keeps to, and the last values that its checks admit."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import numpy as np
import pytest
from cases import CASES

from hwq.ir.op import REGISTRY, Op
from hwq.ops import Codebook, Lookup, PowerSums

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
