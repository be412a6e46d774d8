"""Networks with dead channels (benchmarks/rescaled.py): as many as promised, and what is refused."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from rescaled_nets import FIRST, MODELS, convolutions, images, model_of, node, plain, rescaled, run, tensors_of


def dead_rows(weights: NDArray[np.float32]) -> NDArray[np.bool_]:
    rows: NDArray[np.bool_] = np.abs(weights).max(axis=(1, 2, 3)) < 1e-25
    return rows


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_half_of_the_channels_are_dead(name: str, constant: bool) -> None:
    """So many that are nearly zero everywhere, or have one value; the rest is what it was, in another order."""
    model = MODELS[name]()
    changed = rescaled.dead_channels(model, constant=constant)
    onnx.checker.check_model(changed, full_check=True)
    before, after = tensors_of(model), tensors_of(changed)
    for old, new in zip(convolutions(model), convolutions(changed), strict=True):
        dead = dead_rows(after[new.input[1]])
        assert len(dead) == 2 * len(before[old.input[1]]) and dead.sum() * 2 == len(dead)
        (was,), (out,) = run(model, images(), old.output[0]), run(changed, images(), new.output[0])
        values = out[:, dead]
        assert np.ptp(values, axis=(0, 2, 3)).max() < 1e-20
        ours, theirs = (np.sort(np.abs(array).sum(axis=(0, 2, 3))) for array in (out[:, ~dead], was))
        if not constant:
            assert np.abs(values).max() < 1e-20
            np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    assert {array.dtype for array in after.values()} == {np.dtype(np.float32)}


def test_constant_channels_have_biases_of_the_usual_size() -> None:
    model = rescaled.dead_channels(MODELS["mobilenet"](), constant=True)
    tensors = tensors_of(model)
    for conv in convolutions(model):
        dead = dead_rows(tensors[conv.input[1]])
        bias = tensors[conv.output[0].removesuffix("_conv") + "_bn.bias"]
        assert 0.3 < bias[dead].std() / bias[~dead].std() < 3


@pytest.mark.parametrize(("share", "dead"), [(0.0, 0), (0.25, 2), (0.5, 6), (0.75, 18)])
def test_share(share: float, dead: int) -> None:
    tensors = tensors_of(rescaled.dead_channels(plain(), share))
    assert dead_rows(tensors["a.w"]).sum() == dead == len(tensors["a.w"]) - 6


def equalised_bias(model: onnx.ModelProto) -> float:
    """Largest bias that equalisation without guards (Nagel et al. 2019, equation 11) gives a depthwise layer.

    A channel of range r1 in this layer and r2 in the next is divided by sqrt(r1 / r2), and so is its bias.
    """
    tensors = tensors_of(model)
    found = []
    for block in ("block1", "block2", "block3"):
        gamma, beta, variance = (tensors[f"{block}_dw_bn.{key}"] for key in ("weight", "bias", "running_var"))
        kernels = np.abs(tensors[f"{block}_dw_conv.weight"]).max(axis=(1, 2, 3)).astype(np.float64)
        first = kernels * np.abs(gamma) / np.sqrt(variance + 1e-5)
        second = np.abs(tensors[f"{block}_project_conv.weight"]).max(axis=(0, 2, 3))
        found.append(np.abs(beta / np.sqrt(first / second)).max())
    return float(max(found))


def test_equalisation_without_guards_breaks_constant_channels() -> None:
    model = MODELS["mobilenet"]()
    usual = equalised_bias(model)
    assert equalised_bias(rescaled.dead_channels(model)) < 2 * usual
    assert equalised_bias(rescaled.dead_channels(model, constant=True)) > 1e10 * usual


REFUSED = {
    "its channels cannot be widened": [FIRST, node("Sigmoid", ["first"], "logits")],
    "last layer": [FIRST, node("Relu", ["first"], "logits")],
    "used by 2 nodes": [FIRST, node("Conv", ["image", "w"], "second"), node("Add", ["first", "second"], "logits")],
    "group is 2": [FIRST, node("Conv", ["first", "half"], "logits", group=2)],
    "Flatten": [FIRST, node("Flatten", ["first"], "flat"), node("Gemm", ["flat", "m"], "logits")],
    "Add": [FIRST, node("Add", ["c", "first"], "logits")],
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused_by_dead_channels(message: str) -> None:
    shapes = {"w": (4, 1, 3, 3), "half": (4, 2, 1, 1), "m": (144, 10), "c": (4, 1, 1)}
    model = model_of(REFUSED[message], {name: np.ones(shape) for name, shape in shapes.items()})
    with pytest.raises(ValueError, match=message):
        rescaled.dead_channels(model)


def test_refused_share() -> None:
    for share in (-0.1, 1.0):
        with pytest.raises(ValueError, match="share"):
            rescaled.dead_channels(plain(), share)
