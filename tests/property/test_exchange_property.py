"""Random programs as QDQ and QONNX files: equal integers wherever a file claims so."""

from __future__ import annotations

import numpy as np
from exchange_cases import KINDS
from float_files import integers
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_programs import programs

from hwq.emit.exchange import FileFormat, exchange
from hwq.ir.program import Program
from hwq.sim import simulate_plain


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs(kinds=KINDS), st.sampled_from(list(FileFormat)), st.booleans())
def test_a_file_keeps_what_it_claims(p: Program, file_format: FileFormat, shift_bias: bool) -> None:
    """Up to the first layer in doubt all integers are equal; QONNX has no single signed bit."""
    assume(file_format is FileFormat.QDQ or not any(t.bits == 1 and t.signed for t in p.types.values()))
    file = exchange(p, file_format, shift_bias)
    got, want = integers(p, file, p.samples), simulate_plain(p, p.samples, keep_all=True)
    doubted: set[str] = set()
    for op in p.ops:
        if op.name in file.inexact or doubted & set(op.inputs):
            doubted.add(op.name)
        else:
            assert np.array_equal(got[op.name], want[op.name]), op
