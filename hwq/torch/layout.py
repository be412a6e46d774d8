"""Layout: the (channels, height, width) that stand behind each tensor of a module, whatever its axes are."""

from __future__ import annotations

from hwq.errors import refuse_all
from hwq.torch import graph as tg

Shape = tuple[int, int, int]


def image_shapes(graph: tg.Graph) -> dict[str, Shape]:
    """(channels, height, width) of each tensor; a reshaped one is still that from which it came.

    Raises
    ------
    BadInput
        Where a layer reads a reshaped tensor whose elements the hardware would have to reorder.
    """
    found: dict[str, Shape] = {}
    shapes = {node.name: node.shape for node in graph.nodes}
    refusals: list[str] = []
    for node in graph.nodes:
        if isinstance(node, tg.ReshapeNode | tg.DropoutNode):
            found[node.name] = found[node.inputs[0]]
            continue
        if isinstance(node, tg.InputNode) and len(node.shape) not in (1, 3):
            refusals.append(
                f"{node.name} (input): has shape (batch, {', '.join(map(str, node.shape))}), expected "
                "(batch, features) or (batch, channels, height, width)."
            )
        strange = [name for name in node.inputs if not _fits(node, shapes[name], found[name])]
        if strange or (isinstance(node, tg.AddNode) and len({found[name] for name in node.inputs}) > 1):
            name = (strange or list(node.inputs))[0]
            refusals.append(
                f"{node.name}{node.where}: reads {name} reshaped from {found[name]} to {shapes[name]}, expected that "
                "only linear layers and outputs read reshaped tensors. Leave the reshape out, or move it."
            )
        found[node.name] = _own(node, found)
    refuse_all(refusals)
    return found


def _fits(node: tg.Node, shape: tuple[int, ...], image: Shape) -> bool:
    """Whether `node` may read a tensor of axes `shape` behind which there is `image`."""
    plain = shape == image or (len(shape) == 1 and image[1:] == (1, 1))
    if isinstance(node, tg.AffineNode):
        return node.weight.ndim == 2 or shape == image
    if isinstance(node, tg.MaxPoolNode | tg.AvgPoolNode):
        return shape == image
    return plain if isinstance(node, tg.ConcatNode) else True


def _own(node: tg.Node, found: dict[str, Shape]) -> Shape:
    if isinstance(node, tg.AddNode | tg.ClipNode):
        return found[node.inputs[0]]
    sizes = (*node.shape, 1, 1)
    return sizes[0], sizes[1], sizes[2]
