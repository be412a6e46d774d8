"""Prepare: from a module of torch to a network that computes with integers and is trained."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from hwq.errors import BadInput, refuse_all
from hwq.ir.names import sanitize
from hwq.quant.config import check_matches
from hwq.torch import graph as tg
from hwq.torch.calibrate import calibrate
from hwq.torch.config import TrainConfig
from hwq.torch.fuse import fuse
from hwq.torch.layers import Activation, Add, Affine, AvgPool, Input, Layer
from hwq.torch.layout import image_shapes
from hwq.torch.moves import Concat, Dropout, MaxPool, Reshape
from hwq.torch.network import Mode, Network
from hwq.torch.quantisers import TensorQuantiser
from hwq.torch.read import read
from hwq.torch.trace import Example, checked_example, traced

KEEPS = tg.MaxPoolNode | tg.ReshapeNode | tg.DropoutNode | tg.ConcatNode
"""Nodes whose results have the format of their inputs."""
CLOSE = 1e-3
"""Largest difference between a module and what was read of it, as a share of the largest value."""


def prepare(
    module: nn.Module | ExportedProgram, example: Example, config: TrainConfig | None = None, name: str = ""
) -> Network:
    """A network of hwq's layers, with copies of the module's weights and scales chosen by the example.

    Parameters
    ----------
    module
        Any module that torch.fx traces, or a program of `torch.export` (in evaluation mode).
    example
        Typical inputs, a batch of them: a tensor, or a tuple where the module has more inputs.  An input that is
        never negative in it becomes unsigned.
    config
        Widths and scales.
    name
        That of the program, by default the module's class.

    Raises
    ------
    BadInput
        One line for each reason why the module cannot be trained for hardware.
    """
    config = config or TrainConfig()
    title = name or ("exported" if isinstance(module, ExportedProgram) else type(module).__name__)
    if not isinstance(module, nn.Module | ExportedProgram):
        raise BadInput(f"prepare: got a {type(module).__name__}, expected a torch.nn.Module or an ExportedProgram.")
    xs = checked_example(title, example)
    graph = fuse(read(*traced(module, xs), title, xs))
    image_shapes(graph)
    network = _network(sanitize(title, ()), graph, xs, config).to(xs[0].device)
    _compare(network, module, xs, title)
    network.train(isinstance(module, nn.Module) and module.training)
    return calibrate(network, [xs])


def _compare(network: Network, module: nn.Module | ExportedProgram, xs: tuple[Tensor, ...], title: str) -> None:
    """Refuse a graph that computes something else than the module."""
    original = copy.deepcopy(module).eval() if isinstance(module, nn.Module) else module.module(check_guards=False)
    network.eval()
    network.mode = Mode.REAL
    with torch.no_grad():
        found, expected = network(*xs), original(*xs)
    network.mode = Mode.INTEGER
    flat = [list(y.values()) if isinstance(y, dict) else list(y) if isinstance(y, tuple | list) else [y]
            for y in (found, expected)]  # fmt: skip
    for (name, _), ours, theirs in zip(network.outputs, *flat, strict=True):
        reach = float(theirs.abs().max())
        error = float((ours - theirs).abs().max())
        if not error <= CLOSE * (1.0 + reach):
            raise BadInput(
                f"{title}: output {name} differs by {error:.3g} from that of the module, whose values reach "
                f"{reach:.3g}. Expected a module whose forward does the same in each call, and changes no tensor that "
                "another call reads."
            )


def _network(title: str, graph: tg.Graph, xs: tuple[Tensor, ...], config: TrainConfig) -> Network:
    """Layers of the nodes, and a quantiser for each group of tensors of one format."""
    check_matches(config.rules, [node.name for node in graph.nodes])
    inputs = [node.name for node in graph.nodes if isinstance(node, tg.InputNode)]
    example = dict(zip(inputs, xs, strict=True))
    formats = _formats(graph, example, config)
    layers = []
    for node in graph.nodes:
        layer = _LAYERS[type(node)](node, config.of(node.name))
        if isinstance(node, tg.AffineNode) and isinstance(layer, Affine):
            layer.norm, layer.clip = node.norm, node.clip
        elif isinstance(node, tg.AddNode | tg.AvgPoolNode) and isinstance(layer, Add | AvgPool):
            layer.clip = node.clip
        layer.output = formats[node.name]
        layers.append(layer)
    return Network(
        title, layers, dict.fromkeys(formats.values()), config, tuple(graph.outputs), graph.form, example
    )  # fmt: skip


def _formats(graph: tg.Graph, example: dict[str, Tensor], config: TrainConfig) -> dict[str, TensorQuantiser]:
    """The quantiser of each tensor: those that are moved, or joined, share one."""
    group = {node.name: [node] for node in graph.nodes}
    above = {name: not bool((x < 0).any()) for name, x in example.items()}
    for node in graph.nodes:
        if isinstance(node, KEEPS):
            for name in node.inputs:
                if group[name] is not group[node.name]:
                    group[name].extend(group[node.name])
                    for member in group[name]:
                        group[member.name] = group[name]
        if not isinstance(node, tg.InputNode):
            above[node.name] = _never_negative(node, above)
    found: dict[str, TensorQuantiser] = {}
    refusals: list[str] = []
    for node in graph.nodes:
        if node.name in found:
            continue
        members = group[node.name]
        makers = [n for n in members if not isinstance(n, KEEPS)]
        bits = max(_bits(maker, config) for maker in makers)
        if any(graph.leaves(member.name) for member in members):
            bits = config.output_bits
        signed = not all(above[maker.name] for maker in makers)
        if bits == 1:
            refusals += [
                f"{maker.name}{maker.where}: its results have 1 bit, expected 2 or more where no ReLU of a convolution "
                f"or linear layer makes them. Add a rule: with_rule('{maker.name}', act_bits=2)."
                for maker in makers
                if not isinstance(maker, tg.AffineNode) or not above[maker.name]
            ]
        size = max(1, int(torch.tensor(makers[0].shape).prod()))
        found |= dict.fromkeys((m.name for m in members), TensorQuantiser(bits, signed, size, config))
    refuse_all(refusals)
    return found


def _bits(node: tg.Node, config: TrainConfig) -> int:
    return config.input_bits if isinstance(node, tg.InputNode) else config.of(node.name).act_bits


def _never_negative(node: tg.Node, above: dict[str, bool]) -> bool:
    if isinstance(node, tg.AffineNode | tg.AddNode | tg.AvgPoolNode | tg.ClipNode) and node.clip.low >= 0.0:
        return True
    if isinstance(node, tg.AffineNode) or (isinstance(node, tg.AddNode) and node.sign < 0):
        return False
    return all(above[name] for name in node.inputs)


def _affine(node: tg.AffineNode, config: TrainConfig) -> Layer:
    return Affine(
        node.name, node.inputs, node.where, node.weight, node.bias, config, node.stride, node.pads, node.dilation,
        node.groups,
    )  # fmt: skip


def _maxpool(node: tg.MaxPoolNode, config: TrainConfig) -> Layer:
    return MaxPool(node.name, node.inputs, node.where, node.kernel, node.stride, node.padding, node.dilation)


def _avgpool(node: tg.AvgPoolNode, config: TrainConfig) -> Layer:
    return AvgPool(
        node.name, node.inputs, node.where, node.kernel, node.stride, node.padding, len(node.shape) == 1
    )  # fmt: skip


_LAYERS: dict[type[tg.Node], Callable[..., Layer]] = {
    tg.InputNode: lambda node, _: Input(node.name, node.inputs, node.where),
    tg.AffineNode: _affine,
    tg.AddNode: lambda node, _: Add(node.name, node.inputs, node.where, node.sign),
    tg.AvgPoolNode: _avgpool,
    tg.ClipNode: lambda node, _: Activation(node.name, node.inputs, node.where, node.clip),
    tg.ConcatNode: lambda node, _: Concat(node.name, node.inputs, node.where, node.axis),
    tg.MaxPoolNode: _maxpool,
    tg.ReshapeNode: lambda node, _: Reshape(node.name, node.inputs, node.where, node.shape),
    tg.DropoutNode: lambda node, _: Dropout(node.name, node.inputs, node.where, node.share, node.by_channel),
}
"""For each kind of node its layer, without the activation."""
