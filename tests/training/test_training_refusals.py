"""What cannot be trained for hardware is refused with one clear error, which names the user's line."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_nets import Mixed, images

from hwq.errors import BadInput
from hwq.quant.config import LayerRule, ScaleKind
from hwq.torch import TrainConfig, calibrate, convert, export_onnx, prepare

pytestmark = pytest.mark.torch


class Wrapped(nn.Module):
    """A convolution, and a function of the test's own behind it."""

    def __init__(self, function: object, *layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, self.conv(x))  # type: ignore[operator, no-any-return]


def _by_value(net: Wrapped, y: Tensor) -> Tensor:
    if y.sum() > 0:
        return y
    return -y


FUNCTIONS = {
    "control": (_by_value, r"Wrapped: cannot be traced \(test_training_refusals.py:\d+: if y.sum\(\) > 0:\)"),
    "sigmoid": (lambda net, y: torch.sigmoid(y), r"sigmoid \(sigmoid\) \(test_training_refusals.py:\d+.*no layer"),
    "constant": (lambda net, y: y + 1, "its argument other depends on no input"),
    "alpha": (lambda net, y: torch.add(y, y, alpha=2), "factor alpha"),
    "broadcast": (lambda net, y: y + y.mean((2, 3), keepdim=True), "adds shapes"),
    "batches": (lambda net, y: torch.cat([y, y]), "joins batches"),
    "axes": (lambda net, y: y.mean(1), r"over the axes 1, expected height and width"),
    "indices": (lambda net, y: functional.max_pool2d(y, 2, return_indices=True)[0], "returns indices|no layer"),
    "ceil": (lambda net, y: functional.max_pool2d(y, 3, 2, ceil_mode=True), "ceil_mode"),
    "borders": (lambda net, y: functional.avg_pool2d(y, 2, padding=1, count_include_pad=False), "count_include_pad"),
    "adaptive": (lambda net, y: functional.adaptive_avg_pool2d(y, 3), "3 by 3 of 8 by 8, expected sizes that divide"),
    "clamp": (lambda net, y: y.clamp(1, 2), "lie on both sides of zero"),
    "transpose": (lambda net, y: y.transpose(2, 3), "transpose.*no layer"),
    "reshape": (lambda net, y: net.conv.weight.shape and functional.max_pool2d(y.reshape(-1, 2, 8, 16), 2), "reshaped"),
    "batch": (lambda net, y: y.reshape(-1, 4, 4, 4), "does not grow with the batch alone|batch as the first"),
    "vectors": (lambda net, y: functional.linear(y, torch.ones(3, 8)), "expected vectors"),
    "twice": (lambda net, y: (y, y), "returns a tensor twice"),
    "nothing": (lambda net, y: torch.ones(3), "depends on no input"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    function, message = FUNCTIONS[name]
    with pytest.raises(BadInput, match=message):
        prepare(Wrapped(function), images())


MODULES = {
    "lstm": (nn.Identity(), nn.GELU(), "layers.1.*GELU.*no layer"),
    "padding": (nn.Identity(), nn.Conv2d(4, 4, 3, padding_mode="reflect"), "padding_mode reflect"),
    "statistics": (nn.Identity(), nn.BatchNorm2d(4, track_running_stats=False), "no running statistics"),
    "shared": (nn.Conv2d(4, 4, 1), None, r"shares its weights with layers.0"),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    first, second, message = MODULES[name]
    layers = (first, second or first)
    with pytest.raises(BadInput, match=message):
        prepare(Wrapped(lambda net, y: net.layers[1](net.layers[0](y)), *layers).eval(), images())


def test_every_reason_is_given_at_once() -> None:
    with pytest.raises(BadInput) as refused:
        prepare(Wrapped(lambda net, y: torch.sigmoid(torch.tanh(y)) + 1), images())
    assert len(str(refused.value).splitlines()) == 3


EXAMPLES = {
    "type": ("x", "is a str, expected a tensor"),
    "integers": (torch.zeros(2, 2, 8, 8, dtype=torch.int64), "float values"),
    "empty": (torch.zeros(0, 2, 8, 8), "float values"),
    "infinite": (torch.full((2, 2, 8, 8), torch.inf), "not finite"),
    "channels": (torch.zeros(2, 3, 8, 8), r"does not take the example of shape \(2, 3, 8, 8\).*torch_nets.py:\d+"),
    "more": ((torch.zeros(2, 2, 8, 8), torch.zeros(2, 1)), "the example has 2 inputs, expected 1: image"),
    "uneven": ((torch.zeros(2, 2, 8, 8), torch.zeros(3, 1)), "expected one size"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    example, message = EXAMPLES[name]
    with pytest.raises(BadInput, match=message):
        prepare(Mixed().eval(), example)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite(value: float) -> None:
    net = Mixed().eval()
    net.pw.weight.data[0] = value
    with pytest.raises(BadInput, match=r"pw \(Conv2d\) \(torch_nets.py:\d+.*not finite"):
        prepare(net, images())
    network = prepare(Mixed().eval(), images())
    network.affine()[2].weight.data[0] = value
    with pytest.raises(BadInput, match=r"layers\.\d+\.weight has values that are not finite"):
        convert(network)


def test_a_program_exported_in_training() -> None:
    program = torch.export.export(Mixed().train(), (images(),))
    with pytest.raises(
        BadInput, match=r"batch_norm\) \(torch_nets.py:\d+: .*expected a program exported in evaluation"
    ):
        prepare(program, images())


def test_tensors_that_are_changed_in_place() -> None:
    with pytest.raises(BadInput, match="changes no tensor that another call reads"):
        prepare(Wrapped(lambda net, y: functional.relu_(y) + y), images())


def test_modules_that_are_none() -> None:
    with pytest.raises(BadInput, match=r"expected a torch\.nn\.Module"):
        prepare(lambda x: x, images())  # type: ignore[arg-type]


def test_one_bit_without_a_relu() -> None:
    with pytest.raises(BadInput, match=r"logits.*have 1 bit|pw.*have 1 bit"):
        prepare(Mixed().eval(), images(), TrainConfig(1, 1))


def test_other_sizes_and_batches() -> None:
    network = prepare(Mixed().eval(), images().abs())
    with pytest.raises(BadInput, match=r"input image has shape \(2, 2, 6, 6\), expected a batch of \(2, 8, 8\)"):
        network(torch.zeros(2, 2, 6, 6))
    with pytest.raises(BadInput, match="2 inputs, expected 1"):
        network(images(), images())
    with pytest.raises(BadInput, match="no batches"):
        calibrate(network, [])
    with pytest.raises(BadInput, match="below zero"):
        calibrate(network, [images()])
    with pytest.raises(BadInput, match="not finite"):
        calibrate(network, [torch.full((2, 2, 8, 8), torch.nan)])
    with pytest.raises(BadInput, match="expected onnx, qdq or qonnx"):
        export_onnx(network, "net.onnx", "tflite")


OPTIONS = {
    "bits": ({"weight_bits": 9}, "weight_bits: 9, expected a whole number from 1 to 8"),
    "kind": ({"act_bits": 4.0}, "act_bits: 4.0"),
    "clusters": ({"clusters": 1}, "clusters: 1"),
    "bipolar": ({"clusters": 4, "weight_bits": 1}, "two values already"),
    "scale": ({"scale": ScaleKind.EXACT}, "POW2 or"),
    "method": ({"method": "tqt"}, "Method.TQT"),
    "rule": ({"rules": (LayerRule("x", (("input_bits", 4),)),)}, "option input_bits is unknown"),
    "value": ({"rules": (LayerRule("x", (("act_bits", 40),)),)}, "act_bits: 40"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options(name: str) -> None:
    options, message = OPTIONS[name]
    with pytest.raises(BadInput, match=message):
        TrainConfig(**options)  # type: ignore[arg-type]


def test_a_rule_for_no_layer() -> None:
    with pytest.raises(BadInput, match="layer 'nowhere': no layer has such a name, expected one of image, stem"):
        prepare(Mixed().eval(), images(), TrainConfig().with_rule("nowhere", act_bits=4))


def test_without_torch() -> None:
    """`import hwq` needs no torch; `import hwq.torch` says how to get it."""
    code = "import sys, hwq.api; print('torch' in sys.modules); sys.modules['torch'] = None; import hwq.torch"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "False\n"
    assert "pip install hwq[torch]" in done.stderr
