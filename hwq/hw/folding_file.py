"""Folding files: one entry for each operation, as a user may write it and as every build records it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwq.errors import BadInput, refuse_all
from hwq.hw.adders_engine import adders_fold
from hwq.hw.feed import may_take_turns
from hwq.hw.fold import (
    STAGE,
    Feed,
    Fold,
    Multiplier,
    RomStyle,
    ceil_div,
    feeds,
    flat_lanes_fit,
    fold_of_lanes,
    groups_of,
    lane_choices,
    lanes_fit,
    turns_unseen,
    window_of,
)
from hwq.hw.packing import multiplied, shares
from hwq.hw.recurrent_fold import recurrent_fits
from hwq.hw.sharing import conflict, owns
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import Depthwise, GroupConv, Linear, MatMul, Recurrent

LIMIT = 1 << 16


def folding_text(folds: Mapping[str, Fold]) -> dict[str, dict[str, Any]]:
    """The folding of each operation: ``pe``, ``simd``, ``rq`` and ``window`` for a MAC array, else ``lanes``.

    ``simd`` counts input channels; a parallel window multiplies all taps of them at once.  With a flat window it counts
    elements of the window, and ``lanes`` input channels.  ``rom`` stands where weights have a place of their own,
    ``pack`` where outputs share multipliers, ``copies`` where pixels go to several arrays in turn, ``multiplier`` where
    synthesis does not choose what multiplies, with ``stage`` where a graph of adders has another than `STAGE`, and
    ``engine`` where the engine of that layer computes this one too.  The array of a recurrent layer has ``pe`` and
    ``simd`` alone.
    """
    out: dict[str, dict[str, Any]] = {}
    for name, fold in folds.items():
        if fold.feed is Feed.LOOP:
            out[name] = {"pe": fold.pe, "simd": fold.simd}
        elif fold.pe:
            entry = {"pe": fold.pe, "simd": fold.lanes_in, "rq": fold.lanes_out, "window": fold.feed.value}
            out[name] = entry | ({"simd": fold.simd, "lanes": fold.lanes_in} if fold.flat else {})
            if fold.rom is not RomStyle.AUTO:
                out[name]["rom"] = fold.rom.value
            out[name] |= {key: number for key, number in (("pack", fold.pack), ("copies", fold.copies)) if number > 1}
            if fold.multiplier is not Multiplier.AUTO:
                out[name]["multiplier"] = fold.multiplier.value
            if fold.stage != STAGE:
                out[name]["stage"] = fold.stage
            if not owns(name, fold):
                out[name]["engine"] = fold.engine
        else:
            out[name] = {"lanes": fold.lanes_in}
    return out


def read_folding(path: Path, program: Program) -> dict[str, Fold]:
    """The folds of a JSON file (see `folding_text`).

    Raises
    ------
    BadInput
        When the file is no JSON object, or names other operations or foldings than `program` can have.
    """
    try:
        text = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not a readable JSON file ({error!s:.200}). Write it as hwq-build.json does.") from None
    if isinstance(text, dict) and "folding" in text:
        text = text["folding"]
    return parse_folding(text, program, str(path))


def parse_folding(text: Any, program: Program, who: str) -> dict[str, Fold]:
    """The folds of a parsed folding file; `who` names it in messages."""
    if not isinstance(text, dict):
        raise BadInput(f"{who}: expected an object with one entry for each operation.")
    names = {op.name for op in program.ops}
    refusals = [
        f"{who}: {name!r:.80} is no operation of {program.name}. Remove it." for name in text if name not in names
    ]
    folds: dict[str, Fold] = {}
    for op in program.ops:
        try:
            folds[op.name] = _fold(program, op, text.get(op.name))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            refusals.append(f"{who}, {op.name} ({op.kind}): {error!s:.200}")
    refuse_all(refusals)
    return _shared(folds, text, program, who)


def _shared(folds: dict[str, Fold], text: dict[str, Any], program: Program, who: str) -> dict[str, Fold]:
    """`folds` with those of layers on the engine of another one."""
    chosen = {op.name: text[op.name]["engine"] for op in program.ops if "engine" in text[op.name]}
    layers: dict[Any, list[Op]] = {}
    refusals: list[str] = []
    before: set[str] = set()
    for op in program.ops:
        first = chosen.get(op.name, op.name)
        layers.setdefault(first if isinstance(first, str) else "", []).append(op)
        known = isinstance(first, str) and first in before and first not in chosen
        if op.name in chosen and not known:
            refusals.append(
                f"{who}, {op.name} ({op.kind}): engine is {first!r:.40}, expected a layer before it that has an engine "
                "of its own"
            )
        before.add(op.name)
    refuse_all(refusals)
    for first, sharing in layers.items():
        for place, op in enumerate(sharing[1:], 2):
            reason = conflict(program, folds, sharing[:place])
            if reason:
                refusals.append(f"{who}, {op.name} ({op.kind}): {reason}")
                break
        else:
            if len(sharing) > 1:
                folds |= {op.name: replace(folds[op.name], engine=first) for op in sharing}
    refuse_all(refusals)
    return folds


def _fold(program: Program, op: Op, entry: Any) -> Fold:
    x, y = program.first_type(op), program.types[op.name]
    if not isinstance(entry, dict):
        raise ValueError(f"has {entry!r:.80}, expected an object")
    if isinstance(op, Recurrent):
        return _looped(op, _count(entry, "pe", op.rows), _count(entry, "simd", op.units))
    if not isinstance(op, Linear | MatMul):
        lanes = _count(entry, "lanes", x.channels)
        allowed = lane_choices(op, program.input_types_of(op), y)
        if not lanes_fit(op, lanes, program.input_types_of(op), y):
            raise ValueError(f"lanes is {lanes}, expected one of {', '.join(map(str, allowed))}")
        return fold_of_lanes(lanes, y)
    pe = _count(entry, "pe", y.channels)
    rq = _count(entry, "rq", pe)
    feed = _feed(op, entry, x)
    window = window_of(op, x)
    taps = window.taps if feed is Feed.PARALLEL else 1
    if feed in (Feed.FLAT, Feed.FLAT_PARALLEL):
        fold = replace(_flat(entry, window.taps * x.channels, x, pe, rq), feed=feed)
        if feed is Feed.FLAT_PARALLEL:
            _check_whole(window, x, y, fold, _count({"copies": 1, **entry}, "copies", LIMIT))
        steps = ceil_div(window.taps * x.channels, fold.simd)
    elif isinstance(op, Depthwise):
        fold, steps = Fold(pe, rq, pe, taps, feed), window.taps // taps
    else:
        simd = _count(entry, "simd", x.channels)
        beats = ceil_div(x.channels, simd)
        fold, steps = Fold(simd, rq, pe, simd * taps, feed), beats * window.taps // (taps * groups_of(op))
        if isinstance(op, GroupConv):
            _check_groups(op, x, fold)
        if fold.parallel and beats > 1 and pe < y.channels:
            raise ValueError(
                f"simd is {simd} and pe {pe}, expected all {x.channels} inputs or all {y.channels} outputs"
            )
    if pe % rq or pe // rq > steps:
        raise ValueError(f"rq is {rq}, expected a divisor of pe = {pe} that is at least pe / {steps}")
    fold = replace(fold, rom=_rom(op, entry), pack=_pack(op, entry, x, pe), copies=_copies(op, entry, x, y, fold))
    fold = replace(fold, multiplier=_multiplier(op, entry, x, fold))
    if fold.multiplier is Multiplier.ADDERS:
        fold = replace(fold, stage=_count({"stage": STAGE, **entry}, "stage", LIMIT))
    elif "stage" in entry:
        raise ValueError("has a stage, expected none: only graphs of adders are cut into stages")
    return fold


def _check_groups(op: GroupConv, x: TensorType, fold: Fold) -> None:
    """Refuse a folding of a grouped convolution whose beats or folds are not of one group each."""
    inputs, outputs = x.channels // op.groups, op.channels // op.groups
    if inputs % fold.lanes_in or outputs % fold.pe:
        raise ValueError(
            f"simd is {fold.lanes_in} and pe {fold.pe}, expected divisors of a group's {inputs} inputs and "
            f"{outputs} outputs"
        )


def _rom(op: Linear | MatMul, entry: dict[str, Any]) -> RomStyle:
    """Where the weights go; left out, the synthesiser decides."""
    style = entry.get("rom", RomStyle.AUTO.value)
    known = [one.value for one in RomStyle] if isinstance(op, Linear) else [RomStyle.AUTO.value]
    if style not in known:
        raise ValueError(f"rom is {style!r:.40}, expected {' or '.join(known)}")
    return RomStyle(style)


def _pack(op: Linear | MatMul, entry: dict[str, Any], x: TensorType, pe: int) -> int:
    """How many outputs share multipliers; left out, none do."""
    pack = _count({"pack": 1, **entry}, "pack", pe)
    if pack > 1 and not shares(op, x):
        raise ValueError(f"pack is {pack}, expected 1: its products have no factor in common, or no multipliers")
    return pack


def _copies(op: Linear | MatMul, entry: dict[str, Any], x: TensorType, y: TensorType, fold: Fold) -> int:
    """Arrays to which pixels go in turn; left out, there is one."""
    copies = _count({"copies": 1, **entry}, "copies", LIMIT)
    most = ceil_div(y.channels, fold.pe) if may_take_turns(op, x, fold) else 1
    if copies > most:
        raise ValueError(
            f"copies is {copies}, expected at most {most}: as many as there are folds of the outputs, in dense layers "
            "and in convolutions that are 1x1 or have a flat window"
        )
    return copies


def _multiplier(op: Linear | MatMul, entry: dict[str, Any], x: TensorType, fold: Fold) -> Multiplier:
    """What multiplies; left out, what synthesis makes of a product."""
    name = entry.get("multiplier", Multiplier.AUTO.value)
    whole = adders_fold(op, x) if isinstance(op, Linear) else None
    possible = {Multiplier.LOGIC: multiplied(op, x), Multiplier.ADDERS: whole is not None}
    known = [one.value for one in Multiplier if possible.get(one, True)]
    if name not in known:
        raise ValueError(f"multiplier is {name!r:.40}, expected {' or '.join(known)} here")
    if name == Multiplier.LOGIC.value and fold.pack > 1:
        raise ValueError(f"multiplier is logic and pack {fold.pack}, expected pack 1: only blocks are shared")
    if name == Multiplier.ADDERS.value and whole and replace(fold, multiplier=Multiplier.ADDERS) != whole:
        (wanted,) = folding_text({op.name: whole}).values()
        raise ValueError(f"multiplier is adders in {entry!r:.160}, expected all of the layer at once: {wanted}")
    return Multiplier(name)


def _feed(op: Linear | MatMul, entry: dict[str, Any], x: TensorType) -> Feed:
    """What feeds the array; a matrix product has one way only and may leave it out."""
    known = feeds(op, x)
    window = entry.get("window", "serial" if isinstance(op, MatMul) else None)
    if window not in [feed.value for feed in known]:
        raise ValueError(f"window is {window!r:.40}, expected {' or '.join(feed.value for feed in known)} here")
    return Feed(window)


def _flat(entry: dict[str, Any], elements: int, x: TensorType, pe: int, rq: int) -> Fold:
    """A folding that reads beats of `simd` elements, made of beats of `lanes` channels."""
    simd, lanes = _count(entry, "simd", elements), _count(entry, "lanes", x.channels)
    whole = entry["window"] == Feed.FLAT_PARALLEL.value
    if not (whole or flat_lanes_fit(lanes, simd, elements)) or x.channels % lanes:
        raise ValueError(
            f"lanes is {lanes} and simd {simd}, expected a divisor of {x.channels} channels, and one of the two a "
            "multiple of the other"
        )
    return Fold(lanes, rq, pe, simd, Feed.FLAT)


def _check_whole(window: Window, x: TensorType, y: TensorType, fold: Fold, copies: int) -> None:
    """Refuse a folding that would wait for a parallel window."""
    if fold.lanes_in < x.channels:
        raise ValueError(f"lanes is {fold.lanes_in}, expected all {x.channels} channels with this window")
    busy = ceil_div(y.channels, fold.pe) * ceil_div(window.taps * x.channels, fold.simd) // copies
    if not turns_unseen(window, x, y, busy):
        raise ValueError(
            f"an output pixel takes {busy} cycles, too few for this window to move on. Use parallel or flat"
        )


def _looped(op: Recurrent, pe: int, simd: int) -> Fold:
    if not recurrent_fits(op, pe, simd):
        allowed = [n for n in range(1, op.rows + 1) if recurrent_fits(op, n, simd)]
        raise ValueError(f"pe is {pe}, expected one of {', '.join(map(str, allowed))} with simd = {simd}")
    return Fold(1, 1, pe, simd, Feed.LOOP)


def _count(entry: dict[str, Any], key: str, most: int) -> int:
    value = entry.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ValueError(f"{key} is {value!r:.40}, expected 1 to {most}")
    return value
