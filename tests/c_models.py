"""Compiling and running C models in tests: every tensor of every program equals the definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hwq.arith import IntArray
from hwq.emit.cmodel import c_model
from hwq.ir.program import Program
from hwq.sim import simulate_plain
from hwq.verify import tools

Tensors = dict[str, IntArray]
"""Tensor name to integers (frame, height, width, channels)."""
STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
"""C99 and nothing else, without a warning."""
SANITISED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
"""Every overflow, shift or access that C leaves undefined ends the program."""

_DRIVER = """
static void run_{name}(FILE *in, long frames) {{
{arrays}
  while (frames-- > 0) {{
{reads}
    hwq_{name}_run({arguments});
{writes}
  }}
}}
void hwq_{name}_trace(const char *tensor, const void *values, int32_t count, int32_t bytes, int32_t is_signed) {{
  fprintf(order, "{name} %s %ld %ld %ld\\n", tensor, (long)count, (long)bytes, (long)is_signed);
  put(values, (size_t)bytes, (size_t)count);
}}
"""
_MAIN = """
int main(int argc, char **argv) {{
  FILE *in = fopen(argv[1], "rb");
  out = fopen(argv[2], "wb");
  order = fopen(argv[3], "w");
  if (argc != 4 || in == NULL || out == NULL || order == NULL) return 1;
{runs}
  return fclose(out) != 0 || fclose(order) != 0;
}}
"""
_HEAD = """
static FILE *out, *order;
static void put(const void *values, size_t bytes, size_t count) {
  if (fwrite(values, bytes, count, out) != count) abort();
}
static void get(FILE *in, void *values, size_t bytes, size_t count) {
  if (fread(values, bytes, count, in) != count) abort();
}
"""


def compiler() -> str:
    """The C compiler that comes with g++."""
    return str(tools.require("g++").path)


def compiled(sources: Sequence[str], folder: Path, *flags: str, program: str = "model") -> Path:
    """Compile C files of `folder` into one program; any warning is a failure."""
    # The g++ driver forgets a language after each file.
    files = [word for source in sources for word in ("-x", "c", source)]
    command = [compiler(), *STRICT, *flags, *files, "-o", program]
    finished = tools.run(command, cwd=folder, timeout=300)
    assert finished.returncode == 0 and not finished.output, finished.output[:5000]
    return folder / program


def check_c(programs: Mapping[str, tuple[Program, Tensors]], folder: Path, *flags: str) -> None:
    """Every tensor of programs, by name, is that of the definition: see `c_differences`."""
    wanted = {name: (p, x, simulate_plain(p, x, keep_all=True)) for name, (p, x) in programs.items()}
    found = c_differences(wanted, folder, *flags)
    assert not found, found


def c_differences(
    programs: Mapping[str, tuple[Program, Tensors, Tensors]], folder: Path, *flags: str
) -> dict[str, str]:
    """The first tensor of each program that is not the wanted one.

    Compiles programs, by name, with a driver, and runs all of their frames.  Traces and output arrays are compared; the
    order, number, width and sign of what is traced are checked.

    Parameters
    ----------
    programs
        For each name a program, its inputs, and every tensor for them.
    """
    folder.mkdir(exist_ok=True)
    sources = ["main.c"]
    for name, (p, _, _) in programs.items():
        for file, text in c_model(p, name).files.items():
            (folder / file).write_text(text)
        sources.append(f"hwq_{name}.c")
    (folder / "main.c").write_text(_main(programs))
    traced = [f"-DHWQ_{name.upper()}_TRACE" for name in programs]
    model = compiled(sources, folder, *traced, *flags)
    (folder / "in").write_bytes(b"".join(_entering(p, x) for p, x, _ in programs.values()))
    finished = tools.run([str(model), "in", "out", "order"], cwd=folder, timeout=300)
    assert finished.returncode == 0 and not finished.output, finished.output[:5000]
    lines = [_line(name, p, op.name) for name, (p, x, _) in programs.items() for _ in range(_frames(x)) for op in p.ops]
    assert (folder / "order").read_text().splitlines() == lines
    return _differences(programs, (folder / "out").read_bytes())


def _differences(programs: Mapping[str, tuple[Program, Tensors, Tensors]], got: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    start = 0
    for name, (p, inputs, values) in programs.items():
        for frame in range(_frames(inputs)):
            for tensor in (*(op.name for op in p.ops), *dict.fromkeys(p.output_tensors())):
                want = values[tensor][frame if len(values[tensor]) > 1 else 0].ravel()
                size = want.size * p.types[tensor].dtype.itemsize
                made = np.frombuffer(got[start : start + size], p.types[tensor].dtype)
                assert made.size == want.size, f"{name} {tensor} frame {frame}: the output ends"
                if not np.array_equal(made, want) and name not in found:
                    place = int(np.argmax(made != want))
                    found[name] = f"{tensor} frame {frame} element {place}: got {made[place]}, want {want[place]}"
                start += size
    assert start == len(got), f"{len(got) - start} bytes more than expected"
    return found


def _main(programs: Mapping[str, tuple[Program, Tensors, Tensors]]) -> str:
    heads = "".join(f'#include "hwq_{name}.h"\n' for name in programs)
    drivers = "".join(_driver(name, p) for name, (p, _, _) in programs.items())
    runs = "\n".join(f"  run_{name}(in, {_frames(x)});" for name, (_, x, _) in programs.items())
    return f"#include <stdio.h>\n#include <stdlib.h>\n{heads}{_HEAD}{drivers}{_MAIN.format(runs=runs)}"


def _driver(name: str, p: Program) -> str:
    sides = {"in": [port.tensor for port in p.inputs], "out": list(dict.fromkeys(p.output_tensors()))}
    arrays = {f"{side}_{tensor}": p.types[tensor] for side, tensors in sides.items() for tensor in tensors}
    return _DRIVER.format(
        name=name,
        arrays="\n".join(
            f"  static {'' if t.signed else 'u'}int{8 * t.dtype.itemsize}_t {key}[{t.pixels * t.channels}];"
            for key, t in arrays.items()
        ),
        reads="\n".join(f"    get(in, in_{x}, sizeof *in_{x}, sizeof in_{x} / sizeof *in_{x});" for x in sides["in"]),
        writes="\n".join(f"    put(out_{x}, sizeof *out_{x}, sizeof out_{x} / sizeof *out_{x});" for x in sides["out"]),
        arguments=", ".join(arrays),
    )


def _frames(inputs: Tensors) -> int:
    return len(next(iter(inputs.values())))


def _entering(p: Program, inputs: Tensors) -> bytes:
    frames = range(_frames(inputs))
    return b"".join(_raw(p, port.tensor, inputs[port.tensor][frame]) for frame in frames for port in p.inputs)


def _raw(p: Program, tensor: str, values: IntArray) -> bytes:
    return values.astype(p.types[tensor].dtype).tobytes()


def _line(name: str, p: Program, tensor: str) -> str:
    type_ = p.types[tensor]
    return f"{name} {tensor} {type_.pixels * type_.channels} {type_.dtype.itemsize} {int(type_.signed)}"
