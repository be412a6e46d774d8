"""Functions that a model brings along, put in the place of the nodes that call them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import onnx
from onnx import inliner

from hwq.errors import BadInput

MAX_NODES = 1 << 17
"""Most nodes of a model whose functions are inlined: a few functions that call one another twice make billions."""

_Name = tuple[str, str, str]


def inline(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """The model without functions.

    Raises
    ------
    BadInput
        When a function calls itself, is called with too many operands, or the result would have too many nodes.
    """
    if not model.functions:
        return model
    functions = {(one.domain, one.name, one.overload): one for one in model.functions}
    sizes: dict[_Name, int] = {}

    def count(nodes: Iterable[onnx.NodeProto], callers: tuple[_Name, ...]) -> int:
        total = 0
        for node in nodes:
            total += 1 + called((node.domain, node.op_type, node.overload), callers)
            for attribute in node.attribute:
                for graph in (attribute.g, *attribute.graphs):
                    total += count(graph.node, callers)
        return total

    def called(name: _Name, callers: tuple[_Name, ...]) -> int:
        if name in callers:
            raise BadInput(
                f"{path}: its function {name[1]!r:.80} calls itself, expected none that does. Export it again"
            )
        if name in functions and name not in sizes:
            sizes[name] = count(functions[name].node, (*callers, name))
        return sizes.get(name, 0)

    try:
        size = count(model.graph.node, ())
    except RecursionError:
        size = MAX_NODES + 1
    if size > MAX_NODES:
        raise BadInput(
            f"{path}: more than {MAX_NODES} nodes once its functions are inlined, expected fewer. Simplify the model"
        )
    try:
        return inliner.inline_local_functions(model)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise BadInput(f"{path}: its functions cannot be inlined ({reason:.200}). Export it again") from None
