"""Forms: what the quantiser did to the channels of a tensor before it rounded them, kept in `Program.info`.

Equalisation multiplies channels by factors, absorption lowers them by offsets, slimming removes some.  Whoever compares
the integers with the float network needs all three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray
from hwq.ir.program import Program
from hwq.quant.calibration import Calibration, in_form

KEY = "forms"
"""Of `Program.info`; a program of an older version has none."""

_Numbers = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """How a tensor of a program stands to that of the float network.

    Attributes
    ----------
    channels
        Channels of the float network that the program has, in its order; None for all of them.
    factors, offsets
        For each channel of the program, or one for all: it is lowered by the offset, and then times the factor.
    """

    channels: tuple[int, ...] | None = None
    factors: _Numbers = (1.0,)
    offsets: _Numbers = (0.0,)

    @property
    def is_plain(self) -> bool:
        """True when nothing but rounding parts the tensor from that of the float network."""
        return self == Form()

    def apply(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values (n, height, width, channels) of the float network as the program stands for them."""
        if self.channels is not None:
            x = x[..., list(self.channels)]
        factors = None if self.factors == (1.0,) else np.array(self.factors)
        offsets = None if self.offsets == (0.0,) else np.array(self.offsets)
        return in_form(x, factors, offsets)

    def undo(self, x: NDArray[np.float64], rest: NDArray[np.float32]) -> NDArray[np.float64]:
        """The inverse of `apply`, as far as there is one: what is left of channels that are gone comes from `rest`."""
        real: NDArray[np.float64] = x / np.array(self.factors) + np.array(self.offsets)
        if self.channels is None:
            return real
        out = rest.astype(np.float64)
        out[..., list(self.channels)] = real
        return out


def describe_forms(data: Calibration, program: Program, kept: Mapping[str, IntArray]) -> list[dict[str, Any]]:
    """Plain values for JSON: the tensors of each form, without those that have the plain one.

    Parameters
    ----------
    data
        The network as it was quantised.
    program
        Its integers, with formats of inputs and outputs in the units of the model.
    kept
        Channels that slimming left, for the tensors that lost some.
    """
    ports = {port.tensor for port in (*program.inputs, *program.outputs)}
    found: dict[Form, list[str]] = {}
    for name in data.tensors:
        factors = _numbers(data.factors.get(name) if name not in ports else None, 1.0, kept.get(name))
        offsets = _numbers(data.offsets.get(name), 0.0, kept.get(name))
        channels = tuple(int(i) for i in kept[name]) if name in kept else None
        found.setdefault(Form(channels, factors, offsets), []).append(name)
    return [{"tensors": names, **_described(form)} for form, names in found.items() if not form.is_plain]


def read_forms(value: Any) -> dict[str, Form] | None:
    """The inverse of `describe_forms`: the form of each tensor that has another than the plain one.

    Returns
    -------
    dict or None
        None when there is nothing to be read, as in a program of an older version.

    Raises
    ------
    ValueError
        When `value` is something else.
    """
    if value is None:
        return None
    forms: dict[str, Form] = {}
    try:
        for entry in value:
            channels = tuple(int(i) for i in entry["channels"]) if entry.get("channels") else None
            form = Form(
                channels,
                tuple(float(f) for f in entry.get("factors", (1.0,))),
                tuple(float(f) for f in entry.get("offsets", (0.0,))),
            )
            if not np.isfinite([*form.factors, *form.offsets]).all() or min(channels or (0,)) < 0:
                raise ValueError("numbers out of range")
            forms |= dict.fromkeys((str(name) for name in entry["tensors"]), form)
    except (AttributeError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"no forms of tensors: {error!r:.80}") from None
    return forms


def _described(form: Form) -> dict[str, Any]:
    plain = Form()
    fields = ("channels", "factors", "offsets")
    return {key: list(getattr(form, key)) for key in fields if getattr(form, key) != getattr(plain, key)}


def _numbers(values: NDArray[np.float64] | None, plain: float, kept: IntArray | None) -> _Numbers:
    """The shortest decimals that are the same in float32, which is what the float network computes in."""
    if values is None:
        return (plain,)
    chosen = values if kept is None else values[kept]
    numbers = tuple(float(str(np.float32(value))) for value in chosen)
    return numbers[:1] if len(set(numbers)) == 1 else numbers
