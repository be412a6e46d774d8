"""The input edge in C++: frames that are too short or too long become what hwq_frame_in.sv makes of them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2] / "templates" / "hls"
MAIN = """
#include <cstdio>
#include "hwq_frame.hpp"
struct P { static constexpr int BEATS = %d; };
int main() {
  hwq::Channel<hwq::Axis<16>> port;
  int data, last, frames = 0;
  while (std::scanf("%%d %%d", &data, &last) == 2) {
    hwq::Axis<16> word;
    word.data = data;
    word.keep = word.strb = -1;
    word.last = hwq::UInt<1>(last);
    port.write(word);
    frames += last;
  }
  for (int frame = 0; frame < frames; ++frame) {
    hwq::Stream<hwq::Int<7>, 2> out;
    int error = 0;
    hwq::frame_in<P>(port, out, error);
    std::printf("%%d", error);
    for (int beat = 0; beat < P::BEATS; ++beat) {
      const hwq::Beat<hwq::Int<7>, 2> x = out.read();
      std::printf(" %%d %%d", x.lane[0].to_int(), x.lane[1].to_int());
    }
    std::printf("\\n");
  }
}
"""


def _lanes(word: int) -> list[int]:
    return [((word >> at & 127) ^ 64) - 64 for at in (0, 7)]


def _wanted(frame: Sequence[int], beats: int) -> list[int]:
    """The error, then the lanes of the frame as filled or cut."""
    whole = ([_lanes(word) for word in frame] + [[0, 0]] * beats)[:beats]
    return [int(len(frame) != beats), *(lane for beat in whole for lane in beat)]


@pytest.mark.parametrize("beats", [1, 2, 5])
def test_every_tlast_ends_one_frame(beats: int, tmp_path: Path) -> None:
    (tmp_path / "main.cpp").write_text(MAIN % beats)
    include = ["-isystem", str(ROOT / "native"), "-I", str(ROOT)]
    words = [
        "g++",
        "-std=c++17",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fsanitize=undefined",
        *include,
        "main.cpp",
        "-o",
        "run",
    ]
    subprocess.run(words, cwd=tmp_path, check=True)
    rng = np.random.default_rng(beats)
    lengths = [beats, 1, beats, beats + 1, beats, 3 * beats, *rng.integers(1, 2 * beats + 2, 60).tolist(), beats]
    frames = [rng.integers(0, 1 << 14, length).tolist() for length in lengths]
    lines = [f"{word} {int(n == len(frame) - 1)}" for frame in frames for n, word in enumerate(frame)]
    done = subprocess.run(["./run"], cwd=tmp_path, input="\n".join(lines), capture_output=True, text=True, check=True)
    got = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
    assert got == [_wanted(frame, beats) for frame in frames]
