"""Budget: what a design may take of a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from hwq.errors import BadInput
from hwq.hw.device import Device
from hwq.hw.resources import NOUNS, Resources

KINDS = {"lut": "luts", "ff": "registers", "dsp": "dsps", "bram": "rams"}
"""What users call the fields of `Resources`."""
FILL = 0.8
"""Share of a device's LUTs and registers that a design may take: fuller ones are slow to route, and slow."""
UNLIMITED = float("inf")


@dataclass(frozen=True, slots=True)
class Budget:
    """A device, and the most that a design may take of it; parts that `limits` does not name are unlimited.

    `limits` has the names of the fields of `Resources`.
    """

    device: Device
    limits: Mapping[str, float]

    @staticmethod
    def of(device: Device, given: Mapping[str, float] | None = None) -> Budget:
        """What `device` holds, `FILL` of its LUTs and registers; what is `given` takes the place of that."""
        limits: dict[str, float] = {}
        if device.family.lut_inputs:
            limits = asdict(device.resources)
            limits |= {kind: int(FILL * limits[kind]) for kind in ("luts", "registers")}
        return Budget(device, limits | dict(given or {}))

    def limit(self, kind: str) -> float:
        """The most of one kind."""
        return self.limits.get(kind, UNLIMITED)

    def excess(self, taken: Resources) -> dict[str, float]:
        """Of each kind that `taken` has too much of, how much it has."""
        amounts = {kind: getattr(taken, kind) for kind in KINDS.values()}
        return {kind: amount for kind, amount in amounts.items() if amount > self.limit(kind)}

    def says(self, taken: Mapping[str, float]) -> str:
        """Amounts of some kinds beside what there is.

        Examples
        --------
        >>> from hwq.hw.device import device
        >>> Budget.of(device("zynq-7020")).says({"dsps": 300})
        '300 multiplier blocks (of 220)'
        """
        return ", ".join(f"{amount:,.0f} {NOUNS[kind]} (of {self.limit(kind):,.0f})" for kind, amount in taken.items())


def parse_limits(text: str) -> dict[str, float]:
    """Limits from ``dsp=100,bram=20.5,lut=20000``, by the names of the fields of `Resources`.

    Raises
    ------
    BadInput
        When a kind is unknown or named twice, or an amount is no number of 0 or more.
    """
    limits: dict[str, float] = {}
    for part in text.split(","):
        name, _, amount = part.partition("=")
        kind = KINDS.get(name.strip().lower())
        try:
            value = float(amount)
        except ValueError:
            value = -1.0
        if kind is None or kind in limits or not 0 <= value < UNLIMITED:
            raise BadInput(
                f"--budget {text:.80}: found {part.strip()!r:.40}, expected each of {', '.join(KINDS)} at most once, "
                "as in dsp=100,lut=20000."
            )
        limits[kind] = value
    return limits
