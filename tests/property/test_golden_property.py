"""Random programs: the golden model is equal to the definition in every tensor and runtime, and is read back."""

from __future__ import annotations

from golden_models import check_equal
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from random_programs import programs, samples

from hwq.ir.program import Program
from hwq.ir.text import dump


@settings(max_examples=max(20, settings().max_examples // 2), suppress_health_check=[HealthCheck.too_slow])
@given(p=programs(most=7), seed=st.integers(0, 1 << 30))
def test_golden_model_is_equal(p: Program, seed: int) -> None:
    note(dump(p))
    check_equal(p, samples(p, 5, seed))
