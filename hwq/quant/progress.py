"""Progress: how the quantiser tells what it is doing."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float | None], None]
"""Is told what is being done and, where known, the share of it that is done (0 to 1)."""


def silent(_step: str, _share: float | None) -> None:
    """Show no progress."""
