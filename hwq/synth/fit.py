"""Does a design fit a device: what is lacking, and which device has it."""

from __future__ import annotations

from collections.abc import Mapping

from hwq.hw.cost import is_known
from hwq.hw.device import Device, devices
from hwq.hw.resources import NOUNS
from hwq.synth.result import Figures


def available(device: Device) -> Figures | None:
    """What a device has; None for standard cells."""
    if device.family.name == "asic":
        return None
    return Figures.of(device.resources)


def lacking(needed: Figures, device: Device) -> tuple[str, ...]:
    """One line when the device has too little of something, none when the design fits."""
    limits = available(device)
    if limits is None:
        return ()
    too_much = {
        noun: (need, getattr(limits, row))
        for row, noun in NOUNS.items()
        if (need := getattr(needed, row)) is not None and need > getattr(limits, row)
    }
    return (refusal(too_much, needed, device),) if too_much else ()


def refusal(too_much: Mapping[str, tuple[float, float]], needed: Figures, device: Device) -> str:
    """The line: what is needed and what there is, by noun, and what to do."""
    parts = ", ".join(
        f"{number(need)} {noun} needed, {number(there)} available" for noun, (need, there) in too_much.items()
    )
    larger = _holder(needed, device)
    if larger is None:
        other = "No larger device of this family is known to hwq."
    elif larger.family == device.family:
        other = f"--device {larger.name} holds it."
    else:
        other = f"No device of this family holds it; by these numbers --device {larger.name} may."
    smaller = (
        f"choose the folding for it, hwq generate --device {device.name}"
        if is_known(device.family)
        else "fold more: fewer --multipliers, more --cycles"
    )
    return f"{device.name}: {parts}. {other} Or {smaller}."


def number(value: float) -> str:
    """A count of parts of a device; there are half block RAMs.

    Examples
    --------
    >>> number(12345.0), number(2.5)
    ('12,345', '2.5')
    """
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _holder(needed: Figures, device: Device) -> Device | None:
    """The first device that has enough of everything: of the same family, else of any."""
    fits = [
        one
        for one in devices().values()
        if (has := available(one)) is not None
        and one != device
        and all((getattr(needed, row) or 0) <= getattr(has, row) for row in NOUNS)
    ]
    return next((one for one in fits if one.family == device.family), fits[0] if fits else None)
