"""Rendering: the only place that knows jinja2."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import jinja2

TEMPLATES: Traversable = files("hwq.templates")
_COPIED = (".sv", ".vlt", ".hpp", ".h")


def render(template: str, **values: Any) -> str:
    """The text of `templates/<template>` with `values`; an unknown name is an error, never an empty string."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["suffix"] = lambda text, end: f"{text}{end}"
    return environment.from_string((TEMPLATES / template).read_text("utf-8")).render(**values)


def library(folder: str) -> dict[str, str]:
    """Name and text of every file of `templates/<folder>` that is copied as it stands."""
    found = {item.name: item for item in (TEMPLATES / folder).iterdir() if item.name.endswith(_COPIED)}
    return {name: found[name].read_text("utf-8") for name in sorted(found)}
