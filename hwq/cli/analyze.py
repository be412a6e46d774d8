"""`hwq analyze`: what each layer of a quantised network loses."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer

from hwq import api
from hwq.cli.commands import Calib, Model
from hwq.cli.options import command
from hwq.cli.quant_options import QuantOptions
from hwq.cli.session import Session
from hwq.report import analysis as shown


@command
def analyze(
    session: Session,
    model: Model,
    calib: Calib,
    options: QuantOptions,
    weight_only: Annotated[
        bool, typer.Option("--weight-only", help="Keep activations as floats, to see what the weights alone lose.")
    ] = False,
) -> None:
    """Show what each layer of a model loses as integers, and which one to give more bits."""
    config = options.quant_config()
    started = time.monotonic()
    if weight_only:
        weights = api.weight_only(model, calib, config, session.progress)
        value = {"kind": "weight_only", **asdict(weights), "seconds": time.monotonic() - started}
        session.result(value, *shown.weight_only(weights))
        return
    found = api.analyze(model, calib, config, session.progress)
    value = {
        "kind": "analysis", **asdict(found), "conclusion": found.conclusion,
        "toml": found.advice.toml if found.advice and found.helps else None, "seconds": time.monotonic() - started,
    }  # fmt: skip
    session.result(value, *shown.analysis(found))
