"""Corner cases of thresholds: operations with the types that they read, called after what is special, and refusals."""

from __future__ import annotations

from collections.abc import Iterator

from nets import tensor, threshold, thresholds_over

from hwq.ir.op import Op
from hwq.ir.types import TensorType


def threshold_cases() -> Iterator[tuple[str, tuple[Op, TensorType]]]:
    s8, u8, s4 = tensor(3, 3, 5), tensor(2, 4, 3, signed=False), tensor(2, 4, 7, bits=4)
    yield "sign", (threshold(s8, [[0]], bits=1), s8)
    yield "sign-channel", (threshold(s8, [[-128], [-127], [0], [127], [128]], bits=1), s8)
    yield "never-always", (threshold(u8, [[256], [0], [-1]], bits=1), u8)
    yield "three", (threshold(s8, [[-40, -1, 77]], -2, signed=True), s8)
    yield "channel", (threshold(s8, thresholds_over(s8, 5, 3)), s8)
    yield "channel-signed", (threshold(u8, thresholds_over(u8, 3, 7), -4, bits=3, signed=True), u8)
    yield "equal", (threshold(s8, [[-3, -3, 5], [9, 9, 9], [-129, -129, -129], [128] * 3, [0, 127, 127]]), s8)
    yield "narrow", (threshold(s4, thresholds_over(s4, 7, 2), -1, signed=True), s4)
    yield "many", (threshold(u8, [range(1, 256)], bits=8), u8)
    yield "odd-low", (threshold(s4, thresholds_over(s4, 7, 5), 300, bits=16), s4)
    wide, big = tensor(2, 2, 3, bits=16), tensor(1, 3, 4, bits=16, signed=False)
    yield "16-bit", (threshold(wide, thresholds_over(wide, 3, 15), -8, bits=4, signed=True), wide)
    yield "16-bit-unsigned", (threshold(big, thresholds_over(big, 4, 1), 32_766, bits=16, signed=True), big)
    for signed in (False, True):
        one = tensor(2, 3, 3, bits=1, signed=signed)
        yield f"1-bit{'-signed' if signed else ''}", (threshold(one, thresholds_over(one, 3, 1), bits=1), one)
    single = tensor(1, 1, 1)
    yield "one_pixel", (threshold(single, [[-100, 0]]), single)


X = tensor(4, 4, 3)
REFUSED_THRESHOLDS: dict[str, tuple[Op, str]] = {
    "rows of thresholds": (threshold(X, [[0], [1]]), r"thresholds have shape \(2, 1\), expected one row, or 3"),
    "no thresholds": (threshold(X, [[]]), r"thresholds have shape \(1, 0\), expected one row, or 3, of 1 to 255"),
    "many thresholds": (threshold(X, [[0] * 256], bits=16), r"shape \(1, 256\)"),
    "falling thresholds": (threshold(X, [[1, 2], [3, 3], [5, 4]]), "fall, expected rising ones"),
    "low threshold": (threshold(X, [[-130]]), "reach from -130 to -130, expected -129 to 128 for s8"),
    "high threshold": (threshold(X, [[0, 129]]), "reach from 0 to 129, expected -129 to 128"),
    "too many steps": (threshold(X, [[0, 1]], 2), r"output is 2 to 4, outside of u2\[4,4,3\]"),
    "low output": (threshold(X, [[0]], -1), "output is -1 to 0, outside of u2"),
}
