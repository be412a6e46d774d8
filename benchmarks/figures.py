"""The figures by which quantised outputs are compared with float outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def sqnr(exact: NDArray[Any], got: NDArray[Any]) -> float:
    """Power of the exact outputs over the power of the error, in dB."""
    wide = exact.astype(np.float64)
    return 10 * float(np.log10((wide**2).sum() / ((wide - got) ** 2).sum()))


def agreement(exact: NDArray[Any], got: NDArray[Any]) -> float:
    """Per cent of the samples, along the first axis, for which both name the same class."""
    first, second = (outputs.reshape(len(outputs), -1).argmax(1) for outputs in (exact, got))
    return 100 * float((first == second).mean())
