"""Gates: what Yosys makes of the RTL of a build, as a netlist that takes the place of the RTL in its testbench."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from hwq.emit.folder import rtl_in
from hwq.emit.render import render
from hwq.errors import CheckFailed
from hwq.verify import tools
from hwq.verify.build_cache import cache_folder, cached_build, content_key

TIMEOUT = 4 * 3600.0
"""Seconds that Yosys may take."""
_CELLS = re.compile(r"^ +(\d+) cells$", re.MULTILINE)
_WRONG = re.compile(r"^ERROR: .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Netlist:
    """A netlist of generic gates, and the seconds that it took; 0 where it was there already."""

    path: Path
    cells: int
    seconds: float


def synthesise_gates(folder: Path, top: str) -> Netlist:
    """The netlist of the module `top` of a build, or the one from the cache when neither RTL nor memories changed.

    Logic becomes gates and registers; memories stay memories, and the words of ROMs become part of the netlist.

    Raises
    ------
    ToolMissing
        When there is no Yosys.
    BadInput
        When the build lacks files.
    CheckFailed
        When Yosys fails.
    """
    tool = tools.require("yosys")
    sources = rtl_in(folder)
    memories = sorted(path for path in (folder / "rom").glob("*") if path.is_file())
    script = render("syn/gate.ys.j2", top=top, sources=[f"rtl/{source.name}" for source in sources])
    key = content_key([*sources, *memories], {"yosys": tool.version, "script": script})
    seconds = 0.0

    def build(target: Path) -> None:
        # Tools in WebAssembly see nothing above the folder in which they work, and no links out of it.
        nonlocal seconds
        for part in ("rtl", "rom"):
            (target / part).mkdir()
        for path in (*sources, *memories):
            shutil.copyfile(path, target / path.parent.name / path.name)
        (target / "gate.ys").write_text(script, "utf-8")
        env = {**tools.environment(), "TMPDIR": str(target)}
        command = [str(tool.path), "-q", "-l", "yosys.log", "-s", "gate.ys"]
        done = tools.run(command, cwd=target, timeout=TIMEOUT, env=env)
        seconds = done.seconds
        if done.returncode != 0 or not (target / "netlist.v").is_file():
            wrong = _WRONG.search(done.output)
            raise CheckFailed(
                f"{folder}: Yosys ended with exit code {done.returncode}, expected a netlist. It said: "
                f"{wrong.group() if wrong else tools.last_lines(done.output, 3):.500}"
            )
        for part in ("rtl", "rom"):
            shutil.rmtree(target / part)

    made, _ = cached_build(cache_folder(), f"gate-{key}", build)
    counts = _CELLS.findall((made / "yosys.log").read_text("utf-8", "replace"))
    return Netlist(made / "netlist.v", int(counts[-1]) if counts else 0, seconds)
