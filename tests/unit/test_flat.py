"""Flat feeds: weight words in the order in which a window's elements come, and what a folding file may ask for."""

from __future__ import annotations

import numpy as np
import pytest
from nets import conv, dense, program, tensor

from hwq.errors import BadInput
from hwq.hw.fold import Feed, Fold, feeds, flat_lanes_fit
from hwq.hw.folding_file import parse_folding
from hwq.hw.netlist import Instance
from hwq.hw.pack import weight_words
from hwq.hw.plan import make_plan
from hwq.ir.window import Window

X = tensor(6, 6, 4)
OP = conv(X, 5, Window((3, 3), pads=(1, 1, 1, 1)))


def test_weight_words() -> None:
    """Element e of a window is channel e % C of tap e / C; those of beat b are e = b * SIMD + s."""
    words = weight_words(OP, Fold(2, 1, 2, 10, Feed.FLAT), depthwise=False)
    assert len(words) == 3 * 4
    for nf in range(3):
        for beat in range(4):
            word = int(words[nf * 4 + beat], 16)
            for p in range(2):
                for s in range(10):
                    n, e = nf * 2 + p, beat * 10 + s
                    expected = int(OP.weight[n].ravel()[e]) if n < 5 and e < 36 else 0
                    assert (word >> (p * 10 + s) * 8) & 255 == expected % 256


def test_what_is_built() -> None:
    p = program([OP], {"a": X})
    net = make_plan(p, {"y": Fold(4, 1, 2, 12, Feed.FLAT)}).net
    parts = {part.name: part for part in net.parts if isinstance(part, Instance)}
    window, turn, again, mvau = (parts[name].params for name in ("u_y__window", "u_y__flat", "u_y__again", "u_y"))
    assert (window["CF"], window["KH"], window["NF"]) == (1, 3, 1)
    assert (turn["IN_N"], turn["OUT_N"], turn["CHANNELS"]) == (4, 12, 36)
    assert (again["H"], again["W"], again["CF"], again["NF"], again["ROWS"]) == (36, 1, 3, 3, 2)
    assert (mvau["SF"], mvau["NF"], mvau["SIMD"]) == (3, 3, 12)
    whole = make_plan(p, {"y": Fold(4, 5, 5, 36, Feed.FLAT)}).net
    assert "u_y__again" not in {part.name for part in whole.parts}, "nothing is read twice"


def test_a_dense_layer_needs_no_window() -> None:
    x = tensor(3, 3, 4)
    net = make_plan(program([dense(x, 6)], {"a": x}), {"y": Fold(4, 1, 2, 12, Feed.FLAT)}).net
    assert [part.module for part in net.parts if isinstance(part, Instance)] == ["hwq_dwc", "hwq_swu_ser", "hwq_mvau"]


def test_lanes() -> None:
    assert flat_lanes_fit(4, 12, 36) and flat_lanes_fit(4, 2, 36) and flat_lanes_fit(4, 37, 36)
    assert not flat_lanes_fit(4, 6, 36)
    assert feeds(conv(X, 5, Window((1, 1))), X) == [Feed.SERIAL]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lanes": 3, "simd": 9}, "expected a divisor of 4 channels"),
        ({"lanes": 4, "simd": 6}, "one of the two a multiple of the other"),
        ({"simd": 37}, "simd is 37, expected 1 to 36"),
        ({"lanes": None}, "lanes is None, expected 1 to 4"),
        ({"window": "round"}, "window is 'round', expected serial or parallel or flat"),
        ({"pe": 5, "rq": 1, "simd": 36}, "rq is 1, expected a divisor of pe = 5 that is at least pe / 1"),
    ],
)
def test_refusals(change: dict[str, object], message: str) -> None:
    entry = {"pe": 2, "simd": 12, "lanes": 4, "rq": 1, "window": "flat"} | change
    with pytest.raises(BadInput, match=message):
        parse_folding({"y": entry}, program([OP], {"a": X}), "file")


def test_order_is_that_of_the_weights() -> None:
    assert np.array_equal(OP.weight.reshape(5, -1)[:, 4 * 3 + 2], OP.weight[:, 1, 0, 2])
