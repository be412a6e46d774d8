"""Programs of every operation for QDQ and QONNX files, and how far such a file is from its program."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES
from float_files import integers

from hwq.emit.exchange import FileFormat, exchange
from hwq.emit.exchange.layers import expressible
from hwq.ir.program import MAX_TENSOR_BITS, Program
from hwq.sim import simulate_plain

KINDS = {kind for kind, cases in CASES.items() if all(expressible(p.ops[0]) for p in cases.values())}
"""Operations of which the formats have a form."""
PROGRAMS = {
    f"{kind}-{name}": p
    for kind in sorted(KINDS)
    for name, p in CASES[kind].items()
    if max(type_.bits for type_ in p.types.values()) <= MAX_TENSOR_BITS
}
BOTH = pytest.mark.parametrize("file_format", list(FileFormat))


def worst(p: Program, file_format: FileFormat, shift_bias: bool = True, optimised: bool = True) -> tuple[int, bool]:
    """Largest difference of any integer, and whether the file claims that there is none."""
    file = exchange(p, file_format, shift_bias)
    got, want = integers(p, file, p.samples, optimised), simulate_plain(p, p.samples, keep_all=True)
    assert got.keys() == want.keys()
    return max(int(np.abs(got[name] - want[name]).max()) for name in want), not file.inexact
