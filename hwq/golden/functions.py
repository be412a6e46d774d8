"""The ONNX functions that golden files call: `templates/onnx/*.txt`, parsed, each with those that it calls itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

from onnx import FunctionProto, NodeProto, parser

DOMAIN = "hwq"
"""Operator domain of the functions."""


@cache
def function(name: str) -> FunctionProto:
    """The function of `templates/onnx/<name>.txt`; the comment above it is its `doc_string`.  Do not change it."""
    text = (files("hwq.templates") / "onnx" / f"{name}.txt").read_text("utf-8")
    parsed = parser.parse_function(text)
    comment = [line.removeprefix("#").removeprefix(" ") for line in text.splitlines() if line.startswith("#")]
    parsed.doc_string = "\n".join(comment)
    return parsed


def with_callees(names: Iterable[str]) -> list[FunctionProto]:
    """The functions `names` and all that they call, each once, callees first."""
    found: dict[str, FunctionProto] = {}

    def visit(name: str) -> None:
        if name in found:
            return
        for node in every_node(function(name).node):
            if node.domain == DOMAIN:
                visit(node.op_type)
        found[name] = function(name)

    for name in sorted(set(names)):
        visit(name)
    return list(found.values())


def every_node(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """`nodes`, and those of the bodies of loops."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            yield from every_node(attribute.g.node)
