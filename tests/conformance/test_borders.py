"""Results that come from padding alone wait for the frame to which they belong."""

from __future__ import annotations

from pathlib import Path

import pytest
from builds import checked
from cases import BORDERS, SAMPLES

from hwq.hw.plan import make_plan
from hwq.hw.solve import for_multipliers


@pytest.mark.parametrize(
    "simulator", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("icarus", "verilator")]
)
def test_no_frame_before_its_input(simulator: str, tmp_path: Path) -> None:
    """Each output has as many frames as the input, although one of them could be made without it."""
    plan = make_plan(BORDERS, for_multipliers(BORDERS, 3).folds)
    for stall in (0.0, 0.4):
        result = checked(plan, tmp_path / "build", simulator, SAMPLES, stall)
        assert result.passed, result.trouble
