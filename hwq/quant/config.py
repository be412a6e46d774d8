"""What the user decides about quantisation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from hwq.arith import Rounding
from hwq.errors import BadInput


class ScaleKind(Enum):
    """POW2: every scale is a power of two.  FIXED: any real, in hardware a 16-bit multiplier and a shift."""

    POW2 = "pow2"
    FIXED = "fixed"


class RangeMethod(Enum):
    """How the range of a tensor is chosen from calibration data."""

    MAX = "max"
    PERCENTILE = "percentile"
    MSE = "mse"


class ZeroPoints(Enum):
    """Which tensors with both signs get a zero point; tensors that are never negative are unsigned without one.

    A zero point of an input costs no hardware: it is folded into the bias and the padding value.  Outputs of the
    model never have one, so that their real values are integer times scale.
    """

    NONE = "none"
    INPUTS = "inputs"
    ALL = "all"


class Head(Enum):
    """What becomes of a Softmax or nothing at the end: logits leave the hardware, or their argmax does."""

    LOGITS = "logits"
    ARGMAX = "argmax"


@dataclass(frozen=True, slots=True)
class QuantConfig:
    """Options of `hwq quantize`; `output_bits` (default: `act_bits`) is the width of the model's outputs."""

    weight_bits: int = 8
    act_bits: int = 8
    output_bits: int | None = None
    scale: ScaleKind = ScaleKind.POW2
    per_channel: bool = True
    zero_points: ZeroPoints = ZeroPoints.INPUTS
    range: RangeMethod = RangeMethod.MSE
    percentile: float = 99.99
    rounding: Rounding = Rounding.HALF_UP
    bias_correction: bool = True
    head: Head = Head.LOGITS

    def __post_init__(self) -> None:
        for name in ("weight_bits", "act_bits", "output_bits"):
            bits = getattr(self, name)
            if bits is not None and not 2 <= bits <= 16:
                raise BadInput(f"--{name.replace('_', '-')}: {bits}, expected 2 to 16.")
        if not 50.0 < self.percentile <= 100.0:
            raise BadInput(f"--percentile: {self.percentile}, expected more than 50 and at most 100.")

    def describe(self) -> dict[str, Any]:
        """Plain values, for the record in a program."""
        plain = asdict(self)
        return {k: v.name.lower() if isinstance(v, Enum) else v for k, v in plain.items()}
