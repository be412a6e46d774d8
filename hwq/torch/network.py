"""Network: a prepared module, which computes with the integers of the hardware and is trained like any other."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import torch
from torch import Tensor, nn

from hwq.errors import BadInput
from hwq.torch.config import TrainConfig
from hwq.torch.layers import Affine, Held, Input, Layer
from hwq.torch.quantisers import TensorQuantiser


class Mode(Enum):
    """What `forward` computes: real values without quantisation, the same while ranges are watched, or integers."""

    REAL = "real"
    WATCHED = "watched"
    INTEGER = "integer"


class Network(nn.Module):
    """Layers in order, each named after its output.

    Parameters
    ----------
    title
        Name of the program.
    outputs
        Name of each output as the user knows it, and its tensor.
    keys
        Keys of a dictionary that the module returns, None where it returns a tensor or a tuple.
    example
        Inputs that the module was traced with, by tensor.
    """

    def __init__(
        self, title: str, layers: Iterable[Layer], quantisers: Iterable[TensorQuantiser], config: TrainConfig,
        outputs: tuple[tuple[str, str], ...], form: type, example: dict[str, Tensor],
    ) -> None:  # fmt: skip
        super().__init__()
        self.title, self.config, self.outputs, self.form = title, config, outputs, form
        self.layers = nn.ModuleList(layers)
        self.quantisers = nn.ModuleList(quantisers)
        self.mode = Mode.INTEGER
        self.examples = tuple(example)
        for number, x in enumerate(example.values()):
            self.register_buffer(f"example_{number}", x.detach().clone(), persistent=False)

    @property
    def steps(self) -> list[Layer]:
        """The layers."""
        return list(self.layers)  # type: ignore[arg-type]

    @property
    def inputs(self) -> list[Input]:
        """The layers that begin the network, in the order of the module's arguments."""
        return [layer for layer in self.steps if isinstance(layer, Input)]

    @property
    def formats(self) -> list[TensorQuantiser]:
        """The quantisers of tensors, each once."""
        return list(self.quantisers)  # type: ignore[arg-type]

    def format(self, tensor: str) -> TensorQuantiser:
        """The quantiser of a tensor."""
        return next(layer.output for layer in self.steps if layer.label == tensor)

    def example(self) -> dict[str, Tensor]:
        """The inputs that the module was traced with, by tensor."""
        return {name: self.get_buffer(f"example_{number}") for number, name in enumerate(self.examples)}

    def freeze(self, frozen: bool = True) -> Network:
        """Normalise by running statistics while training, and drop nothing: then training sees what hardware does."""
        for layer in self.steps:
            layer.frozen = frozen
            norm = getattr(layer, "norm", None)
            if norm is not None:
                norm.train(self.training and not frozen)
        return self

    def train(self, mode: bool = True) -> Network:
        """As of any module; normalisations of frozen layers stay as they are."""
        super().train(mode)
        return self.freeze(self.frozen)

    @property
    def frozen(self) -> bool:
        """Whether `freeze` was called."""
        return bool(self.steps) and all(layer.frozen for layer in self.steps)

    def forward(self, *xs: Tensor) -> Tensor | tuple[Tensor, ...] | dict[str, Tensor]:
        """What the module returns, of the values that the integers stand for."""
        if self.mode is Mode.INTEGER:
            values = {name: held.reals for name, held in self.held(*xs).items()}
        else:
            values = self.reals(*xs)
        out = {name: values[tensor] for name, tensor in self.outputs}
        if self.form is dict:
            return out
        return next(iter(out.values())) if self.form is Tensor else tuple(out.values())

    def held(self, *xs: Tensor) -> dict[str, Held]:
        """Every tensor of the network, as integers."""
        given = dict(zip((layer.label for layer in self.inputs), self._checked(xs), strict=True))
        values: dict[str, Held] = {}
        for layer in self.steps:
            if isinstance(layer, Input):
                integers = layer.quantised(given[layer.label])
            else:
                integers = layer(*(values[name] for name in layer.inputs))
            values[layer.label] = Held(integers, layer.output)
        return values

    def integers(self, *xs: Tensor) -> dict[str, Tensor]:
        """Every tensor of the network as int64, of the module's shape, batch first."""
        with torch.no_grad():
            return {name: held.integers.round().long() for name, held in self.held(*xs).items()}

    def reals(self, *xs: Tensor) -> dict[str, Tensor]:
        """Every tensor of the network without quantisation."""
        given = dict(zip((layer.label for layer in self.inputs), self._checked(xs), strict=True))
        values: dict[str, Tensor] = {}
        for layer in self.steps:
            source = [given[layer.label]] if isinstance(layer, Input) else [values[name] for name in layer.inputs]
            values[layer.label] = layer.reals(*source)
            if self.mode is Mode.WATCHED:
                layer.output.watch(values[layer.label])
        return values

    def affine(self) -> list[Affine]:
        """The layers with weights."""
        return [layer for layer in self.steps if isinstance(layer, Affine)]

    def _checked(self, xs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The inputs, after a check of their shapes."""
        expected = {name: tuple(x.shape[1:]) for name, x in self.example().items()}
        if len(xs) != len(expected):
            raise BadInput(f"{self.title}: {len(xs)} inputs, expected {len(expected)}: {', '.join(expected)}.")
        for (name, shape), x in zip(expected.items(), xs, strict=True):
            if tuple(x.shape[1:]) != shape:
                raise BadInput(
                    f"{self.title}: input {name} has shape {tuple(x.shape)}, expected a batch of {shape}. The hardware "
                    "has one size: prepare the module with an example of this one."
                )
        return xs
