"""Files that nobody vouches for: each is refused with one clear message, or read safely."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.helper import make_node as node
from onnx_models import check_equal, model, save, weights

from hwq import frontend
from hwq.errors import BadInput
from hwq.frontend.inline import inline
from hwq.frontend.load import NEWEST_OPSET, OLDEST_OPSET, load


def dense(opset: int = 17, weight: np.ndarray | None = None) -> onnx.ModelProto:
    array = weights(4, 3) if weight is None else weight
    return model([node("MatMul", ["x", "w"], ["y"])], {"x": (4,)}, ["y"], {"w": array}, opset=opset)


def refused(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        frontend.read(path)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 100, b"\xff" * 100, b"PK\x03\x04", b"\x08\x08"])
def test_not_an_onnx_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    assert "not an ONNX model or cut short" in refused(path)


def _renamed_node(net: onnx.ModelProto, name: str) -> None:
    net.graph.node[0].name = name


def _renamed_tensor(net: onnx.ModelProto, name: str) -> None:
    net.graph.node[0].input[1] = net.graph.initializer[0].name = name


def _renamed_operator(net: onnx.ModelProto, name: str) -> None:
    net.graph.node[0].op_type = name


def _renamed_axis(net: onnx.ModelProto, name: str) -> None:
    net.graph.input[0].type.tensor_type.shape.dim[1].dim_param = name


@pytest.mark.parametrize("rename", [_renamed_node, _renamed_tensor, _renamed_operator, _renamed_axis])
def test_names_are_no_books(rename: Callable[[onnx.ModelProto, str], None], tmp_path: Path) -> None:
    net = dense()
    rename(net, "x" * 4097)
    assert "a name of 4097 characters, 'xxx" in refused(save(net, tmp_path)) and len(refused(save(net, tmp_path))) < 500


def test_names_are_text(tmp_path: Path) -> None:
    data = save(dense(), tmp_path).read_bytes()
    (tmp_path / "net.onnx").write_bytes(data.replace(b"w", b"\xff"))
    assert r"a name b'\xff', expected text" in refused(tmp_path / "net.onnx")


@pytest.mark.parametrize("entry", ["location", "offset"])
def test_paths_are_text(entry: str, tmp_path: Path) -> None:
    net = dense()
    (tensor,) = net.graph.initializer
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key=entry, value="elsewhere")
    data = save(net, tmp_path).read_bytes()
    (tmp_path / "net.onnx").write_bytes(data.replace(b"elsewhere", b"elsewher\xff"))
    assert r"a name b'elsewher\xff', expected text" in refused(tmp_path / "net.onnx")


def test_notes_are_any_bytes(tmp_path: Path) -> None:
    net = dense()
    net.doc_string = "elsewhere"
    data = save(net, tmp_path).read_bytes()
    (tmp_path / "net.onnx").write_bytes(data.replace(b"elsewhere", b"elsewher\xff"))
    frontend.read(tmp_path / "net.onnx")


def test_absent_file_and_folder(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "absent.onnx")
    assert "Is a directory" in refused(tmp_path)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    data = dense().SerializeToString()
    path = tmp_path / "x.onnx"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        refused(path)


def test_changed_bytes_never_escape_as_another_error(tmp_path: Path) -> None:
    data = dense().SerializeToString()
    rng = np.random.default_rng(1)
    path = tmp_path / "x.onnx"
    for _ in range(400):
        changed = bytearray(data)
        for position in rng.integers(0, len(data), rng.integers(1, 4)):
            changed[position] = rng.integers(0, 256)
        path.write_bytes(changed)
        try:
            frontend.read(path)
        except BadInput:
            continue


@pytest.mark.parametrize("opset", [1, OLDEST_OPSET - 1, NEWEST_OPSET + 1, 10**6])
def test_unknown_operator_sets(opset: int, tmp_path: Path) -> None:
    made = dense()
    made.opset_import[0].version = opset
    assert f"operator set [{opset}], expected {OLDEST_OPSET} to {NEWEST_OPSET}" in refused(save(made, tmp_path))


def test_absent_operator_set(tmp_path: Path) -> None:
    made = dense()
    made.opset_import[0].domain = "somewhere"
    assert "operator set absent" in refused(save(made, tmp_path))


@pytest.mark.parametrize("opset", [OLDEST_OPSET, 11, 13, 18, NEWEST_OPSET])
def test_known_operator_sets(opset: int, tmp_path: Path) -> None:
    assert frontend.read(save(dense(opset), tmp_path)).layers


def test_unknown_operator_is_one_message_of_the_checker(tmp_path: Path) -> None:
    made = dense()
    made.graph.node[0].op_type = "MatMull"
    assert "not a valid ONNX model: No Op registered for MatMull" in refused(save(made, tmp_path))


def test_cycle_is_refused(tmp_path: Path) -> None:
    nodes = [node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])]
    made = dense()
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    assert "not a valid ONNX model" in refused(save(made, tmp_path))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_weights_that_are_not_finite(bad: float, dtype: type, tmp_path: Path) -> None:
    weight = np.ones((4, 3), dtype)
    weight[2, 1] = bad
    assert "initialiser 'w': holds NaN or infinity" in refused(save(dense(weight=weight), tmp_path))


def test_constants_that_become_infinite_are_refused(tmp_path: Path) -> None:
    nodes = [node("Div", ["w", "zero"], ["v"]), node("MatMul", ["x", "v"], ["y"])]
    constants = {"w": np.ones((4, 3), np.float32), "zero": np.float32(0)}
    assert "weight ('v') holds NaN" in refused(save(model(nodes, {"x": (4,)}, ["y"], constants), tmp_path))


def test_initialiser_of_the_wrong_size(tmp_path: Path) -> None:
    made = dense()
    made.graph.initializer[0].dims[0] = 2**40
    assert "w" in refused(save(made, tmp_path))


def test_sparse_initialiser(tmp_path: Path) -> None:
    made = dense()
    del made.graph.initializer[:]
    values = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("w_indices", TensorProto.INT64, [1], [2])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4, 3]))
    assert "initialiser 'w': sparse" in refused(save(made, tmp_path))


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([node("ConstantOfShape", ["s"], ["c"])], {"s": np.array([2**20, 2**20], np.int64)}),
        ([node("Expand", ["one", "s"], ["c"])], {"one": np.float32(1), "s": np.array([2**31], np.int64)}),
        ([node("Tile", ["v", "s"], ["c"])], {"v": np.ones(64, np.float32), "s": np.array([2**40], np.int64)}),
        ([node("Add", ["a", "b"], ["c"])], {"a": np.ones((1 << 15, 1)), "b": np.ones((1, 1 << 15))}),
        (
            [node("Range", ["a", "b", "d"], ["c"])],
            {"a": np.int64(0), "b": np.int64(2**40), "d": np.int64(1)},
        ),
    ],
)
def test_constants_that_would_fill_the_memory(nodes: list, constants: dict, tmp_path: Path) -> None:
    nodes = [*nodes, node("Cast", ["c"], ["f"], to=TensorProto.FLOAT), node("Add", ["x", "f"], ["y"])]
    text = refused(save(model(nodes, {"x": (4,)}, ["y"], constants), tmp_path))
    assert "expected at most" in text or "cannot be told" in text


def with_functions(bodies: dict[str, list[onnx.NodeProto]], inputs: tuple[str, ...] = ("a",)) -> onnx.ModelProto:
    """A model that calls the first of these functions, which all go from a to b."""
    made = model([node("Relu", ["x"], ["y"])], {"x": (4,)}, ["y"])
    made.opset_import.add(domain="own", version=1)
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    for name, nodes in bodies.items():
        made.functions.append(helper.make_function("own", name, inputs, ["b"], nodes, imports))
    made.graph.node[0].CopyFrom(node(next(iter(bodies)), ["x"], ["y"], domain="own"))
    return made


def twice(name: str, domain: str = "own") -> list[onnx.NodeProto]:
    return [node(name, ["a"], ["m"], domain=domain), node(name, ["m"], ["b"], domain=domain)]


def test_functions_are_inlined(tmp_path: Path) -> None:
    made = with_functions({"f": twice("g"), "g": twice("Relu", "")})
    assert [item.op_type for item in load(save(made, tmp_path)).graph.node] == ["Relu"] * 4


def test_functions_that_would_fill_the_memory(tmp_path: Path) -> None:
    """Sixty functions, of which each calls the next one twice."""
    bodies = {f"f{n}": twice(f"f{n + 1}") if n < 59 else twice("Relu", "") for n in range(60)}
    assert "more than 131072 nodes once its functions are inlined" in refused(save(with_functions(bodies), tmp_path))


def test_functions_that_call_themselves(tmp_path: Path) -> None:
    made = with_functions({"g": twice("f"), "f": twice("g")})
    refused(save(made, tmp_path))
    with pytest.raises(BadInput, match="'g' calls itself"):  # not every version of onnx's checker says so
        inline(made, tmp_path / "net.onnx")


def test_a_function_with_too_many_operands(tmp_path: Path) -> None:
    made = with_functions({"f": twice("Relu", "")})
    made.graph.node[0].input.extend(["x", "x"])
    assert "its functions cannot be inlined" in refused(save(made, tmp_path))


def test_an_infinite_slope(tmp_path: Path) -> None:
    made = model([node("LeakyRelu", ["x"], ["y"], name="n", alpha=float("inf"))], {"x": (4,)}, ["y"])
    assert "n (LeakyRelu): its slope is infinite" in refused(save(made, tmp_path))


def test_an_attribute_that_refers_to_one_of_a_function(tmp_path: Path) -> None:
    made = model([node("Elu", ["x"], ["y"], name="e", alpha=0.5)], {"x": (4,)}, ["y"])
    made.graph.node[0].attribute[0].ref_attr_name = "a"
    assert "e (Elu): attribute 'alpha' has no value" in refused(save(made, tmp_path))


def external(folder: Path, location: str, **entries: str) -> Path:
    made = dense()
    tensor = made.graph.initializer[0]
    data = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    folder.mkdir(exist_ok=True)
    (folder / "w.bin").write_bytes(b"12345678" + data)
    return save(made, folder)


def test_external_data_beside_the_model(tmp_path: Path) -> None:
    path = external(tmp_path, "w.bin", offset="8", length="48")
    assert np.array_equal(load(path).initializers["w"], weights(4, 3))
    check_equal(path)


def test_external_data_through_a_link_inside_the_folder(tmp_path: Path) -> None:
    path = external(tmp_path, "link.bin", offset="8")
    (tmp_path / "link.bin").symlink_to("w.bin")
    assert np.array_equal(load(path).initializers["w"], weights(4, 3))


@pytest.mark.parametrize("location", ["../w.bin", "sub/../../w.bin", "link.bin", "linked/w.bin", "", "/etc/passwd"])
def test_external_data_outside_the_folder(location: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    path = external(folder, location, offset="8")
    (tmp_path / "w.bin").write_bytes(bytes(64))
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    (folder / "linked").symlink_to(tmp_path)
    assert "expected a file inside the model's folder" in refused(path)


@pytest.mark.parametrize(
    ("location", "entries", "text"),
    [
        ("absent.bin", {}, "is missing"),
        (".", {}, "is missing"),
        ("w.bin", {"offset": "9"}, "does not hold 48 bytes at offset 9"),
        ("w.bin", {"offset": "-8"}, "does not hold"),
        ("w.bin", {"offset": "zero"}, "does not hold"),
        ("w.bin", {"length": "47"}, "does not hold"),
        ("w.bin", {"length": str(2**62)}, "does not hold"),
    ],
)
def test_external_data_that_is_not_there(location: str, entries: dict, text: str, tmp_path: Path) -> None:
    assert text in refused(external(tmp_path, location, **entries))


def test_external_data_of_huge_tensor(tmp_path: Path) -> None:
    path = external(tmp_path, "w.bin")
    made = onnx.load(path, load_external_data=False)
    made.graph.initializer[0].dims[0] = 2**50
    assert "does not hold" in refused(save(made, tmp_path))
