"""Output folders: a build is there as a whole or not at all, and nothing of the user's is ever replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from builds import plan_with
from cases import CASES

from hwq.emit import folder as folders
from hwq.emit import generate as generation
from hwq.emit.folder import ASIDE, MARKER, check_target, new_folder
from hwq.emit.generate import generate
from hwq.errors import BadInput
from hwq.hw.plan import Plan

PROGRAM = CASES["conv"]["same-half_up"]


def _plan(pe: int = 5) -> Plan:
    return plan_with(PROGRAM, {"y": {"pe": pe, "simd": 3, "rq": pe, "window": "serial"}})


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _only(folder: Path, *names: str) -> bool:
    return sorted(path.name for path in folder.iterdir()) == sorted(names)


def test_equal_plans_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two/deeper"):
        generate(_plan(), tmp_path / name)
    first = _content(tmp_path / "one")
    assert first == _content(tmp_path / "two" / "deeper")
    assert {MARKER, "net.hwq", "rtl/net.sv", "tb/tb_net.sv", "rom/y_weight.mem", "vectors/a.mem"} <= set(first)
    assert not any(str(tmp_path).encode() in data for data in first.values())
    assert _only(tmp_path, "one", "two")


def test_build_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "build"
    generate(_plan(1), target)
    (target / "notes.txt").write_text("stale")
    generate(_plan(5), target)
    assert not (target / "notes.txt").exists()
    generate(_plan(5), tmp_path / "fresh")
    assert _content(target) == _content(tmp_path / "fresh")
    assert _only(tmp_path, "build", "fresh")


def test_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    generate(_plan(), tmp_path / "build")
    assert (tmp_path / "build" / MARKER).is_file()


def test_readable_by_others(tmp_path: Path) -> None:
    generate(_plan(), tmp_path / "build")
    assert stat.S_IMODE((tmp_path / "build").stat().st_mode) == 0o755


@pytest.mark.parametrize("kind", ["file", "full", "link", "dangling"])
def test_foreign_targets_are_left_alone(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "data").write_text("precious")
    if kind == "file":
        target.write_text("precious")
    elif kind == "full":
        (tmp_path / "mine").rename(target)
    else:
        target.symlink_to(tmp_path / ("mine" if kind == "link" else "nowhere"))
    before = _content(tmp_path)
    with pytest.raises(BadInput, match=r"target: (is not a folder|exists and was not made by hwq)"):
        generate(_plan(), target)
    assert _content(tmp_path) == before


def test_failure_leaves_the_old_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "build"
    generate(_plan(), target)
    before = _content(target)

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for place in ("_write_words", "serial.save"):
        with monkeypatch.context() as patch:
            patch.setattr(f"{generation.__name__}.{place}", broken)
            with pytest.raises(BadInput, match="No space left on device"):
                generate(_plan(1), target)
        assert _content(target) == before and _only(tmp_path, "build")


def test_failure_of_the_last_step_puts_the_old_build_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "build"
    generate(_plan(), target)
    before = _content(target)
    rename = os.rename

    def once(source: object, goal: object) -> None:
        if Path(str(goal)) == target and ASIDE not in str(source):
            raise OSError(5, "Input/output error")
        rename(str(source), str(goal))

    monkeypatch.setattr(folders, "exchange", lambda _one, _other: False)
    monkeypatch.setattr(os, "rename", once)
    with pytest.raises(BadInput, match="Input/output error"):
        generate(_plan(1), target)
    assert _content(target) == before and _only(tmp_path, "build")


def test_any_exception_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "build") as folder:
        (folder / "half").touch()
        raise KeyboardInterrupt
    assert _only(tmp_path)


def test_unwritable_parent() -> None:
    with pytest.raises(BadInput, match="cannot be written"):
        check_target(Path("/proc/hwq/deep/build"))  # closed to root as well


def test_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be written"):
        generate(_plan(), tmp_path / "file" / "build")
