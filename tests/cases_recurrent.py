"""Corner cases of recurrent layers, with the types that they read, called after what is special."""

from __future__ import annotations

from collections.abc import Iterator

from nets import tensor
from recurrent_nets import curve, gru, lstm, rnn, wild

from hwq.ir.op import Op
from hwq.ir.types import TensorType

LABELLED = Iterator[tuple[str, tuple[Op, TensorType]]]


def _flat(value: float) -> float:
    return value / 8


def lstm_cases() -> LABELLED:
    s16 = tensor(1, 6, 20, bits=16)
    yield "five_units", (lstm(s16), s16)
    yield (
        "factors-channel",
        (lstm(s16, factors=[1 + 3 * r for r in range(20)], multiplier=range(30_001, 65_535, 1_790)), s16),
    )
    yield "pow2-half_even", (lstm(s16, factors=(16,), multiplier=[1 << (r % 4) for r in range(20)], rounding=2), s16)
    yield "floor-unsigned", (lstm(s16, signed=False, rounding=0), s16)
    u8 = tensor(1, 4, 28, signed=False)
    yield "seven_units-half_away", (lstm(u8, factors=(300,), rounding=3), u8)
    one = tensor(1, 1, 12)
    yield "one_step", (lstm(one), one)
    single = tensor(1, 5, 4, bits=12)
    yield "one_unit", (lstm(single, factors=(65_535,)), single)
    yield "one_unit-one_step", (lstm(tensor(1, 1, 4)), tensor(1, 1, 4))
    wide = tensor(1, 4, 12, bits=16)
    yield "16-bit", (lstm(wide, wbits=16, bits=16, gate_bits=16, step=8, factors=(1000,)), wide)
    two = tensor(1, 5, 12, bits=2)
    narrow = (wild(4, step=0, bits=3), wild(4, step=0, bits=3, seed=2), wild(5, step=0, bits=2))
    yield "2-bit", (lstm(two, wbits=2, bits=2, gate_bits=4, cell_bits=5, shifts=(0, 1), curves=narrow), two)
    unlike = (
        wild(10, step=3, bits=8, signed=False, fraction=2), wild(10, step=3, bits=8, signed=False, fraction=2, seed=5),
        wild(12, step=0, bits=9),
    )  # fmt: skip
    yield "wild", (lstm(s16, cell_bits=12, curves=unlike, shifts=(3, 5), bits=11), s16)
    unsigned = (*unlike[:2], wild(12, step=0, bits=9, signed=False))
    yield "wild-unsigned_cell_tanh", (lstm(s16, cell_bits=12, curves=unsigned, shifts=(3, 5), bits=11), s16)
    lines = (curve(_flat, 10, 1 / 64, step=10), curve(_flat, 10, 1 / 64, step=10), curve(_flat, 16, 1 / 4096, step=9))
    yield "long_steps", (lstm(u8, curves=lines), u8)


def gru_cases() -> LABELLED:
    s16 = tensor(1, 6, 15, bits=16)
    yield "five_units", (gru(s16), s16)
    yield "five_units-reset_after", (gru(s16, reset_after=True), s16)
    row_factors, rows = [1 + 3 * r for r in range(15)], range(30_001, 65_535, 2_400)
    yield "factors-channel", (gru(s16, factors=row_factors, multiplier=rows), s16)
    yield "factors-channel-reset_after", (gru(s16, factors=row_factors, multiplier=rows, reset_after=True), s16)
    powers = [1 << (r % 4) for r in range(15)]
    yield "pow2-half_even", (gru(s16, factors=(16,), multiplier=powers, rounding=2), s16)
    yield "floor-unsigned", (gru(s16, signed=False, rounding=0), s16)
    u8 = tensor(1, 4, 21, signed=False)
    yield "seven_units-half_away", (gru(u8, factors=(300,), rounding=3), u8)
    one = tensor(1, 1, 9)
    yield "one_step", (gru(one), one)
    single = tensor(1, 5, 3, bits=12)
    yield "one_unit", (gru(single, factors=(2000,)), single)
    yield "one_unit-reset_after", (gru(single, reset_after=True), single)
    wide = tensor(1, 4, 9, bits=16)
    yield "16-bit", (gru(wide, wbits=16, bits=16, gate_bits=16, step=8, factors=(1000,), reset_after=True), wide)
    two = tensor(1, 5, 9, bits=2)
    narrow = (wild(4, step=0, bits=3, low=0), wild(4, step=0, bits=3, seed=2))
    for label, after in (("2-bit", False), ("2-bit-reset_after", True)):
        made = gru(
            two, wbits=2, bits=2, gate_bits=4, fraction=2, shifts=(0, 1), curves=narrow, reset_after=after
        )  # fmt: skip
        yield label, (made, two)
    unlike = (wild(10, step=3, bits=9, fraction=2, low=0), wild(10, step=3, bits=9, fraction=2, seed=5))
    yield "wild", (gru(s16, fraction=8, curves=unlike, shifts=(3, 0), bits=11), s16)
    below_one = (wild(10, step=3, bits=8, signed=False), wild(10, step=3, bits=8, signed=False, seed=5))
    yield "wild-below_one", (gru(s16, fraction=8, curves=below_one, shifts=(1, 0), bits=11), s16)


def rnn_cases() -> LABELLED:
    s16 = tensor(1, 6, 5, bits=16)
    yield "five_units", (rnn(s16), s16)
    yield "factors-channel", (rnn(s16, factors=(1, 5, 7, 9, 3), multiplier=range(30_001, 65_535, 8_000)), s16)
    yield "pow2-half_even", (rnn(s16, factors=(16,), multiplier=(1, 2, 4, 8, 2), rounding=2), s16)
    u8 = tensor(1, 4, 7, signed=False)
    relu = curve(lambda value: max(value, 0.0), 10, 1 / 64, step=9, bits=8, signed=False, point=5)
    yield "relu-floor", (rnn(u8, relu, factors=(300,), rounding=0), u8)
    one = tensor(1, 1, 3)
    yield "one_step", (rnn(one, rounding=3), one)
    single = tensor(1, 5, 1, bits=12)
    yield "one_unit", (rnn(single, factors=(65_535,)), single)
    wide = tensor(1, 4, 3, bits=16)
    yield "16-bit", (rnn(wide, wbits=16, bits=16, gate_bits=16, step=8, factors=(1000,)), wide)
    two = tensor(1, 5, 3, bits=2)
    yield "2-bit", (rnn(two, wild(4, step=0, bits=2), wbits=2, gate_bits=4), two)
    yield "wild", (rnn(s16, wild(10, step=3, bits=11, fraction=2)), s16)
