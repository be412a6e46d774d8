"""A network whose vectors are written and read back: types of all kinds, and an output that leaves twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nets import conv, corners, dense, maxpool, program, rescale, tensor

from hwq.arith import IntArray
from hwq.ir.program import Program
from hwq.ir.types import Format
from hwq.ir.window import Window
from hwq.sim import simulate_plain

FRAMES = 4
FOLDING = {
    "c": {"pe": 3, "simd": 1, "rq": 3, "window": "serial"},
    "r": {"lanes": 2},
    "p": {"lanes": 4},
    "y": {"pe": 2, "simd": 3, "rq": 2, "window": "serial"},
}


def _net() -> Program:
    """Types of all kinds and channels that lanes do not divide; `r` leaves and is read, twice and in two orders."""
    x = tensor(4, 4, 2, bits=5, signed=False)
    c = conv(x, 5, Window((1, 1)), name="c", bits=4)
    r = rescale(tensor(4, 4, 5, bits=4), name="r", source="c", bits=9, signed=False, zero=7)
    p = maxpool(tensor(4, 4, 5, bits=9, signed=False), Window((2, 2), (2, 2)), name="p", source="r")
    y = dense(tensor(2, 2, 5, bits=9, signed=False), 3, source="p", bits=16)
    net = program([c, r, p, y], {"a": x}, ("r", "r", "y"), samples=corners({"a": x}, 6))
    image, turned, last = net.outputs
    turned = replace(turned, name="turned", index=turned.index.transpose(2, 0, 1))
    formats = net.formats | {"r": Format(0.1, 7), "y": Format(1e-7)}
    return replace(net, outputs=(image, turned, last), formats=formats)


NET = _net()


def expected(frames: int = FRAMES) -> dict[str, IntArray]:
    inputs = {"a": NET.samples["a"][:frames]}
    return simulate_plain(NET, inputs, keep_all=True) | inputs


def stream(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    return next(entry for entry in manifest["streams"] if entry["tensor"] == name)
