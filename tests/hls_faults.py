"""The C++ of a plan, fed with streams whose frames are damaged."""

from __future__ import annotations

import subprocess
from pathlib import Path

from fault_bench import Episode

from hwq.emit.hls.build import own_texts
from hwq.emit.render import library
from hwq.hw.pack import hex_words
from hwq.hw.plan import Plan

MAIN = """
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include "hls/@TOP.hpp"

template <int W>
void drive(hwq::Channel<hwq::Axis<W>>& port, const char* file) {
  std::ifstream in(file);
  std::string digits;
  int last;
  while (in >> digits >> last) {
    hwq::Axis<W> word;
    word.data = 0;
    for (int bit = 0; bit < 4 * int(digits.size()) && bit < W; ++bit) {
      const int digit = std::stoi(std::string(1, digits[digits.size() - 1 - bit / 4]), nullptr, 16);
      hwq::set_lane(word.data, bit, hwq::UInt<1>(digit >> bit % 4 & 1));
    }
    word.keep = word.strb = -1;
    word.last = hwq::UInt<1>(last);
    port.write(word);
  }
}

template <int W>
void show(hwq::Channel<hwq::Axis<W>>& port, const char* name) {
  while (!port.empty()) {
    const hwq::Axis<W> word = port.read();
    std::string bits;
    for (int bit = W - 1; bit >= 0; --bit) bits += hwq::lane_of<hwq::UInt<1>>(word.data, bit) ? '1' : '0';
    std::printf("%s %d %s\\n", name, word.last == hwq::UInt<1>(1) ? 1 : 0, bits.c_str());
  }
}

int main() {
  @PORTS
  for (int frame = 0; frame < @FRAMES; ++frame) {
    @ERRORS
    @TOP(@CALL);
  }
  @SHOWN
}
"""


def run_hls(plan: Plan, episode: Episode, folder: Path) -> dict[str, list[str]]:
    """Compile, drive the frames of `episode`, and return tlast and data of each beat by output."""
    texts = {f"hls/{name}": text for name, text in library("hls").items()}
    texts |= {f"hls/native/{name}": text for name, text in library("hls/native").items()} | own_texts(plan)
    edges, prefixes = (*plan.inputs, *plan.outputs), [edge.prefix for edge in plan.inputs]
    ports = [f"hwq::Channel<hwq::Axis<{edge.tdata_width}>> {edge.prefix};" for edge in edges]
    ports += [f'drive({prefix}, "{prefix}.txt");' for prefix in prefixes]
    words = {
        "TOP": plan.program.name,
        "PORTS": "\n  ".join(ports),
        "FRAMES": str(len(episode.frames[prefixes[0]])),
        "ERRORS": " ".join(f"int {prefix}_error = 0;" for prefix in prefixes),
        "CALL": ", ".join([*(edge.prefix for edge in edges), *(f"{prefix}_error" for prefix in prefixes)]),
        "SHOWN": " ".join(f'show({edge.prefix}, "{edge.prefix}");' for edge in plan.outputs),
    }
    main = MAIN
    for name, text in words.items():
        main = main.replace(f"@{name}", text)
    for name, text in (texts | {"main.cpp": main}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    for edge in plan.inputs:
        lines = []
        for frame in episode.frames[edge.prefix]:
            beats = hex_words(frame.lanes, edge.bits)
            lines += [f"{word} {int(n == len(beats) - 1)}" for n, word in enumerate(beats)]
        (folder / f"{edge.prefix}.txt").write_text("\n".join(lines) + "\n", "ascii")
    sources = ["main.cpp", f"hls/{plan.program.name}.cpp"]
    words_ = ["g++", "-std=c++17", "-O0", "-Ihls", "-isystem", "hls/native", "-I.", *sources, "-o", "main"]
    subprocess.run(words_, cwd=folder, check=True)
    done = subprocess.run(["./main"], cwd=folder, check=True, capture_output=True, text=True)
    found: dict[str, list[str]] = {edge.prefix: [] for edge in plan.outputs}
    for line in done.stdout.splitlines():
        prefix, last, bits = line.split()
        found[prefix].append(f"{last} {int(bits, 2):x}")
    return found
