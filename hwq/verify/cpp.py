"""C++ compiled with g++, and kept by content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hwq.errors import CheckFailed
from hwq.verify import tools
from hwq.verify.build_cache import cache_folder, cached_build, content_key

COMPILER = "g++"
BUILD_TIMEOUT = 1800.0


def compile_network(
    folder: Path, sources: Sequence[Path], flags: Sequence[str], options: object = ""
) -> tuple[Path, float]:
    """The program made of `sources`, with the headers and memories in `folder`, and the seconds that took.

    The seconds are 0 where it was there already.

    Parameters
    ----------
    folder
        Holds hls/ and rom/.
    options
        What the result depends on besides files, flags and compiler.

    Raises
    ------
    ToolMissing
        When there is no compiler.
    CheckFailed
        When the sources do not compile.
    """
    tool = tools.require(COMPILER)
    read = [*sources, *sorted((folder / "hls").rglob("*.h*")), *sorted((folder / "rom").glob("*.inc"))]
    key = content_key(read, {"compiler": tool.version, "flags": list(flags), "options": options})
    seconds = 0.0

    def build(target: Path) -> None:
        nonlocal seconds
        files = [str(source.absolute()) for source in sources]
        command = [str(tool.path), *flags, "-isystem", "hls/native", "-Ihls", *files, "-o", str(target / "program")]
        done = tools.run(command, cwd=folder.absolute(), timeout=BUILD_TIMEOUT)
        seconds = done.seconds
        if done.returncode != 0:
            raise CheckFailed(
                f"{folder}: hls/{sources[0].name} does not compile, expected that it does. {COMPILER} said:\n"
                f"{tools.last_lines(done.output)}"
            )

    made, _ = cached_build(cache_folder(), f"hls-{key}", build)
    return made / "program", seconds
