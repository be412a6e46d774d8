"""One ONNX node with its attributes decoded, and the refusal that a handler raises about it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import helper

from hwq.errors import BadInput

STANDARD_DOMAINS = ("", "ai.onnx")


def type_name(code: int) -> str:
    """Name of an ONNX element type, or its number when there is no such type."""
    known: dict[int, str] = {number: name for name, number in onnx.TensorProto.DataType.items()}
    return known.get(code, str(code))


class Refusal(Exception):
    """What is wrong with a node, in the form ``what was found, what was expected. What to do``."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the model; an empty input or output name means that it is absent."""

    proto: onnx.NodeProto
    attributes: dict[str, Any]

    @classmethod
    def of(cls, proto: onnx.NodeProto) -> Node:
        """Decode `proto`.

        Raises
        ------
        BadInput
            When an attribute has no value of its own.
        """
        node = cls(proto, {})
        for item in proto.attribute:
            try:
                node.attributes[item.name] = helper.get_attribute_value(item)
            except ValueError:
                raise BadInput(
                    f"{node.label}: attribute {item.name!r:.60} has no value, or one of a function, expected a value. "
                    "Export the model again"
                ) from None
        return node

    @property
    def op(self) -> str:
        """Operator type."""
        return str(self.proto.op_type)

    @property
    def is_standard(self) -> bool:
        """True when the operator is of the ONNX standard itself."""
        return self.proto.domain in STANDARD_DOMAINS

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(self.proto.input)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return tuple(self.proto.output)

    @property
    def name(self) -> str:
        """The node's name, or its first output's name when it has none."""
        return str(self.proto.name) or next((name for name in self.proto.output if name), "unnamed")

    @property
    def label(self) -> str:
        """The node as messages call it."""
        return f"{self.name} ({self.op})"

    def has_input(self, position: int) -> bool:
        """True when the input at `position` is given."""
        return position < len(self.inputs) and self.inputs[position] != ""

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        return int(self.attributes.get(name, default))

    def real(self, name: str, default: float) -> float:
        """A float attribute, which must be a number."""
        value = float(self.attributes.get(name, default))
        if math.isnan(value):
            raise Refusal(f"{name} is not a number, expected one. Check the trained model")
        return value

    def text(self, name: str, default: str) -> str:
        """A string attribute, the first 80 characters: none that means something is longer."""
        value = self.attributes.get(name, default)
        return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))[:80]

    def integers(self, name: str) -> tuple[int, ...] | None:
        """A list of integers, None when the attribute is absent."""
        value = self.attributes.get(name)
        return None if value is None else tuple(int(item) for item in value)
