"""An account of what a part takes: amounts of features, each of which costs LUTs and registers by family."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from hwq.hw.cost.memory import Kind, Place, placed
from hwq.hw.fold import ceil_div
from hwq.hw.resources import Resources


@dataclass(frozen=True, slots=True)
class Blocks:
    """What hwq_mul, or else Yosys' pass `mul2dsp`, makes multiplier blocks of.

    `wide` and `narrow` are the most bits of the two signed factors; a factor with more is split, so that all pieces but
    the last have `part` bits less one for the sign, where `sign` is 1.  `least` is bits of the narrowest product,
    `factor` of its narrower factor.  Two products whose factors have `half` bits at most share a block.
    """

    wide: int
    narrow: int
    part: int
    sign: int
    least: int
    factor: int = 2
    half: int = 0


MULTIPLIERS = {
    "xilinx7": Blocks(25, 18, 18, 1, 9), "xilinx_us": Blocks(27, 18, 18, 1, 9), "ecp5": Blocks(18, 18, 18, 0, 0),
    "gowin": Blocks(18, 18, 18, 0, 0, 4, 9), "ice40": Blocks(64, 64, 16, 0, 11),
}  # fmt: skip

Coefficients = dict[str, tuple[float, float]]
"""LUTs and registers of one of each feature."""


def bits(count: int) -> int:
    """Bits of a counter of so many states, at least 1.

    Examples
    --------
    >>> [bits(count) for count in (1, 2, 3, 4, 5)]
    [1, 1, 2, 2, 3]
    """
    return max(1, (count - 1).bit_length())


def levels(count: int) -> int:
    """Levels of a tree with so many leaves."""
    return (count - 1).bit_length()


class Account:
    """What a part takes on a family; LUTs used as memory, multiplier blocks and block RAMs are counted exactly."""

    __slots__ = ("dsps", "family", "luts", "rams", "uses", "word")

    def __init__(self, family: str, lut_inputs: int) -> None:
        self.family, self.word = family, 1 << lut_inputs
        self.uses: dict[str, float] = {}
        self.luts, self.rams = 0.0, 0.0
        self.dsps: float = 0

    def use(self, feature: str, amount: float = 1.0) -> None:
        """Take `amount` of a feature."""
        self.uses[feature] = self.uses.get(feature, 0.0) + amount

    def total(self, coefficients: Coefficients) -> Resources:
        """All of it in resources."""
        luts, registers = self.luts, 0.0
        for feature, amount in self.uses.items():
            by_lut, by_register = coefficients.get(feature, (0.0, 0.0))
            luts += amount * by_lut
            registers += amount * by_register
        return Resources(luts, registers, self.dsps, self.rams)

    def counter(self, states: int) -> None:
        """A counter that wraps."""
        if states > 1:
            self.use("counter")
            self.use("counter.bits", bits(states))

    def multiply(self, a: int, b: int, times: int = 1) -> bool:
        """Products of signed factors of `a` and `b` bits behind registers; whether they are multiplier blocks."""
        count = _blocks(MULTIPLIERS[self.family], max(a, b), min(a, b))
        kind = "block" if count else "soft"
        self.dsps += count * times
        self.use(f"product.{kind}", times)
        self.use(f"product.{kind}.size", times * (a + b if count else a * b))
        if count > 1:
            self.use("product.split", times * (a + b) * (count - 1))
        return count > 0

    def rom(self, width: int, depth: int, content: str, style: str = "auto") -> None:
        """hwq_rom: the word read, and a register behind it; `content` tells apart what logic can make less of."""
        if depth < 2:
            return
        where = placed(self.family, Kind.ROM, width, depth, style)
        if where.place is Place.BLOCKS:
            self.rams += where.size
            self.use(f"{content}.block", width)
            self._banks(width, where.banks)
            return
        # Up to 32 words have an address register for each 64 bits; else Yosys moves the one behind the memory to it.
        self.use("rom.address", bits(depth) * (-(-width // 64) if depth <= 32 and style != "block" else 1))
        self.use(f"{content}.bits", width)
        if depth <= 4:
            self.use(f"{content}.few", min(width, 2**depth - 2))
        elif depth <= self.word:
            self.use(f"{content}.one", width)
            self.use(f"{content}.word", width * depth / self.word)
        else:
            self.use(f"{content}.words", width * depth / self.word)

    def ram(self, width: int, depth: int) -> None:
        """A RAM that is read by clock, and written elsewhere."""
        where = placed(self.family, Kind.RAM, width, depth)
        if where.place is Place.BLOCKS:
            self.rams += where.size
            self.use("ram.block.bits", width)
        else:
            self.use("ram.bits", width)
            self._stored(width, depth, where.place, where.size)
        self._banks(width, where.banks)

    def list(self, width: int, depth: int) -> None:
        """A RAM that is read at any time."""
        where = placed(self.family, Kind.LIST, width, depth)
        if where.place is Place.BLOCKS:
            self.rams += where.size
            self.use("list.block.bits", width)
            return
        self._stored(width, depth, where.place, where.size)
        self._banks(width, where.banks)

    def _stored(self, width: int, depth: int, place: Place, size: float) -> None:
        if place is Place.LUTS:
            self.luts += size
        else:
            self.use("list.bits", width * depth)
            self.use("list.choice", width * (depth - 1))

    def _banks(self, width: int, banks: int) -> None:
        if banks > 1:
            self.use("banks", banks)
            self.use("banks.bits", width * (banks - 1))


@cache
def _blocks(rule: Blocks, a: int, b: int) -> float:
    """Multiplier blocks of one product of factors of `a` and `b` bits, `a` the wider."""
    if b < rule.factor or a + b < rule.least:
        return 0
    if a <= rule.half:
        return 0.5
    step = rule.part - rule.sign
    if a > rule.wide:
        pieces = ceil_div(a - rule.wide, step)
        return pieces * _blocks(rule, max(rule.part, b), min(rule.part, b)) + _sorted(rule, a - pieces * step, b)
    if b > rule.narrow:
        pieces = ceil_div(b - rule.narrow, step)
        return pieces * _blocks(rule, max(a, rule.part), min(a, rule.part)) + _sorted(rule, a, b - pieces * step)
    return 1


def _sorted(rule: Blocks, a: int, b: int) -> float:
    return _blocks(rule, max(a, b), min(a, b))
