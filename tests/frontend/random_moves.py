"""Random operators that move elements: slices, splits, transpositions, borders, larger images."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

Shape = tuple[int, ...]

COORDINATES = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners")
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


class Moves:
    """Steps of a `random_net.Net`, which has what they call."""

    def pick(self: Any, items: list[Any]) -> st.SearchStrategy[Any]:
        return st.sampled_from(items)

    def shuffled(self: Any, items: list[Any]) -> st.SearchStrategy[list[Any]]:
        return st.permutations(items)

    def select(self: Any, source: str, shape: Shape) -> None:
        axis = self.integer(0, len(shape) - 1)
        self.one_of(self.slice, self.split, self.gather, self.tile)(source, shape, axis)

    def slice(self: Any, source: str, shape: Shape, axis: int) -> None:
        size, step = shape[axis], self.one_of(1, 2, -1, -2)
        first = self.integer(0, size - 1)
        count = self.integer(1, -(-(size - first) // step) if step > 0 else first // -step + 1)
        end = first + count * step
        end = end if end >= 0 else -size - 9
        numbers = [first, end, axis + 1 if self.flag() else axis - len(shape), step]
        out = (*shape[:axis], count, *shape[axis + 1 :])
        self.add("Slice", [source, *(self.ints(number) for number in numbers)], out)

    def split(self: Any, source: str, shape: Shape, axis: int) -> None:
        if shape[axis] < 2:
            return
        first = self.integer(1, shape[axis] - 1)
        sizes = (first, shape[axis] - first)
        shapes = [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]
        if sizes[0] == sizes[1] and self.flag():
            extra = {"num_outputs": 2} if self.opset >= 18 else {}
            self.add_all("Split", [source], shapes, axis=axis + 1, **extra)
        elif self.opset >= 13:
            self.add_all("Split", [source, self.ints(*sizes)], shapes, axis=axis - len(shape))
        else:
            self.add_all("Split", [source], shapes, axis=axis + 1, split=list(sizes))

    def gather(self: Any, source: str, shape: Shape, axis: int) -> None:
        places = self.draw(st.lists(st.integers(-shape[axis], shape[axis] - 1), min_size=1, max_size=4))
        if len(shape) > 1 and self.flag():
            index, out = np.array(places[0], np.int64), (*shape[:axis], *shape[axis + 1 :])
        else:
            index, out = np.array(places, np.int64), (*shape[:axis], len(places), *shape[axis + 1 :])
        self.add("Gather", [source, self.constant(index)], out, axis=axis + 1)

    def tile(self: Any, source: str, shape: Shape, axis: int) -> None:
        if np.prod(shape) > 100:
            return
        repeats = [2 if number == axis else 1 for number in range(len(shape))]
        out = tuple(size * count for size, count in zip(shape, repeats, strict=True))
        self.add("Tile", [source, self.ints(1, *repeats)], out)

    def move(self: Any, source: str, shape: Shape) -> None:
        """Another order or number of axes, or blocks of pixels as channels and back."""
        ways = [self.transpose, self.regroup]
        if len(shape) == 3 and shape[0] % 4 == 0:
            ways.append(self.depth_to_space)
        if len(shape) == 3 and not shape[1] % 2 and not shape[2] % 2:
            ways.append(self.space_to_depth)
        self.one_of(*ways)(source, shape)

    def transpose(self: Any, source: str, shape: Shape) -> None:
        order = self.draw(st.permutations(range(len(shape))))
        self.add("Transpose", [source], tuple(shape[axis] for axis in order), perm=[0, *(axis + 1 for axis in order)])

    def regroup(self: Any, source: str, shape: Shape) -> None:
        out = (shape[0], int(np.prod(shape[1:]))) if len(shape) == 3 else (shape[0], 1, shape[1])
        self.add("Reshape", [source, self.ints(0, *out)], out)

    def depth_to_space(self: Any, source: str, shape: Shape) -> None:
        channels, height, width = shape
        out = (channels // 4, height * 2, width * 2)
        self.add("DepthToSpace", [source], out, blocksize=2, mode=self.one_of("DCR", "CRD"))

    def space_to_depth(self: Any, source: str, shape: Shape) -> None:
        channels, height, width = shape
        self.add("SpaceToDepth", [source], (channels * 4, height // 2, width // 2), blocksize=2)

    def pad(self: Any, source: str, shape: Shape) -> None:
        mode = self.one_of("constant", "reflect", "edge", *(["wrap"] if self.opset >= 19 else []))
        least = -1 if mode == "constant" else 0
        most = [size - 1 if mode == "reflect" else size for size in shape]
        before, after = (
            [self.integer(max(least, -((size - 1) // 2)), min(2, top)) for size, top in zip(shape, most, strict=True)]
            for _ in range(2)
        )
        if self.flag():
            before[0] = after[0] = 0
        out = tuple(size + b + a for size, b, a in zip(shape, before, after, strict=True))
        if np.prod(out) > 400:
            return
        value = [self.constant(np.float32(0.5))] if mode == "constant" and self.flag() else []
        self.add("Pad", [source, self.ints(0, *before, 0, *after), *value], out, mode=mode)

    def resize(self: Any, source: str, shape: Shape) -> None:
        if np.prod(shape) > 100:
            return
        linear = self.flag()
        scales = [self.one_of(1.0, 2.0, 3.0) if linear else self.one_of(0.5, 1.0, 1.5, 2.0, 2.6) for _ in shape[1:]]
        sizes = [int(np.floor(size * scale)) for size, scale in zip(shape[1:], scales, strict=True)]
        if min(sizes) < 1:
            return
        where = self.one_of(*(COORDINATES[:3] if linear else COORDINATES))
        roi = "" if self.opset >= 13 else self.constant(np.zeros(0, np.float32))
        given = [roi, self.constant(np.array([1, 1, *scales], np.float32))]
        if not linear and self.opset >= 13 and self.flag():
            given = ["", "", self.ints(1, shape[0], *sizes)]
        self.add(
            "Resize", [source, *given], (shape[0], *sizes), mode="linear" if linear else "nearest",
            coordinate_transformation_mode=where, nearest_mode=self.one_of(*ROUNDINGS),
        )  # fmt: skip
