"""Long runs of Verilator have a testbench that is optimised further."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from hwq.verify import rtl_run
from hwq.verify.rtl_run import Bench


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
@pytest.mark.parametrize("runs_long", [True, False])
def test_options_of_the_compiler(
    simulator: str, runs_long: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []

    def build(*_: object, options: Sequence[str], **__: object) -> None:
        given.extend(options)

    monkeypatch.setitem(rtl_run.BUILDERS, simulator, build)
    monkeypatch.setattr(Bench, "check", lambda _: None)
    for name in ("rtl_in", "sources_in"):
        monkeypatch.setattr(rtl_run, name, lambda *_: [])
    Bench(tmp_path, "net", simulator, runs_long=runs_long).compile()
    assert given == (["-CFLAGS", "-O2"] if simulator == "verilator" and runs_long else [])
