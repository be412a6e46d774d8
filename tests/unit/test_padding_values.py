"""What windows read outside of the image is an integer of the input's type, as hardware has no other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from nets import avgpool, conv, depthwise, groupconv, tensor

from hwq.ir.types import TensorType
from hwq.ir.window import Window

S8, U4 = tensor(4, 4, 2), tensor(4, 4, 2, bits=4, signed=False)
PADDED, PLAIN = Window((3, 3), pads=(0, 0, 0, 1)), Window((3, 3))
MAKE = {
    "conv": lambda x, window: conv(x, 3, window),
    "depthwise": depthwise,
    "groupconv": lambda x, window: groupconv(x, 4, 2, window),
    "avgpool": avgpool,
}


@pytest.mark.parametrize(("x", "ends"), [(S8, (-128, 127)), (U4, (0, 15))], ids=str)
@pytest.mark.parametrize("kind", MAKE)
def test_values_of_the_type(kind: str, x: TensorType, ends: tuple[int, int]) -> None:
    op = MAKE[kind](x, PADDED)
    for value in ends:
        replace(op, pad_value=value).result(x)
    for value in (ends[0] - 1, ends[1] + 1):
        with pytest.raises(ValueError, match=f"pad_value {value} is outside of "):
            replace(op, pad_value=value).result(x)


@pytest.mark.parametrize("kind", MAKE)
def test_any_value_where_nothing_reads_it(kind: str) -> None:
    replace(MAKE[kind](S8, PLAIN), pad_value=1000).result(S8)
