"""Results of proofs, kept by the content of what they depend on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import flow

from hwq.verify.build_cache import cache_folder, cached_build, content_key


@dataclass(frozen=True, slots=True)
class Result:
    """How a proof ended. `places` are the covered ones, and the cycle in which each is reached."""

    state: str
    detail: str
    seconds: float
    places: Mapping[str, int]

    @property
    def good(self) -> bool:
        """True when it was proved, or looked at as far as was wanted."""
        return self.state in ("proved", "bounded")


class _NotGoodError(Exception):
    """A result that is not kept."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.detail)
        self.result = result


def kept(files: Sequence[Path], options: Mapping[str, object], work: Callable[[], Result]) -> Result:
    """The result of some work: from the cache where files, options and tools are those of a good result."""
    tools = [flow.HERE / name for name in ("flow.py", "elaborate.py", "sv/cover_map.v")]
    key = content_key([*files, *tools], {"pyosys": flow.version(), **options})

    def build(folder: Path) -> None:
        result = work()
        if not result.good:
            raise _NotGoodError(result)
        (folder / "result.json").write_text(json.dumps(asdict(result)), encoding="utf-8")

    try:
        folder, _ = cached_build(cache_folder() / "formal", key, build)
    except _NotGoodError as failure:
        return failure.result
    return Result(**json.loads((folder / "result.json").read_text(encoding="utf-8")))
