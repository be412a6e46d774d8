"""From a float network and calibration data to an integer program."""

from hwq.quant.config import QuantConfig, RangeMethod, ScaleKind
from hwq.quant.quantize import Progress, quantize, silent

__all__ = ["Progress", "QuantConfig", "RangeMethod", "ScaleKind", "quantize", "silent"]
