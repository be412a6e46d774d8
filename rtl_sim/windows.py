"""The plain model of the sliding windows, and the parameter sets that the two window units share."""

import random

import numpy as np
from numpy.typing import NDArray


def window_case(
    size: tuple[int, int] = (4, 5),
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    pads: tuple[int, int, int, int] = (0, 0, 0, 0),
    beats: int = 1,
    data_w: int = 8,
    pad: int = 0,
) -> dict[str, int]:
    """Parameters of a window unit; `pads` is top, left, bottom, right; the output size follows."""
    spans = [(kernel[axis] - 1) * dilation[axis] + 1 for axis in (0, 1)]
    out = [(size[axis] + pads[axis] + pads[axis + 2] - spans[axis]) // stride[axis] + 1 for axis in (0, 1)]
    assert min(out) >= 1, "the window does not fit into the padded image"
    return {
        "DATA_W": data_w,
        "H": size[0],
        "W": size[1],
        "CF": beats,
        "KH": kernel[0],
        "KW": kernel[1],
        "SH": stride[0],
        "SW": stride[1],
        "DH": dilation[0],
        "DW": dilation[1],
        "PT": pads[0],
        "PL": pads[1],
        "OH": out[0],
        "OW": out[1],
        "PAD": pad,
    }


def random_frames(p: dict[str, int], frames: int, seed: int) -> NDArray[np.object_]:
    """Random beats, shape (frames, H, W, CF)."""
    rng = random.Random(seed)
    words = [rng.getrandbits(p["DATA_W"]) for _ in range(frames * p["H"] * p["W"] * p["CF"])]
    return np.array(words, dtype=object).reshape(frames, p["H"], p["W"], p["CF"])


def windows(frames: NDArray[np.object_], p: dict[str, int]) -> NDArray[np.object_]:
    """All taps, shape (frames, OH, OW, KH, KW, CF); PAD where a tap lies outside the image."""
    out = np.full((len(frames), p["OH"], p["OW"], p["KH"], p["KW"], p["CF"]), p["PAD"], dtype=object)
    for oh, ow, kh, kw in np.ndindex(p["OH"], p["OW"], p["KH"], p["KW"]):
        y, x = oh * p["SH"] - p["PT"] + kh * p["DH"], ow * p["SW"] - p["PL"] + kw * p["DW"]
        if 0 <= y < p["H"] and 0 <= x < p["W"]:
            out[:, oh, ow, kh, kw] = frames[:, y, x]
    return out
