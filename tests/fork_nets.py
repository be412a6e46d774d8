"""Networks of forks and joins for tests of FIFOs: blocks that add, and branches that take turns."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nets import add, concat, conv, corners, maxpool, normalise, program, rescale, softmax, tensor

from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.window import Window

ONE, SAME = Window((1, 1)), Window((3, 3), pads=(1, 1, 1, 1))
SAMPLES = 6


def residual(height: int, width: int, channels: int, window: Window = SAME, layers: int = 2) -> Program:
    """y = a + conv(... conv(a))."""
    x = tensor(height, width, channels)
    names = ["a", *(f"c{i}" for i in range(layers))]
    convs = [conv(x, channels, window, name=names[i + 1], source=names[i]) for i in range(layers)]
    return program([*convs, add(x, x, sources=("a", names[-1]))], {"a": x})


def unequal(height: int, width: int, channels: int) -> Program:
    """y = rescale(a) + conv1x1(a): nobody stores rows but the convolution."""
    x = tensor(height, width, channels)
    return program([rescale(x, name="r"), conv(x, channels, ONE, name="c"), add(x, x, sources=("r", "c"))], {"a": x})


def twins(height: int, width: int, channels: int) -> Program:
    """y = conv3x3(a) + conv3x3(conv1x1(a)): both branches store rows, and need as many."""
    x = tensor(height, width, channels)
    ops = [
        conv(x, channels, SAME, name="l"),
        conv(x, channels, ONE, name="r0"),
        conv(x, channels, SAME, name="r", source="r0"),
        add(x, x, sources=("l", "r")),
    ]
    return program(ops, {"a": x})


def nested(height: int, width: int, channels: int) -> Program:
    """A residual block within another, and a pooling beside both."""
    x = tensor(height, width, channels)
    ops = [
        conv(x, channels, SAME, name="c"),
        conv(x, channels, SAME, name="d", source="c"),
        add(x, x, name="inner", sources=("d", "c")),
        maxpool(x, SAME, name="m"),
        add(x, x, name="side", sources=("inner", "m")),
        add(x, x, sources=("side", "a")),
    ]
    return program(ops, {"a": x})


def scaled(height: int, width: int, channels: int) -> Program:
    """y = a + softmax(normalise(a)): operations that take whole pixels before they begin."""
    x = tensor(height, width, channels)
    ops = [normalise(x, name="n"), softmax(x, name="s", source="n")]
    return program([*ops, add(x, tensor(height, width, channels, signed=False), sources=("a", "s"))], {"a": x})


def forked(ops: list[Op], shape: tuple[int, int, int], inputs: str = "a") -> Program:
    """Inputs of one shape, `y` out, with samples that reach the ends of their types."""
    types = {name: tensor(*shape) for name in inputs}
    return program(ops, types, samples=corners(types, SAMPLES))


def inception(height: int = 5, width: int = 6) -> Program:
    """Four branches of 1, 2, 3 and 0 layers, channels side by side."""
    x = tensor(height, width, 4)
    return forked(
        [
            conv(x, 2, ONE, name="p"),
            conv(x, 2, ONE, name="q0"),
            conv(tensor(height, width, 2), 4, SAME, name="q", source="q0"),
            conv(x, 2, SAME, name="r0"),
            conv(tensor(height, width, 2), 2, SAME, name="r1", source="r0"),
            conv(tensor(height, width, 2), 6, SAME, name="r", source="r1"),
            concat(2, "p", "q", "r", "a"),
        ],
        x.shape,
    )


def delayed(axis: int, first: bool, height: int = 14, width: int = 3) -> Program:
    """A tensor beside itself two layers later, with more rows than these hold."""
    x = tensor(height, width, 2)
    ops: list[Op] = [conv(x, 2, SAME, name="c"), conv(x, 2, SAME, name="d", source="c")]
    return forked([*ops, concat(axis, *("da" if first else "ad"))], x.shape)


def same(axis: int, times: int, height: int = 4, width: int = 5) -> Program:
    return forked([concat(axis, *"a" * times)], (height, width, 4))


def dense_block(height: int = 4, width: int = 5) -> Program:
    """Every layer reads all before it: forks whose branches do not nest."""
    shapes = [tensor(height, width, 2 * n) for n in (1, 2, 3)]
    return forked(
        [
            conv(shapes[0], 2, SAME, name="c"),
            concat(2, "a", "c", name="ac"),
            conv(shapes[1], 2, SAME, name="d", source="ac"),
            concat(2, "a", "c", "d", name="acd"),
            conv(shapes[2], 2, SAME, source="acd"),
        ],
        shapes[0].shape,
    )


def two_residuals(height: int = 4, width: int = 4) -> Program:
    """Residual blocks of unequal depth, one within the other, and what went in behind what came out, row by row."""
    x = tensor(height, width, 2)
    return forked(
        [
            conv(x, 2, SAME, name="c"),
            conv(x, 2, SAME, name="d", source="c"),
            conv(x, 2, ONE, name="e", source="d"),
            add(x, x, name="inner", sources=("e", "c")),
            add(x, x, name="outer", sources=("inner", "a")),
            concat(0, "outer", "c", "a"),
        ],
        x.shape,
    )


def nested_turns(height: int = 4, width: int = 3) -> Program:
    """A fork inside a branch of another one, joined along columns, then along rows, with the outer fork."""
    x = tensor(height, width, 2)
    return forked(
        [
            maxpool(x, SAME, name="m"),
            conv(x, 2, SAME, name="c", source="m"),
            concat(1, "m", "c", "m", name="inner"),
            rescale(x, name="r"),
            concat(1, "r", "a", "r", name="beside"),
            concat(0, "inner", "beside", "inner", name="all"),
            conv(tensor(3 * height, 3 * width, 2), 2, SAME, source="all"),
        ],
        x.shape,
    )


def crossed(height: int = 3, width: int = 4) -> Program:
    """Two inputs that meet twice, in either order."""
    x = tensor(height, width, 2)
    double = tensor(2 * height, width, 2)
    return forked(
        [
            conv(x, 2, SAME, name="c", source="b"),
            add(x, x, name="s", sources=("a", "c")),
            concat(0, "b", "a", name="t"),
            concat(0, "s", "s", name="u"),
            add(double, double, sources=("u", "t")),
        ],
        x.shape,
        "ab",
    )


def apart() -> Program:
    """Two engines that share nothing, one frame behind the other."""
    x = tensor(4, 4, 2)
    return forked(
        [conv(x, 2, SAME, name="c"), conv(x, 2, SAME, name="d", source="b"), concat(0, "c", "d")], x.shape, "ab"
    )


def lead(height: int, width: int, reach: int) -> int:
    """The largest need(n) - n of a branch whose pixels need `reach` rows and columns more, by counting."""
    need = [
        min(r + reach, height - 1) * width + min(c + reach, width - 1) + 1 for r in range(height) for c in range(width)
    ]
    return max(pixels - delivered for delivered, pixels in enumerate(need))


BLOCKS: dict[str, Callable[[int, int, int], Program]] = {
    "residual": residual,
    "one-layer": lambda h, w, c: residual(h, w, c, layers=1),
    "1x1": lambda h, w, c: residual(h, w, c, ONE, 1),
    "1x1-twice": lambda h, w, c: residual(h, w, c, ONE, 2),
    "unequal": unequal,
    "twins": twins,
    "nested": nested,
    "scaled": scaled,
}


NETS: dict[str, Callable[..., Program]] = {
    "inception": inception,
    "dense-block": dense_block,
    "residuals": two_residuals,
    "nested": nested_turns,
    "crossed": crossed,
    **{f"delayed-{axis}": partial(delayed, axis, False) for axis in range(3)},
    **{f"delayed-first-{axis}": partial(delayed, axis, True) for axis in range(3)},
    **{f"same-{axis}": partial(same, axis, 2) for axis in range(3)},
    **{f"three-{axis}": partial(same, axis, 3) for axis in range(3)},
}
