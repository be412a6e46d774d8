"""Reading: from traced calls to a graph of the layers that hwq trains, or every reason why it cannot be."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from hwq.errors import refuse_all
from hwq.ir.names import sanitize
from hwq.torch.calls import Call, call_of
from hwq.torch.functions import HANDLERS, IDENTITIES, Refused
from hwq.torch.graph import Graph, InputNode, Node
from hwq.torch.trace import results_of, where

SCALARS = (int, float, bool, str, torch.Size, torch.dtype, torch.device, type(None))
"""Results that are no tensors, and play no part beside in shapes."""


class Reader:
    """Reads node after node.

    `results` are what they return for the example, `tensors` the name of the tensor of each node that depends on an
    input, `constants` the value of those that depend on none.
    """

    def __init__(self, module: fx.GraphModule, title: str, results: dict[str, Any]) -> None:
        self.module, self.title, self.results = module, title, results
        self.nodes: list[Node] = []
        self.tensors: dict[str, str] = {}
        self.constants: dict[str, Tensor] = {}
        self.paths: dict[str, str] = {}
        self.taken: dict[int, str] = {}
        self.refusals: list[str] = []

    def name(self, text: str) -> str:
        """A new name for a tensor."""
        return sanitize(text, [node.name for node in self.nodes])

    def shape(self, node: fx.Node) -> tuple[int, ...]:
        """Of what a node returns, without the batch."""
        return tuple(int(size) for size in self.results[node.name].shape[1:])

    def data(self, call: Call, place: int, name: str) -> str:
        """The tensor that is an argument; it depends on an input of the module.

        Raises
        ------
        Refused
            When it is something else.
        """
        argument = call.node.args[place] if place < len(call.node.args) else call.node.kwargs.get(name)
        if not isinstance(argument, fx.Node) or argument.name not in self.tensors:
            raise Refused(f"its argument {name} depends on no input, expected a tensor that does")
        return self.tensors[argument.name]

    def constant(self, call: Call, place: int, name: str) -> Tensor | None:
        """The parameter or buffer that is an argument, None where it is left out."""
        argument = call.argument(place, name)
        if argument is None or isinstance(argument, Tensor):
            return argument
        if isinstance(argument, fx.Node) and argument.name in self.constants:
            return self.constants[argument.name]
        raise Refused(f"its {name} is computed from inputs, expected a parameter")

    def parameter(self, call: Call, value: Tensor) -> nn.Parameter:
        """A copy of a parameter for the network to train, after checks."""
        if id(value) in self.taken:
            raise Refused(f"shares its weights with {self.taken[id(value)]}, expected a module for each call")
        if not bool(torch.isfinite(value).all()):
            raise Refused("has weights that are not finite (NaN or infinity). Train or load it again")
        self.taken[id(value)] = str(call.node.target)
        return nn.Parameter(value.detach().float().clone())

    def read(self, inputs: int) -> Graph:
        """The graph, for so many inputs.

        Raises
        ------
        BadInput
            One line for each call that hwq has no layer for.
        """
        outputs: list[tuple[str, str]] = []
        form: type = Tensor
        for node in self.module.graph.nodes:
            try:
                if node.op == "placeholder":
                    self._input(node, inputs)
                elif node.op == "get_attr":
                    self.constants[node.name] = self.results[node.name]
                    self.paths[node.name] = str(node.target)
                elif node.op == "output":
                    outputs, form = self._outputs(node.args[0])
                else:
                    self._call(node)
            except Refused as refusal:
                what = node.target if node.op == "call_module" else node.name
                self.refusals.append(f"{what} ({call_label(node, self.module)}){where(node)}: {refusal}.")
                self.tensors.setdefault(node.name, node.name)
        found = [node.name for node in self.nodes if isinstance(node, InputNode)]
        if len(found) < inputs:
            self.refusals.append(
                f"{self.title}: the example has {inputs} inputs, expected {len(found)}: {', '.join(found)}."
            )
        refuse_all(self.refusals)
        return Graph(self.nodes, outputs, form)

    def _input(self, node: fx.Node, inputs: int) -> None:
        if len(self.nodes) >= inputs and node.args:
            return  # an argument with a default
        if len(self.nodes) >= inputs:
            raise Refused(f"is one more input, expected {inputs}, as many as the example has")
        name = self.name(node.name)
        self.nodes.append(InputNode(name=name, inputs=(), shape=self.shape(node), where=""))
        self.tensors[node.name] = name

    def _call(self, node: fx.Node) -> None:
        result = self.results[node.name]
        sources = [source for source in node.all_input_nodes if source.name in self.tensors]
        if isinstance(result, SCALARS) or (isinstance(result, tuple) and all(isinstance(r, int) for r in result)):
            return
        if not sources:
            if isinstance(result, Tensor):
                self.constants[node.name] = result
            return
        call = call_of(node, self.module)
        if call.name in IDENTITIES:
            self.tensors[node.name] = self.data(call, 0, "input")
            return
        handler = HANDLERS.get(call.name)
        if handler is None:
            raise Refused("has no layer in hwq.torch. docs/training.md lists those that it has")
        if not isinstance(result, Tensor):
            raise Refused(f"returns a {type(result).__name__}, expected a tensor")
        made = handler(self, call)
        if isinstance(made, Node):
            self.nodes.append(made)
            made = made.name
        self.tensors[node.name] = made

    def _outputs(self, value: Any) -> tuple[list[tuple[str, str]], type]:
        if isinstance(value, dict):
            return [(str(key), self._output(item)) for key, item in value.items()], dict
        if isinstance(value, tuple | list) and not (len(value) == 1 and self.module.graph._codegen is not None
                                                    and self._unpacks()):  # fmt: skip
            tensors = [self._output(item) for item in value]
            if len(set(tensors)) < len(tensors):
                raise Refused("returns a tensor twice, expected each once")
            return list(zip(tensors, tensors, strict=True)), tuple
        item = value[0] if isinstance(value, tuple | list) else value
        tensor = self._output(item)
        return [(tensor, tensor)], Tensor

    def _unpacks(self) -> bool:
        """Whether the graph is one of torch.export, which returns a tuple of one where the module returns a tensor."""
        return type(self.module.graph._codegen).__name__ == "_PyTreeCodeGen"

    def _output(self, value: Any) -> str:
        if not isinstance(value, fx.Node) or value.name not in self.tensors:
            raise Refused("returns something that depends on no input, expected tensors, a tuple or a dictionary")
        return self.tensors[value.name]


def call_label(node: fx.Node, module: fx.GraphModule) -> str:
    """What a node is, for a message."""
    if node.op in ("placeholder", "output"):
        return {"placeholder": "input", "output": "result"}[node.op]
    return call_of(node, module).name


def read(module: fx.GraphModule, free_batch: bool, title: str, example: tuple[Tensor, ...]) -> Graph:
    """The graph of a traced module in evaluation mode.

    Parameters
    ----------
    free_batch
        Whether the module takes batches of any size; that it keeps it is checked with a second one.

    Raises
    ------
    BadInput
        As `Reader.read`, and where shapes depend on the batch.
    """
    results = results_of(module, title, example)
    reader = Reader(module, title, results)
    graph = reader.read(len(example))
    larger = results
    if free_batch:
        larger = results_of(module, title, tuple(torch.cat([x, x[:1]]) for x in example))
    batch = len(example[0])
    mixed = [
        node for node in module.graph.nodes
        if node.name in reader.tensors and not _keeps_batch(results[node.name], larger[node.name], batch, free_batch)
    ]  # fmt: skip
    refuse_all([
        f"{title}: {node.name}{where(node)} has shape {tuple(results[node.name].shape)} for a batch of {batch}, which "
        "does not grow with the batch alone. Expected the batch as the first axis of every tensor, others fixed."
        for node in mixed[:1]
    ])  # fmt: skip
    return graph


def _keeps_batch(x: Any, larger: Any, batch: int, grows: bool) -> bool:
    if not isinstance(x, Tensor):
        return True
    return x.ndim > 0 and len(x) == batch and tuple(larger.shape) == (batch + grows, *x.shape[1:])
