"""Calls: modules, functions, methods and operators of torch.export under one name, with their arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn


@dataclass(frozen=True, slots=True)
class Call:
    """What a node calls: `name` is that of the function in torch or of the class of `module`."""

    name: str
    node: fx.Node
    module: nn.Module | None = None

    def argument(self, place: int, name: str, default: Any = None) -> Any:
        """An argument by position or name; of a module its attribute."""
        if self.module is not None:
            return getattr(self.module, name, default)
        if place < len(self.node.args):
            return self.node.args[place]
        return self.node.kwargs.get(name, default)


def call_of(node: fx.Node, root: nn.Module) -> Call:
    """The call of a node.

    Functions of the user that torch.fx was told not to look into keep the name of their module in front.
    """
    if node.op == "call_module":
        module = root.get_submodule(str(node.target))
        return Call(type(module).__name__, node, module)
    if node.op == "call_method":
        return Call(str(node.target).removesuffix("_"), node)
    target: Any = node.target
    name = str(getattr(target, "__name__", target))
    if isinstance(target, torch._ops.OpOverload):
        return Call(name.partition(".")[0].removesuffix("_"), node)
    home = str(getattr(target, "__module__", None) or "torch")
    if home.partition(".")[0] not in ("torch", "_operator", "builtins", "math"):
        name = f"{home}.{name}"
    return Call(name.removesuffix("_"), node)


def pair(value: Any) -> tuple[int, int]:
    """One number for both axes, or two."""
    numbers = (value,) if isinstance(value, int) else tuple(int(number) for number in value)
    return numbers[0], numbers[-1]
