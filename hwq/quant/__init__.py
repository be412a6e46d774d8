"""From a float network and calibration data to an integer program."""

from hwq.quant.config import Effort, QuantConfig, RangeMethod, ScaleKind
from hwq.quant.progress import Progress, silent
from hwq.quant.quantize import quantize

__all__ = ["Effort", "Progress", "QuantConfig", "RangeMethod", "ScaleKind", "quantize", "silent"]
