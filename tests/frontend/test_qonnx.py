"""Models that are quantised already: their programs give the integers of the executor of qonnx, or they are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_models import save
from quantised_models import DOMAIN, Network, executed

from hwq import api
from hwq.errors import BadInput
from hwq.frontend.cut import Cut
from hwq.frontend.quantised import is_quantised, read_quantised
from hwq.ir.program import Program, quantise_inputs
from hwq.ops import Codebook, Dense, Threshold
from hwq.quant import QuantConfig
from hwq.sim import Simulator, simulate_plain

MODELS = Path(__file__).parents[3] / "shared" / "models"
IMAGES = np.random.default_rng(0).integers(0, 256, (50, 3, 4)).astype(np.float32) / np.float32(255)


def _start(bits: int, seed: int = 0) -> Network:
    return Network(3, 4, seed=seed).flatten().apply("Mul", 2.0).apply("Sub", [1.0]).quant(bits, 2.0 ** min(0, 2 - bits))


def _ternary() -> Network:
    return _start(2).matmul(8, 2).norm().quant(2).matmul(5, 2)


def _bipolar() -> Network:
    return _start(0).matmul(9, 0).norm().quant(0).matmul(7, 0).norm().quant(0).matmul(4, 0)


def _scales() -> Network:
    each = np.float32([[0.25], [1], [2], [0.5], [0.25], [4]])
    net = _start(4).matmul(6, 4, each).norm().unary("Relu")
    return net.quant(3, 0.25, signed=0, narrow=0, rounding_mode="FLOOR").matmul(5, 3, 0.125)


ROWS = np.array([[-6.0, -1.0, 0.0], [0.5, 0.5, 4.0], [-9.0, 2.0, 100.0], [-3.0, -2.0, 1.5]])
NETS = {
    "ternary": _ternary(),
    "bipolar": _bipolar(),
    "bipolar-scaled": Network(3, 4).flatten().apply("Sub", 0.5).quant(0, 0.25).matmul(5, 0, 2.0),
    "mixed": _start(8).matmul(6, 0).norm().quant(4, narrow=0).matmul(5, 0),
    "scales": _scales(),
    "zero_point": _start(5).matmul(6, 3).quant(4, 2.0, 3.0, signed=0, narrow=0).matmul(3, 2),
    "ceil": _start(3).matmul(7, 2).norm().quant(3, rounding_mode="CEIL").matmul(3, 2).apply("Mul", 0.5),
    "down": _start(3).matmul(7, 2).norm().quant(3, rounding_mode="DOWN").quant(2).matmul(3, 2),
    "quantised_output": _start(3).matmul(7, 2).norm().quant(3, 0.5),
    "counts": _start(3).matmul(4, 2).counts(ROWS).matmul(5, 2).counts([[-2, 0, 0, 3]], 0.5, -1.0).matmul(3, 2),
    "counts_bipolar": _start(3).matmul(4, 0).counts(ROWS[:, :1], 2.0, -1.0).matmul(5, 0),
    "counts_above": _start(3).matmul(4, 2).counts(ROWS, 1.0, 20.0).matmul(3, 2),
    "counts_output": _start(3).matmul(4, 2).counts(ROWS, 0.5, -0.5),
    "signs": _start(3).unary("Sign").matmul(6, 2).norm().unary("Sign").matmul(4, 0),
    "whole": _start(3).whole(6).counts([[-2]], 2.0, -1.0).whole(5).counts([[0]], 2.0, -1.0).whole(4),
    "odd_sums": Network(5).quant(0).matmul(3, 0),
    "bipolar_output": _start(2).matmul(3, 2).quant(0, 0.5),
    "falls": _start(2).apply("Mul", -1.0).quant(2).matmul(3, 2),
    "a_curve": _start(4).unary("Sigmoid").quant(4, 2.0**-4, signed=0).matmul(3, 2),
    "a_curve_of_sums": _start(3).matmul(5, 3).unary("Tanh").quant(3, 0.25).matmul(3, 2),
    "many_steps": _start(8).matmul(9, 8).quant(12).matmul(3, 2).quant(6, 64.0),
    "wide_sums": _start(8).matmul(9, 9).quant(2, 2.0**8).matmul(3, 2),
    "odd_zero_point": _start(6).matmul(9, 4).quant(6, 8.0, 5.0, signed=0, narrow=0).matmul(3, 2),
    "half_up": _start(6).matmul(9, 4).quant(6, 16.0, rounding_mode="HALF_UP").matmul(3, 2),
    "half_down": _start(5).matmul(9, 2).quant(4, 8.0, rounding_mode="HALF_DOWN").matmul(3, 2),
    "up": _start(5).matmul(9, 2).quant(4, 8.0, rounding_mode="UP").matmul(3, 2),
}


def _imported(net: Network, folder: Path, x: np.ndarray) -> tuple[Program, onnx.ModelProto]:
    made = net.done()
    path = save(made, folder)
    assert is_quantised(path)
    return read_quantised(path, {"x": x}), made


def _delivered(program: Program, x: np.ndarray) -> np.ndarray:
    """Real values of the only output, the same from both simulators."""
    integers = quantise_inputs(program, {"x": x})
    (port,) = program.outputs
    plain = simulate_plain(program, integers)[port.tensor]
    assert np.array_equal(plain, Simulator(program)(integers)[port.tensor])
    return port.real(plain, program.formats[port.tensor]).astype(np.float32)


@pytest.mark.parametrize("name", NETS)
def test_integers_are_those_of_the_executor(name: str, tmp_path: Path) -> None:
    net = NETS[name]
    x = IMAGES if net.shape == (3, 4) else np.sign(IMAGES.reshape(-1, 5) - np.float32(0.5))
    program, made = _imported(net, tmp_path, x)
    every = executed(made, x)
    assert program.outputs[0].host_ops == ()
    assert np.array_equal(_delivered(program, x), every[net.last])
    assert len(np.unique(every[net.last])) > 1


def test_floats_behind_the_last_sums_are_within_a_rounding_of_float32(tmp_path: Path) -> None:
    net = _ternary().apply("Sub", 0.3).apply("Mul", 1.7).apply("Add", [-2.5])
    program, made = _imported(net, tmp_path, IMAGES)
    assert program.outputs[0].offset is not None
    np.testing.assert_array_max_ulp(_delivered(program, IMAGES), executed(made, IMAGES)[net.last], 4)


def test_scales_that_are_no_powers_of_two(tmp_path: Path) -> None:
    net = _start(4).matmul(30, 4, 0.3137).quant(5, 0.7219).matmul(3, 2)
    program, made = _imported(net, tmp_path, IMAGES)
    quality = list(program.info["import"].values())[-1]
    assert quality["order"] and not quality["exact"] and quality["deviation"] < 0.01
    apart = abs(_delivered(program, IMAGES) - executed(made, IMAGES)[net.last])
    assert (apart < program.formats[program.outputs[0].tensor].scale / 2).mean() > 0.99


def test_bipolar_weights_and_data_take_a_bit(tmp_path: Path) -> None:
    program, _ = _imported(NETS["bipolar"], tmp_path, IMAGES)
    layers = [op for op in program.ops if isinstance(op, Dense)]
    assert len(layers) == 3 and all(isinstance(op.coding, Codebook) and op.stored_bits == 1 for op in layers)
    assert [program.types[op.name].bits for op in layers[:2]] == [1, 1]
    assert program.outputs[0].offset is not None, "sums of 7 signs are odd, and half a step off their integers"


def test_thresholds_at_uneven_places_stay_thresholds(tmp_path: Path) -> None:
    program, _ = _imported(NETS["counts"], tmp_path, IMAGES)
    assert sum(isinstance(op, Threshold) for op in program.ops) == 2
    program, _ = _imported(NETS["many_steps"], tmp_path, IMAGES)
    assert not any(isinstance(op, Threshold) for op in program.ops)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_channels_of_counts(layout: str, tmp_path: Path) -> None:
    rows = np.sort(np.random.default_rng(2).normal(0, 40, (3, 4)).astype(np.float32))
    x = np.random.default_rng(3).integers(-99, 99, (7, 3, 2, 3)).astype(np.float32)
    net = Network(3, 2, 3).counts(rows, data_layout=layout)
    program, _ = _imported(net, tmp_path, x)
    got = _delivered(program, x)
    axis = 3 if layout == "NHWC" else 1
    for channel in range(3):
        counts, values = (np.take(array, channel, axis) for array in (got, x))
        assert np.array_equal(counts, np.searchsorted(rows[channel], values, "right"))


def test_an_exact_affine_end_becomes_the_format(tmp_path: Path) -> None:
    net = _ternary().apply("Mul", 0.25).apply("Add", 2.0)
    program, made = _imported(net, tmp_path, IMAGES)
    (port,) = program.outputs
    assert program.formats[port.tensor].scale == 0.25 and not port.by_element
    assert np.array_equal(_delivered(program, IMAGES), executed(made, IMAGES)[net.last])


@pytest.mark.parametrize(("steps", "low", "high", "type_"), [
    (1, 0, 200, "u8"), (127, -127, 127, "s8"), (128, -128, 127, "s8"), (255, 0, 254, "u8"), (256, 0, 255, "u8"),
    (255, 0, 510, "u9"), (1, -3, 2, "s3"),
])  # fmt: skip
def test_grids_of_inputs(steps: int, low: int, high: int, type_: str, tmp_path: Path) -> None:
    integers = np.random.default_rng(1).integers(low, high + 1, (40, 3, 4))
    integers[0, 0, :2], integers[0, 0, 2] = (low, high), low + 1
    x = integers.astype(np.float32) / np.float32(steps)
    program, made = _imported(_ternary(), tmp_path, x)
    tensor = program.inputs[0].tensor
    assert f"{program.types[tensor]}".startswith(type_)
    assert np.array_equal(quantise_inputs(program, {"x": x})[tensor].ravel(), integers.ravel())
    assert np.array_equal(_delivered(program, x), executed(made, x)[_ternary().last])


def test_samples_off_every_grid(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"input 'x': its samples are no multiples of 1/1, 1/127, 1/128, 1/255, 1/256"):
        _imported(_ternary(), tmp_path, IMAGES * 0.37)
    with pytest.raises(BadInput, match="integers from 0 to 70000, expected such of at most 16 bits"):
        _imported(_ternary(), tmp_path, np.full((1, 3, 4), 70_000.0) * (np.arange(12).reshape(3, 4) > 5))


REFUSED = {
    "operator": (_start(2).unary("Softmax").quant(2).matmul(3, 2), r"softmax4 \(Softmax\): Softmax of quantised data"),
    "domain": (_start(2).unary("Sharpen", domain=DOMAIN), r"sharpen4: operator Sharpen of domain onnx\.brevitas"),
    "inputs": (_start(2).unary("Trunc", domain=DOMAIN), r"trunc4 \(Trunc\): has 1 inputs, expected 5 or 6"),
    "float weights": (
        _start(2).node("MatMul", "quant3_y", "c9").apply("Mul", 1.0), r"matmul4 \(MatMul\): its weights are floats",
    ),
    "float data": (_start(2).unary("Sigmoid").matmul(3, 2), "reads what no quantiser made"),
    "scales of a row": (_start(2).matmul(3, 2, np.float32([[1] * 11 + [2]])), "its weights differs within an output"),
    "scales of data": (_start(2).matmul(3, 2).quant(2, [1.0, 2, 1]).matmul(3, 2), "3 scales for data, expected one"),
    "scale below zero": (_start(2).quant(2, -1.0).matmul(3, 2), "scale is -1.0, expected numbers above 0"),
    "bits": (_start(2).quant(17).matmul(3, 2), "bit width is 17, expected 1 to 16"),
    "half a bit": (_start(2).quant(2.5).matmul(3, 2), "bit width is 2.5, expected one whole number"),  # type: ignore[arg-type]
    "rounding": (_start(2).quant(2, rounding_mode="ODD").matmul(3, 2), "rounding_mode is ODD, expected ROUND, "),
    "both ways": (
        _start(2).matmul(3, 2).unary("LeakyRelu", alpha=-1.0).quant(4).matmul(3, 2),
        "channel 0 rises and falls",
    ),
    "sums that nothing rounds": (_start(8).matmul(9, 9).matmul(3, 2), "reads sums of .* of 1[89] bits, expected at"),
    "shape": (
        _start(2).apply("Mul", np.ones((2, 1))).quant(2).matmul(3, 2), r"constant of shape \(2, 1\) does not broadcast",
    ),
    "rows": (_start(2).matmul(3, 2).counts(ROWS).matmul(3, 2), "has 4 rows of thresholds, expected 1 or 3"),
    "no rows": (_start(2).counts([1.0]).matmul(3, 2), r"shape \(1,\), expected a row for each channel of 1 to 255"),
    "scale of counts": (_start(2).counts([[1]], 0.3).matmul(3, 2), "out_scale is 0.3, expected a power of two"),
    "offset of counts": (_start(2).counts([[1]], 1.0, 0.2).matmul(3, 2), "out_bias is 0.2, expected a multiple of 0.5"),
    "layout": (_start(2).counts([[1]], data_layout="CN").matmul(3, 2), "data_layout is CN, expected NCHW, NHWC or NC"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, tmp_path: Path) -> None:
    net, text = REFUSED[name]
    if name == "float weights":
        net.constants["c9"] = np.full((12, 3), 0.5, np.float32)
    with pytest.raises(BadInput, match=text):
        _imported(net, tmp_path, IMAGES)


def test_sums_with_two_readers(tmp_path: Path) -> None:
    net = _start(2).matmul(3, 2)
    sums = net.last
    first = net.quant(2).last
    net.last = sums
    made = net.quant(2, 2.0).done([first, net.last])
    program = read_quantised(save(made, tmp_path), {"x": IMAGES})
    assert sum(isinstance(op, Dense) for op in program.ops) == 1
    found, every = simulate_plain(program, quantise_inputs(program, {"x": IMAGES})), executed(made, IMAGES)
    for port in program.outputs:
        real = port.real(found[port.tensor], program.formats[port.tensor])
        assert np.array_equal(real.astype(np.float32), every[port.name])
    wide = _start(8).matmul(9, 9)
    sums = wide.last
    first = wide.quant(2, 64.0).last
    wide.last = sums
    path = save(wide.quant(2, 128.0).done([first, wide.last]), tmp_path)
    with pytest.raises(BadInput, match=r"reads the sums of matmul.* beside another reader"):
        read_quantised(path, {"x": IMAGES})


def test_options_have_no_effect_and_are_refused(tmp_path: Path) -> None:
    path = save(_ternary().done(), tmp_path)
    with pytest.raises(BadInput, match=r"is quantised already, .* so --weight-bits, --search would have no effect"):
        api.quantize(path, {"x": IMAGES}, QuantConfig(weight_bits=4, search=True))
    with pytest.raises(BadInput, match="--outputs y would have no effect"):
        api.quantize(path, {"x": IMAGES}, part=Cut(outputs=("y",)))


def test_other_commands_take_the_program(tmp_path: Path) -> None:
    path = save(_ternary().done(), tmp_path)
    for command in (api.inspect, lambda path: api.analyze(path, {"x": IMAGES})):
        with pytest.raises(
            BadInput, match=r"quantised already, expected a model of floats\. Make a program of it with"
        ):
            command(path)


def test_what_is_no_model_is_not_quantised(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"no")
    assert not is_quantised(tmp_path / "net.onnx") and not is_quantised(tmp_path / "none.onnx")


@pytest.mark.icarus
def test_the_whole_way(tmp_path: Path) -> None:
    path = save(_bipolar().done(), tmp_path)
    summary, (checked,) = api.build(path, {"x": IMAGES}, tmp_path / "build", sim="icarus", samples=3, stall=0.3)
    assert checked.passed and summary.options == {}


@pytest.mark.skipif(
    not MODELS.is_dir(), reason="the trained models of ../shared are not here; they are no part of the repository"
)
@pytest.mark.parametrize(("name", "correct"), [("qonnx_tfc_1w1a", 273), ("qonnx_tfc_2w2a", 289)])
def test_trained_networks(name: str, correct: int) -> None:
    """The same integers and the same answers on 300 digits, of which as many are right as qonnx finds."""
    path, digits = MODELS / name / "model.onnx", np.load(MODELS / "mnist_lstm" / "eval.npz")
    x = digits["x"][:300, None].astype(np.float32) / np.float32(255)
    program, made = api.quantize(path, {"0": x[:50]}), onnx.load(path)
    every = [executed(made, image[None]) for image in x]
    (port,) = program.outputs
    got = port.real(Simulator(program)(quantise_inputs(program, {"0": x}))[port.tensor], program.formats[port.tensor])
    want = np.concatenate([one[made.graph.output[0].name] for one in every])
    assert np.abs(got - want).max() < 2.0**-20 * np.abs(want).max(), "floats behind the last sums, at the host"
    answers = np.array([one[made.graph.output[0].name].argmax() for one in every])
    assert np.array_equal(got.argmax(1), answers)
    assert int((answers == digits["y"][:300]).sum()) == correct
