"""Tracing: the calls that a module makes, the shapes of what they return, and the user's line of each."""

from __future__ import annotations

import copy
import linecache
import logging
import re
import traceback
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram, export

from hwq.errors import BadInput

OWN = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
"""Folders whose lines are not the user's."""

Example = Tensor | tuple[Tensor, ...]


class _Tracer(fx.Tracer):
    """Keeps the line of each call."""

    record_stack_traces = True


def traced(module: nn.Module | ExportedProgram, example: tuple[Tensor, ...]) -> tuple[fx.GraphModule, bool]:
    """The graph of a module in evaluation mode, or of a program of `torch.export`, and whether it takes any batch.

    A module that decides by shapes, which torch.fx cannot trace, is exported.

    Raises
    ------
    BadInput
        Where the module decides by values or cannot be traced for another reason; it names the user's line.
    """
    if isinstance(module, ExportedProgram):
        return module.module(check_guards=False), False
    tracer = _Tracer()
    try:
        graph = tracer.trace(module)
    except Exception as error:
        exported = _exported(module, example)
        if exported is None:
            raise BadInput(
                f"{type(module).__name__}: cannot be traced{_line_of(error)}: {_first(error)}. Decide by shapes or "
                "options rather than by values of tensors, call only what torch.fx or torch.export can trace, or leave "
                "the part out of the module that is prepared."
            ) from error
        return exported, True
    return copy.deepcopy(fx.GraphModule(tracer.root, graph)).eval(), True


def _exported(module: nn.Module, example: tuple[Tensor, ...]) -> fx.GraphModule | None:
    """The graph that torch.export makes for any batch, None where it cannot, or would lose dropout."""
    if any(isinstance(part, nn.Dropout | nn.Dropout2d) and part.p > 0 for part in module.modules()):
        return None
    pairs = tuple(torch.cat([x, x]) for x in example)  # a batch of one would be taken for a constant
    batches = tuple({0: Dim("batch", min=2)} for _ in example)
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # it prints what it could not export
            program = export(copy.deepcopy(module).eval(), pairs, dynamic_shapes=batches)
    except Exception:  # whatever it says, the reason of torch.fx is the nearer one
        return None
    finally:
        logging.disable(before)
    return program.module(check_guards=False)


def where(node: fx.Node) -> str:
    """The user's line that made a call, as `` (net.py:12: y = f(x))``; empty where it is not known."""
    found = re.findall(r'File "([^"]+)", line (\d+), in .*\n(?: +(\S.*))?', node.stack_trace or "")
    users = [(path, line, text) for path, line, text in found if not path.startswith(OWN)]
    if not users:
        return ""
    path, line, text = users[-1]
    return _place(path, int(line), text)


def _place(path: str, line: int, text: str) -> str:
    text = text or linecache.getline(path, line).strip()
    return f" ({Path(path).name}:{line}{': ' + text if text else ''})"


def _line_of(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    users = [frame for frame in frames if not frame.filename.startswith(OWN)]
    return _place(users[-1].filename, users[-1].lineno or 0, users[-1].line or "") if users else ""


def _first(error: Exception) -> str:
    """The first line of an error, without the full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")[:200]


class _Shapes(fx.Interpreter):
    """Runs a graph, and keeps the result of each node."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.results: dict[str, Any] = {}
        self.extra_traceback = False
        self.at: fx.Node | None = None

    def run_node(self, n: fx.Node) -> Any:
        """The result, which is kept."""
        self.at = n
        result = super().run_node(n)
        self.results[n.name] = result
        return result


def results_of(module: fx.GraphModule, name: str, example: tuple[Tensor, ...]) -> dict[str, Any]:
    """What each node returns for `example`, by the node's name.

    Raises
    ------
    BadInput
        Where the module does not take the example.
    """
    runner = _Shapes(module)
    try:
        with torch.no_grad():
            runner.run(*example)
    except Exception as error:
        shapes = ", ".join(str(tuple(x.shape)) for x in example)
        at = where(runner.at) if runner.at is not None else ""
        raise BadInput(
            f"{name}: does not take the example of shape {shapes}{at}: {_first(error)}. Give inputs as the module "
            "takes them, with the batch first."
        ) from error
    return runner.results


def checked_example(name: str, example: Example) -> tuple[Tensor, ...]:
    """The inputs of an example, after checks of what can be said without the module.

    Raises
    ------
    BadInput
        When they are no finite float tensors with a common batch.
    """
    xs = (example,) if isinstance(example, Tensor) else tuple(example) if isinstance(example, tuple | list) else ()
    if not xs or not all(isinstance(x, Tensor) for x in xs):
        raise BadInput(f"{name}: the example is a {type(example).__name__}, expected a tensor or a tuple of tensors.")
    for x in xs:
        if not x.is_floating_point() or x.ndim < 2 or not x.numel():
            raise BadInput(
                f"{name}: the example has shape {tuple(x.shape)} and type {x.dtype}, expected float values with the "
                "batch first. Give a batch of typical inputs."
            )
        if not bool(torch.isfinite(x).all()):
            raise BadInput(f"{name}: the example has values that are not finite. Give typical inputs.")
    if len({len(x) for x in xs}) > 1:
        raise BadInput(f"{name}: inputs of the example have batches of {[len(x) for x in xs]}, expected one size.")
    return tuple(x.detach().float() for x in xs)
