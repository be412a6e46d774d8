"""Options that several commands share, as dataclasses, and the decorator that spreads them into arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from hwq.api import Target
from hwq.cli.session import Session
from hwq.emit.generate import DEFAULT_FRAMES
from hwq.errors import BadInput
from hwq.hw.budget import parse_limits
from hwq.hw.device import device
from hwq.hw.solve import DEFAULT_MULTIPLIERS
from hwq.hw.target import cycles_for

_SIZE = "Size: --device, and --cycles, --multipliers, --folding, or --fps with --clock"
_CHECK = "Verification"
_OUTPUT = "Output"


class BackendName(Enum):
    """Values of `--backend`."""

    VERILOG = "verilog"
    HLS = "hls"


class SimulatorName(Enum):
    """Values of `--sim`."""

    VERILATOR = "verilator"
    ICARUS = "icarus"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What every command prints, and how."""

    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.", rich_help_panel=_OUTPUT)
    ] = False
    verbose: Annotated[
        bool,
        typer.Option("-v", "--verbose", help="Print each step on standard error.", rich_help_panel=_OUTPUT),
    ] = False


@dataclass(frozen=True, slots=True)
class SizeOptions:
    """Options of `hwq generate`."""

    cycles: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Clock cycles for each frame.", rich_help_panel=_SIZE)
    ] = None
    multipliers: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Multipliers to use at most; 0: a graph of adders for each layer.",
            show_default=str(DEFAULT_MULTIPLIERS),
            rich_help_panel=_SIZE,
        ),
    ] = None
    fps: Annotated[
        float | None, typer.Option(metavar="F", help="Frames a second, at --clock.", rich_help_panel=_SIZE)
    ] = None
    clock: Annotated[
        float | None,
        typer.Option(
            metavar="MHZ", help="Clock in MHz, for --fps; by default that of --device.", rich_help_panel=_SIZE
        ),
    ] = None
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Device that has to hold the design; the fastest that fits, or the smallest at a given rate.",
            rich_help_panel=_SIZE,
        ),
    ] = None
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="dsp=N,bram=N,lut=N,ff=N",
            help="Most that the design may take of --device, in place of what that holds.",
            rich_help_panel=_SIZE,
        ),
    ] = None
    folding: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="JSON file with the folding of each layer; a build's hwq-build.json is one.",
            rich_help_panel=_SIZE,
        ),
    ] = None
    frames: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Samples in the build, for its own `make sim`.", rich_help_panel=_SIZE),
    ] = DEFAULT_FRAMES

    def target(self) -> Target:
        """The same, checked, as the planner takes it."""
        chosen = None if self.device is None else device(self.device)
        limits = {} if self.budget is None else parse_limits(self.budget)
        clock = self.clock if self.clock is not None or chosen is None else chosen.clock
        if chosen is None and (self.fps is None) != (clock is None):
            raise BadInput("--fps and --clock: one was given, expected both. Add the other, or --device.")
        cycles = self.cycles
        if self.fps is not None and clock is not None:
            if (self.cycles, self.folding) != (None, None) or (chosen is None and self.multipliers is not None):
                raise BadInput("--fps was given with another size, expected one of them. Leave the others out.")
            cycles = cycles_for(self.fps, clock)
        return Target(cycles, self.multipliers, self.folding, chosen, limits)


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """Options of `hwq verify` that `hwq build` has too."""

    samples: Annotated[
        int, typer.Option("-n", "--samples", min=1, metavar="N", help="Samples to compare.", rich_help_panel=_CHECK)
    ] = 4
    stall: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=0.99,
            metavar="P",
            help="Probability of a stall, on both sides, at each clock.",
            rich_help_panel=_CHECK,
        ),
    ] = 0.0


def command(function: Callable[..., int | None]) -> Callable[..., None]:
    """Make a typer command of a function ``(session, ...)`` that returns an exit code or None.

    A parameter whose type is a dataclass becomes one argument for each of its fields; `OutputOptions` are added.
    The function runs in a `Session`, whose exit code ends the command.
    """
    hints = get_type_hints(function, include_extras=True)
    names = list(inspect.signature(function).parameters)[1:]
    defaults = {name: p.default for name, p in inspect.signature(function).parameters.items()}
    groups = {name: hints[name] for name in names if is_dataclass(hints[name])}
    parameters: list[inspect.Parameter] = []
    for name in names:
        if name in groups:
            parameters += _spread(groups[name])
        else:
            parameters.append(_keyword(name, defaults[name], hints[name]))
    parameters += _spread(OutputOptions)

    def run(**given: Any) -> None:
        output = _gather(OutputOptions, given)
        session = Session(output.json, output.verbose)
        with session:
            given |= {name: _gather(kind, given) for name, kind in groups.items()}
            session.exit_code = function(session, **given) or 0
        raise typer.Exit(session.exit_code)

    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    run.__name__ = function.__name__
    run.__doc__ = "\n\n".join(" ".join(text.split()) for text in paragraphs)  # lines end where the terminal does
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _spread(kind: type) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [_keyword(field.name, field.default, hints[field.name]) for field in fields(kind)]


def _keyword(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _gather(kind: type, given: dict[str, Any]) -> Any:
    """An instance of `kind` from its fields in `given`, which are taken out."""
    return kind(**{field.name: given.pop(field.name) for field in fields(kind)})
