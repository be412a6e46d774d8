"""The operators that only models have which are quantised already, and those that have another meaning there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hwq.arith import int_range
from hwq.frontend.graph import FloatArray, Layer
from hwq.frontend.handlers import HANDLERS, Handler, elementwise
from hwq.frontend.handlers.elementwise import broadcast, canonical, open_by_constant
from hwq.frontend.node import Node, Refusal, type_name
from hwq.frontend.quantised.layers import Dequantise, Pointwise, Quantise
from hwq.frontend.quantised.multithreshold import MultiThreshold
from hwq.frontend.quantised.quantiser import Affine, Float32, Quantiser, Rule, Signs, check_scale
from hwq.frontend.quantised.steps import Arithmetic, Normalisation, Start, Step
from hwq.frontend.quantised.trunc import Trunc
from hwq.frontend.quantised.weights import Grid, Weights, grid_of_whole
from hwq.frontend.state import State
from hwq.frontend.value import Value

MULTI_THRESHOLD = "MultiThreshold"
DYNAMIC = (
    "dynamic quantisation takes scales from each input, which hardware cannot know beforehand, expected fixed ones. "
    "Quantise the model statically, with calibration data"
)
INTEGERS = re.compile(r"(u?)int(\d+)")


@dataclass(slots=True, eq=False)
class QuantisedState(State):
    """The importer's memory, with the constants that are quantised: `grids` by name, `known` as layers have them."""

    grids: dict[str, Grid] = field(default_factory=dict)
    known: Weights = field(default_factory=Weights)
    limits: dict[str, tuple[int, int]] = field(default_factory=dict)
    """types of the results of quantisers"""

    def weights(self, node: Node, position: int, what: str) -> FloatArray:
        """As `State.weights`; what layers multiply by are numbers for weights, see `Weights`."""
        array = State.weights(self, node, position, what)
        if what != "weight":
            return array
        grid = self.grids.get(node.inputs[position]) or grid_of_whole(array)
        if grid is None:
            raise Refusal("its weights are floats, expected quantised ones. Quantise them too")
        return self.known.numbers(grid)


# --------------------------------------------------------------------------------------------------------- quantisers


def quantize_linear(node: Node, state: State) -> None:
    """Import a QuantizeLinear of data; `zero_first` is an attribute that `operators` adds."""
    scale, zero, limits = linear_parameters(node, state.constants)
    last = not node.integer("zero_first", 0)
    rule = Quantiser(scale, int(zero.ravel()[0]), limits, "HALF_EVEN", zero_last=last)
    value = state.data(node)
    state.values[node.outputs[0]] = _quantised(node, state, value, rule)
    if isinstance(state, QuantisedState):
        state.limits[node.outputs[0]] = limits


def dequantize_linear(node: Node, state: State) -> None:
    """Import a DequantizeLinear of data."""
    scale, zero, limits = linear_parameters(node, state.constants)
    given = state.limits.get(node.inputs[0]) if isinstance(state, QuantisedState) and len(node.inputs) > 2 else None
    if given not in (None, limits):
        raise Refusal(f"its zero point is one of integers {limits}, its input holds {given}, expected one type")
    if scale.size != 1:
        raise Refusal(f"{scale.size} scales for data, expected one")
    value = replace(state.any_data(node), integer=False)
    form = Affine(1, -int(zero.ravel()[0]), float(scale.ravel()[0]))
    state.values[node.outputs[0]] = _dequantised(node, state, value, form, node.outputs[0])


def linear_parameters(
    node: Node, constants: dict[str, NDArray[np.generic]]
) -> tuple[Float32, NDArray[np.int64], tuple[int, int]]:
    """Scale, zero point and the limits of the integers of a QuantizeLinear or DequantizeLinear.

    Raises
    ------
    Refusal
        When they are computed, are no integers, or belong to blocks.
    """
    names = [name for name in node.inputs[1:] if name]
    missing = [name for name in names if name not in constants]
    if missing:
        raise Refusal(computed(missing[0]))
    if node.integer("block_size", 0):
        raise Refusal(f"block_size is {node.integer('block_size', 0)}, expected 0. Use a scale for each channel")
    scale = np.asarray(constants[names[0]], np.float32)
    check_scale(scale)
    kind = node.integer("output_dtype", 0)
    name = "uint8" if not kind else type_name(kind).lower()
    if node.op == "DequantizeLinear" and node.inputs[0] in constants:
        name = constants[node.inputs[0]].dtype.name
    if len(names) > 1:
        name = constants[names[1]].dtype.name
    found = INTEGERS.fullmatch(name)
    if found is None:
        kind_name = name.upper().replace("_", "")
        raise Refusal(f"its integers are of type {kind_name}, expected INT2 to INT32. Hardware multiplies integers")
    limits = int_range(int(found[2]), not found[1])
    zero = np.asarray(constants[names[1]], np.int64) if len(names) > 1 else np.zeros(1, np.int64)
    return scale, zero, limits


def computed(name: str) -> str:
    """Why a quantiser whose input `name` is no constant is refused."""
    return f"its input '{name}' is computed, expected a constant: {DYNAMIC}"


def quant(node: Node, state: State) -> None:
    """Import a Quant or BipolarQuant of data."""
    _both(node, state, Quantiser.of(node, state.constants))


def trunc(node: Node, state: State) -> None:
    """Import a Trunc of data."""
    _both(node, state, Trunc.of(node, state.constants))


def sign(node: Node, state: State) -> None:
    """Import a Sign of data."""
    _both(node, state, Signs())


def multi_threshold(node: Node, state: State) -> None:
    """Import a MultiThreshold of data."""
    value = state.data(node)
    rows = np.asarray(state.constant(node, 1, "thresholds"), np.float32)
    scale, bias = node.real("out_scale", 1.0), node.real("out_bias", 0.0)
    whole = MultiThreshold.of(rows, scale, bias)
    layout = node.text("data_layout", "NCHW")
    if layout not in ("NCHW", "NHWC", "NC"):
        raise Refusal(f"data_layout is {layout}, expected NCHW, NHWC or NC")
    channels = value.shape[-1 if layout == "NHWC" else 0]
    if len(rows) not in (1, channels):
        raise Refusal(f"has {len(rows)} rows of thresholds, expected 1 or {channels}, one a channel")
    if len(rows) == 1:
        _both(node, state, whole)
        return
    numbers = np.arange(channels, dtype=np.float64)
    along = numbers if layout == "NHWC" else numbers.reshape(-1, *[1] * (len(value.shape) - 1))

    def rule(chosen: FloatArray) -> Rule:
        return replace(whole, thresholds=rows[chosen.astype(np.int64)])

    _both(node, state, whole, along, rule)


def _both(
    node: Node,
    state: State,
    rule: Rule,
    along: FloatArray | None = None,
    of: Callable[[FloatArray], Rule] | None = None,
) -> None:
    """A quantiser and what it gives back: real values of its integers.

    With `along`, an array that is broadcast to the value, the rule is that of its numbers by channel.
    """
    value = state.data(node)
    made = _quantised(node, state, value, rule, along, of)
    state.values[node.outputs[0]] = _dequantised(node, state, made, rule.form, f"{node.outputs[0]}_real")


def _quantised(
    node: Node, state: State, value: Value, rule: Rule, along: FloatArray | None = None,
    of: Callable[[FloatArray], Rule] | None = None,
) -> Value:  # fmt: skip
    by_channel = None if along is None else _by_channel(value, along)

    def build(name: str) -> Layer:
        chosen = rule if by_channel is None or of is None else of(by_channel())
        return Quantise(name=name, inputs=(value.tensor,), source=node.label, rule=chosen)

    return _added(node, state, value, node.outputs[0], build)


def _dequantised(node: Node, state: State, value: Value, form: Affine, name: str) -> Value:
    start = Start.of_data(form.factor, form.offset, form.unit)

    def build(name: str) -> Layer:
        return Dequantise(name=name, inputs=(value.tensor,), source=node.label, start=start)

    return _added(node, state, value, name, build)


def _added(node: Node, state: State, value: Value, name: str, build: Callable[[str], Layer]) -> Value:
    """A new tensor called after `name`, whose elements lie as those of `value` do."""
    tensor = state.new_tensor(name, value.layout, node.label)
    state.builds.append((node, tensor, build))
    return replace(value, tensor=tensor)


# ------------------------------------------------------------------------------------------------------ single values


def arithmetic(node: Node, state: State) -> None:
    """Import Add, Sub, Mul or Div: with a constant, one value at a time, or of two tensors."""
    fixed = [position for position in range(2) if state.is_constant(node, position)]
    if not fixed:
        elementwise.arithmetic(node, state)
        return
    value = state.data(node, 1 - fixed[0])
    operand = broadcast(value, state.weights(node, fixed[0], "operand"))
    if node.op == "Div" and (fixed[0] == 0 or (operand == 0).any()):
        raise Refusal("divides by data, or by zero, expected a constant divisor. Leave it to the host")
    op = "Rsub" if node.op == "Sub" and fixed[0] == 0 else node.op
    _pointwise(node, state, value, operand, lambda chosen: Arithmetic(op, chosen.astype(np.float32)))


def negate(node: Node, state: State) -> None:
    """Import a Neg node."""
    value = state.data(node)
    step = Arithmetic("Mul", np.array([-1], np.float32))
    _pointwise(node, state, value, np.full(value.shape, -1.0), lambda _: step)


def batch_normalization(node: Node, state: State) -> None:
    """Import a BatchNormalization node in inference form."""
    value = state.data(node)
    if node.integer("training_mode", 0):
        raise Refusal("training_mode is 1, expected 0. Export the model in evaluation mode")
    arrays = [np.asarray(state.weights(node, position, "parameter"), np.float32) for position in range(1, 5)]
    if not value.shape or any(array.shape != (value.shape[0],) for array in arrays):
        raise Refusal(f"parameters have the shape {arrays[0].shape}, expected one number for each of the channels")
    epsilon = node.real("epsilon", 1e-5)
    if (arrays[3] + epsilon <= 0).any():
        raise Refusal("variance plus epsilon is not positive, expected a positive number. Check the trained model")
    whole = Normalisation.of(arrays[0], arrays[1], arrays[2], arrays[3], epsilon)
    numbers = np.arange(len(arrays[0]), dtype=np.float64).reshape(-1, *[1] * (len(value.shape) - 1))

    def step(chosen: FloatArray) -> Step:
        rows = chosen.astype(np.int64)
        return Normalisation(whole.factor[rows], whole.shift[rows])

    _pointwise(node, state, value, np.broadcast_to(numbers, value.shape), step)


def _pointwise(node: Node, state: State, value: Value, along: FloatArray, step: Callable[[FloatArray], Step]) -> None:
    """A step whose numbers by channel are those of `along`, of the shape of the value."""
    chosen = _by_channel(value, along)

    def build(name: str) -> Layer:
        return Pointwise(name=name, inputs=(value.tensor,), source=node.label, step=step(chosen()))

    state.add_layer(node, value.layout, value.index, build)


def _by_channel(value: Value, along: FloatArray) -> Callable[[], FloatArray]:
    """When layouts are fixed: the numbers, by channel, of what is broadcast to `value`; (C,), or (1,) if all agree."""
    full = np.broadcast_to(along, value.shape).astype(np.float64)
    if value.layout.position is None:
        open_by_constant(value, full)

    def found() -> FloatArray:
        numbers = canonical(value, full)
        numbers = numbers.reshape(len(numbers), -1)
        if (numbers != numbers[:, :1]).any():
            raise Refusal("its constant differs within a channel, expected one number a channel. Use a convolution")
        return numbers[:1, 0] if (numbers == numbers[0]).all() else numbers[:, 0]

    return found


CUSTOM: dict[str, Handler] = {
    "Quant": quant, "IntQuant": quant, "BipolarQuant": quant, "Trunc": trunc, MULTI_THRESHOLD: multi_threshold,
}  # fmt: skip
"""Operators of QONNX, whatever their domain."""

LINEAR = ("QuantizeLinear", "DequantizeLinear")
"""Quantisers of the standard."""
QUANTISED: dict[str, Handler] = HANDLERS | {
    "Add": arithmetic, "BatchNormalization": batch_normalization, "DequantizeLinear": dequantize_linear,
    "Div": arithmetic, "Mul": arithmetic, "Neg": negate,
    "QuantizeLinear": quantize_linear, "Sign": sign, "Sub": arithmetic,
}  # fmt: skip
"""Operators of the standard."""
