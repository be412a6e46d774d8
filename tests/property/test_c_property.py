"""Random programs: the C model is equal to the definition in every tensor, and nothing in it is undefined."""

from __future__ import annotations

import tempfile
from pathlib import Path

from c_models import SANITISED, check_c
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from pytest import mark
from random_programs import programs, samples

from hwq.ir.program import Program
from hwq.ir.text import dump


@mark.compiler
@settings(max_examples=max(10, settings().max_examples // 5), suppress_health_check=[HealthCheck.too_slow])
@given(ps=st.lists(programs(most=8), min_size=1, max_size=4), seed=st.integers(0, 1 << 30))
def test_c_model_is_equal(ps: list[Program], seed: int) -> None:
    """Some programs at once: a compiler takes longer to begin than to compile one."""
    for p in ps:
        note(dump(p))
    with tempfile.TemporaryDirectory(prefix="hwq-property-") as folder:
        check_c({f"p{number}": (p, samples(p, 5, seed)) for number, p in enumerate(ps)}, Path(folder), *SANITISED)
