"""In simulation the RTL says when an accumulator is too narrow for a result."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from builds import checked, plan_with
from cases import CASES, SAMPLES

from hwq.emit.generate import generate
from hwq.errors import CheckFailed


@pytest.mark.icarus
@pytest.mark.parametrize(("pe", "simd"), [(2, 1), (5, 3)])
def test_a_narrow_accumulator_is_told(pe: int, simd: int, tmp_path: Path) -> None:
    plan = plan_with(CASES["conv"]["same-half_up"], {"y": {"pe": pe, "simd": simd, "rq": 1, "window": "serial"}})
    generate(plan, tmp_path, SAMPLES)
    top = tmp_path / "rtl" / "net.sv"
    text, count = re.subn(r"\.ACC_W\((\d+)\)", lambda found: f".ACC_W({int(found[1]) - 3})", top.read_text())
    assert count == 1
    top.write_text(text)
    with pytest.raises(CheckFailed, match="accumulator does not fit"):
        checked(plan, tmp_path, samples=SAMPLES)
