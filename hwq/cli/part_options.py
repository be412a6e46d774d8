"""Options that take a part of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from hwq.api import Cut

_PART = "Part of the model"


@dataclass(frozen=True, slots=True)
class PartOptions:
    """Where a model is to begin and to end; `hwq inspect` tells which part could be built."""

    inputs: Annotated[
        str | None,
        typer.Option(metavar="NAME,..", help="Begin at these tensors of the model.", rich_help_panel=_PART),
    ] = None
    outputs: Annotated[
        str | None,
        typer.Option(metavar="NAME,..", help="End at these tensors of the model.", rich_help_panel=_PART),
    ] = None

    def cut(self) -> Cut:
        """The same as `hwq.api` takes it."""
        names = [tuple(filter(None, (given or "").split(","))) for given in (self.inputs, self.outputs)]
        return Cut(names[0], names[1])
