"""Changes of ONNX models, field by field: whatever the schema allows, and the known ways to harm a reader."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import onnx
import wild
from google.protobuf.descriptor import FieldDescriptor as F
from onnx import TensorProto, helper

Change = Callable[[onnx.ModelProto, Random], None]

INTEGERS = {F.TYPE_INT32: 32, F.TYPE_INT64: 64, F.TYPE_UINT32: -32, F.TYPE_UINT64: -64, F.TYPE_ENUM: 5}
LIMIT = 3000
"""Most messages among which one is chosen."""


def _messages(root: Any) -> list[Any]:
    """The message and those inside."""
    found, left = [], [root]
    while left and len(found) < LIMIT:
        message = left.pop()
        found.append(message)
        for field, value in message.ListFields():
            if field.type == F.TYPE_MESSAGE:
                left.extend(value if field.is_repeated else [value])
    return found


def _all(model: onnx.ModelProto, kind: type) -> list[Any]:
    return [message for message in _messages(model) if isinstance(message, kind)]


def _some(model: onnx.ModelProto, kind: type, rng: Random) -> Any:
    """One message of a kind; the model gets one where it has none."""
    found = _all(model, kind)
    if found:
        return rng.choice(found)
    node = model.graph.node.add(op_type="Relu", input=["x"], output=["z"])
    made = node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR)
    return {onnx.NodeProto: node, onnx.AttributeProto: made}.get(kind, made.t)


def _scalar(field: Any, rng: Random, model: onnx.ModelProto) -> Any:
    """A value for a field that is no message."""
    if field.type in INTEGERS:
        bits = INTEGERS[field.type]
        value = wild.integer(rng)
        if bits == 5:
            return rng.randrange(25)
        return value % (1 << -bits) if bits < 0 else (value + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)
    if field.type in (F.TYPE_FLOAT, F.TYPE_DOUBLE):
        return wild.real(rng)
    if field.type == F.TYPE_BYTES:
        return rng.choice((b"", b"\0", b"\xff" * 7, rng.randbytes(rng.choice((1, 4, 8, 64))), wild.text(rng).encode()))
    if rng.random() < 0.5:
        names = [name for node in model.graph.node for name in (*node.input, *node.output, node.name)]
        return rng.choice([*names, "x"])
    return wild.text(rng)


def _field(model: onnx.ModelProto, rng: Random) -> None:
    """Any field of any message: a value of its type, none, several, or a message from elsewhere in the model."""
    messages = _messages(model)
    message = rng.choice(messages)
    field = rng.choice(message.DESCRIPTOR.fields)
    if field.type == F.TYPE_MESSAGE:
        _inner(message, field, messages, rng)
    elif field.is_repeated:
        _several(getattr(message, field.name), lambda: _scalar(field, rng, model), rng)
    elif rng.random() < 0.2:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, _scalar(field, rng, model))


def _inner(message: Any, field: Any, messages: list[Any], rng: Random) -> None:
    alike = [other for other in messages if other.DESCRIPTOR is field.message_type]
    copy = type(alike[0])() if alike else None
    if copy is not None:
        copy.CopyFrom(rng.choice(alike))
    if not field.is_repeated:
        if copy is None or rng.random() < 0.4:
            message.ClearField(field.name)
        else:
            getattr(message, field.name).CopyFrom(copy)
        return
    items = getattr(message, field.name)
    choice = rng.randrange(5)
    if choice == 0 and len(items):
        del items[rng.randrange(len(items))]
    elif choice == 1 and copy is not None:
        items.append(copy)
    elif choice == 2 and len(items) > 1:
        one, two = rng.sample(range(len(items)), 2)
        kept = type(items[one])()
        kept.CopyFrom(items[one])
        items[one].CopyFrom(items[two])
        items[two].CopyFrom(kept)
    elif choice == 3:
        items.add()
    elif len(items):
        items[rng.randrange(len(items))].Clear()


def _several(items: Any, value: Callable[[], Any], rng: Random) -> None:
    choice = rng.randrange(6)
    if choice == 0:
        items.append(value())
    elif choice == 1 and len(items):
        del items[rng.randrange(len(items))]
    elif choice == 2:
        del items[:]
    elif choice == 3 and len(items):
        items.extend(list(items) * rng.choice((1, 3, 200)))
    elif len(items):
        items[rng.randrange(len(items))] = value()


def _operator(model: onnx.ModelProto, rng: Random) -> None:
    _some(model, onnx.NodeProto, rng).op_type = rng.choice(wild.OP_TYPES)


def _wiring(model: onnx.ModelProto, rng: Random) -> None:
    """An input or output of a node is another tensor: loops, duplicates, operands of other shapes, none."""
    node = _some(model, onnx.NodeProto, rng)
    names = [name for other in model.graph.node for name in (*other.input, *other.output)]
    side = node.input if rng.random() < 0.8 else node.output
    _several(side, lambda: rng.choice([*names, "x", "", "nowhere"]), rng)


def _attribute(model: onnx.ModelProto, rng: Random) -> None:
    """An attribute with another value of its own type."""
    node = _some(model, onnx.NodeProto, rng)
    if not node.attribute:
        name = rng.choice(
            ("axis", "axes", "pads", "strides", "group", "alpha", "mode", "perm", "epsilon", "to", "value")
        )
        value = rng.choice(
            (wild.integer(rng), wild.real(rng), [wild.integer(rng)] * rng.randrange(1, 5), wild.text(rng))
        )
        node.attribute.append(helper.make_attribute(name, value))
        return
    item = rng.choice(node.attribute)
    kinds = onnx.AttributeProto
    if item.type == kinds.INT:
        item.i = wild.integer(rng)
    elif item.type == kinds.FLOAT:
        item.f = wild.real(rng)
    elif item.type == kinds.STRING:
        item.s = rng.choice(
            (wild.text(rng).encode("utf-8", "replace"), b"\xff\xfe", b"same_upper", b"SAME_LOWER", b"VALID")
        )
    elif item.type == kinds.INTS:
        _several(item.ints, lambda: wild.integer(rng), rng)
    elif item.type == kinds.FLOATS:
        _several(item.floats, lambda: wild.real(rng), rng)
    else:
        item.type = rng.randrange(15)


def _small(model: onnx.ModelProto, rng: Random) -> None:
    """A number of an attribute or of an integer constant, a little different: models that may still be accepted."""
    items: list[tuple[Any, int]] = []
    for attribute in _all(model, onnx.AttributeProto):
        items += [(attribute.ints, place) for place in range(len(attribute.ints))]
        if attribute.type == onnx.AttributeProto.INT:
            items.append((attribute, -1))
    constants = [t for t in _all(model, TensorProto) if t.data_type == TensorProto.INT64 and len(t.raw_data) >= 8]
    step = rng.choice((-2, -1, 1, 2, 3))
    if constants and (not items or rng.random() < 0.4):
        tensor = rng.choice(constants)
        at = 8 * rng.randrange(len(tensor.raw_data) // 8)
        value = (int.from_bytes(tensor.raw_data[at : at + 8], "little") + step) % (1 << 64)
        tensor.raw_data = tensor.raw_data[:at] + value.to_bytes(8, "little") + tensor.raw_data[at + 8 :]
    elif items:
        where, place = rng.choice(items)
        if place < 0:
            where.i = max(-(2**62), min(2**62, where.i)) + step
        else:
            where[place] = max(-(2**62), min(2**62, where[place])) + step


def _sizes(model: onnx.ModelProto, rng: Random) -> None:
    """A dimension of an input or a tensor: zero, negative, huge, symbolic, absent."""
    if rng.random() < 0.5:
        _several(_some(model, TensorProto, rng).dims, lambda: wild.integer(rng), rng)
        return
    axes = _all(model, onnx.TensorShapeProto.Dimension)
    if axes:
        axis = rng.choice(axes)
        if rng.random() < 0.3:
            axis.dim_param = wild.text(rng)
        else:
            axis.dim_value = wild.integer(rng)


def _type(model: onnx.ModelProto, rng: Random) -> None:
    """A data type: those of four bits, of float8, of text, unknown ones."""
    if rng.random() < 0.5:
        _some(model, TensorProto, rng).data_type = rng.choice((*range(26), -1, 1000))
        return
    kinds = _all(model, onnx.TypeProto.Tensor)
    if kinds:
        rng.choice(kinds).elem_type = rng.choice((*range(26), 1000))


def _data(model: onnx.ModelProto, rng: Random) -> None:
    """The data of a tensor: too short, too long, not finite, in two places."""
    tensor = _some(model, TensorProto, rng)
    data = tensor.raw_data
    choice = rng.randrange(6)
    if choice == 0:
        tensor.raw_data = data[: rng.randrange(len(data) + 1)]
    elif choice == 1:
        tensor.raw_data = data + rng.randbytes(rng.choice((1, 4, 4000)))
    elif choice == 2:
        tensor.float_data.extend([wild.real(rng)] * rng.choice((1, 3)))
    elif choice == 3:
        tensor.ClearField("raw_data")
    elif choice == 4:
        tensor.string_data.append(wild.text(rng).encode("utf-8", "replace"))
    elif len(data) >= 4:
        import struct

        at = 4 * rng.randrange(len(data) // 4)
        with contextlib.suppress(OverflowError):
            tensor.raw_data = data[:at] + struct.pack("<f", wild.real(rng)) + data[at + 4 :]


def _external(model: onnx.ModelProto, rng: Random) -> None:
    """The data of a tensor in another file, of which some lie elsewhere or never end."""
    tensor = _some(model, TensorProto, rng)
    if rng.random() < 0.8:
        tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    tensor.external_data.add(key="location", value=rng.choice(wild.LOCATIONS))
    for key in ("offset", "length", "checksum", wild.text(rng)):
        if rng.random() < 0.4:
            tensor.external_data.add(key=key, value=rng.choice((str(wild.integer(rng)), wild.text(rng), "8", "48")))


def _name(model: onnx.ModelProto, rng: Random) -> None:
    """One name everywhere: of an input, an output, a tensor or a node; also where another has it already."""
    names = [name for node in model.graph.node for name in (*node.input, *node.output)]
    old = rng.choice([*names, "x"])
    new = wild.text(rng) if rng.random() < 0.8 else rng.choice([*names, "x"])
    for node in model.graph.node:
        for side in (node.input, node.output):
            for place, name in enumerate(side):
                if name == old:
                    side[place] = new
        if rng.random() < 0.5:
            node.name = new
    for item in (*model.graph.input, *model.graph.output, *model.graph.initializer, *model.graph.value_info):
        if item.name == old:
            item.name = new


def _notes(model: onnx.ModelProto, rng: Random) -> None:
    """What says nothing of the network: documentation, producer, metadata."""
    texts = [wild.text(rng) for _ in range(4)]
    model.doc_string = model.producer_name = model.domain = texts[0]
    model.graph.doc_string = model.graph.name = texts[1]
    model.metadata_props.add(key=rng.choice((texts[2], "hwq.program", "hwq.version", "hwq.digest")), value=texts[3])
    for node in model.graph.node:
        node.doc_string = texts[1]


def _domain(model: onnx.ModelProto, rng: Random) -> None:
    node = _some(model, onnx.NodeProto, rng)
    node.domain = rng.choice(("ai.onnx", "ai.onnx.ml", "onnx.brevitas", "qonnx.custom_op.general", wild.text(rng)))
    if rng.random() < 0.5:
        model.opset_import.add(domain=node.domain, version=rng.choice((1, 2, 0, -1, 2**40)))


def _opset(model: onnx.ModelProto, rng: Random) -> None:
    if model.opset_import and rng.random() < 0.8:
        rng.choice(model.opset_import).version = rng.choice((*range(-1, 30), 2**31, 2**62))
    else:
        model.ir_version = rng.choice((*range(14), -1, 2**62))


def _branch(model: onnx.ModelProto, rng: Random) -> None:
    """Graphs inside graphs."""
    graph = onnx.GraphProto()
    graph.CopyFrom(model.graph)
    if rng.random() < 0.5:
        del graph.initializer[:]
    for depth in range(rng.choice((1, 1, 2, 12, 30))):
        outer = onnx.GraphProto(name=f"g{depth}")
        node = outer.node.add(op_type=rng.choice(("If", "Loop", "Scan")), input=["x"], output=["y"])
        for name in ("then_branch", "else_branch")[: rng.choice((1, 2)) if depth < 3 else 1]:
            node.attribute.append(helper.make_attribute(name, graph))
        graph = outer
    model.graph.node.insert(rng.randrange(len(model.graph.node) + 1), graph.node[0])


def _function(model: onnx.ModelProto, rng: Random) -> None:
    """A function of the model's own, which may call itself, or millions of times another one."""
    depth = rng.choice((1, 1, 2, 4, 10, 40))
    for level in range(depth):
        function = model.functions.add(name=f"f{level}", domain="own", input=["a"], output=["b"])
        function.opset_import.add(domain="", version=17)
        function.opset_import.add(domain="own", version=1)
        below = f"f{level + 1}" if level + 1 < depth else rng.choice(("Relu", "f0", "NoSuchOperator"))
        domain = "own" if below.startswith("f") else ""
        for op_input, op_output in (("a", "m"), ("m", "b")):
            function.node.add(op_type=below, domain=domain, input=[op_input], output=[op_output])
    if all(entry.domain != "own" for entry in model.opset_import):
        model.opset_import.add(domain="own", version=1)
    if model.graph.node:
        node = rng.choice(model.graph.node)
        node.op_type, node.domain = "f0", "own"


def _sparse(model: onnx.ModelProto, rng: Random) -> None:
    sparse = model.graph.sparse_initializer.add()
    sparse.values.CopyFrom(helper.make_tensor(rng.choice(("w", "k0", "s")), TensorProto.FLOAT, [1], [1.0]))
    sparse.indices.CopyFrom(helper.make_tensor("i", TensorProto.INT64, [1], [rng.choice((0, 5, -1, 2**40))]))
    sparse.dims.extend([rng.choice((1, 3, 2**40))] * rng.choice((1, 2, 4)))


def _many(model: onnx.ModelProto, rng: Random) -> None:
    """A chain of thousands of nodes, or an operand a thousand times."""
    if not model.graph.node:
        return
    last = model.graph.node[-1]
    if rng.random() < 0.5:
        node = rng.choice(model.graph.node)
        node.input.extend(list(node.input[:1]) * rng.choice((10, 1000)))
        return
    output, count = last.output[0] if last.output else "y", rng.choice((20, 200))
    if last.output:
        last.output[0] = "chain_0"
    for number in range(count):
        then = output if number == count - 1 else f"chain_{number + 1}"
        model.graph.node.add(op_type=rng.choice(("Relu", "Identity")), input=[f"chain_{number}"], output=[then])


CHANGES: Mapping[str, Change] = {
    "field": _field, "operator": _operator, "wiring": _wiring, "attribute": _attribute, "small": _small,
    "sizes": _sizes, "type": _type, "data": _data, "external": _external, "name": _name, "notes": _notes,
    "domain": _domain, "opset": _opset, "branch": _branch, "function": _function, "sparse": _sparse, "many": _many,
}  # fmt: skip
"""By name."""
WEIGHTS = {"field": 6, "small": 16, "attribute": 4, "wiring": 3, "sizes": 3, "data": 2, "operator": 2, "name": 2}
"""How often each is drawn; 1 where nothing is said."""


def change(data: bytes, name: str, rng: Random) -> bytes:
    """A model after one change."""
    model = onnx.ModelProto()
    model.ParseFromString(data)
    CHANGES[name](model, rng)
    return bytes(model.SerializeToString())
