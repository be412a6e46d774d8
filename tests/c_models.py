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


def check_c(programs: Mapping[str, tuple[Program, dict[str, IntArray]]], folder: Path, *flags: str) -> None:
    """Compile programs, by name, with a driver; run all of their frames and compare every tensor with the definition.

    Traces and output arrays are compared, as are the order, number, width and sign of what is traced.
    """
    folder.mkdir(exist_ok=True)
    sources = ["main.c"]
    for name, (p, _) in programs.items():
        for file, text in c_model(p, name).files.items():
            (folder / file).write_text(text)
        sources.append(f"hwq_{name}.c")
    (folder / "main.c").write_text(_main({name: p for name, (p, _) in programs.items()}, programs))
    traced = [f"-DHWQ_{name.upper()}_TRACE" for name in programs]
    model = compiled(sources, folder, *traced, *flags)
    (folder / "in").write_bytes(b"".join(_entering(p, x) for p, x in programs.values()))
    finished = tools.run([str(model), "in", "out", "order"], cwd=folder, timeout=300)
    assert finished.returncode == 0 and not finished.output, finished.output[:5000]
    wanted, lines = b"", []
    for name, (p, inputs) in programs.items():
        values = simulate_plain(p, inputs, keep_all=True)
        for frame in range(_frames(inputs)):
            for tensor in (*(op.name for op in p.ops), *dict.fromkeys(p.output_tensors())):
                wanted += _raw(p, tensor, values[tensor][frame if len(values[tensor]) > 1 else 0])
            lines += [_line(name, p, op.name) for op in p.ops]
    assert (folder / "order").read_text().splitlines() == lines
    got = (folder / "out").read_bytes()
    assert len(got) == len(wanted)
    if got != wanted:
        raise AssertionError(_first_difference(programs, got))


def _main(programs: Mapping[str, Program], given: Mapping[str, tuple[Program, dict[str, IntArray]]]) -> str:
    heads = "".join(f'#include "hwq_{name}.h"\n' for name in programs)
    drivers = "".join(_driver(name, p) for name, p in programs.items())
    runs = "\n".join(f"  run_{name}(in, {_frames(x)});" for name, (_, x) in given.items())
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


def _frames(inputs: Mapping[str, IntArray]) -> int:
    return len(next(iter(inputs.values())))


def _entering(p: Program, inputs: Mapping[str, IntArray]) -> bytes:
    frames = range(_frames(inputs))
    return b"".join(_raw(p, port.tensor, inputs[port.tensor][frame]) for frame in frames for port in p.inputs)


def _raw(p: Program, tensor: str, values: IntArray) -> bytes:
    return values.astype(p.types[tensor].dtype).tobytes()


def _line(name: str, p: Program, tensor: str) -> str:
    type_ = p.types[tensor]
    return f"{name} {tensor} {type_.pixels * type_.channels} {type_.dtype.itemsize} {int(type_.signed)}"


def _first_difference(programs: Mapping[str, tuple[Program, dict[str, IntArray]]], got: bytes) -> str:
    start = 0
    for name, (p, inputs) in programs.items():
        values = simulate_plain(p, inputs, keep_all=True)
        for frame in range(_frames(inputs)):
            for tensor in (*(op.name for op in p.ops), *dict.fromkeys(p.output_tensors())):
                want = values[tensor][frame if len(values[tensor]) > 1 else 0].ravel()
                size = want.size * p.types[tensor].dtype.itemsize
                found = np.frombuffer(got[start : start + size], p.types[tensor].dtype)
                if not np.array_equal(found, want):
                    place = int(np.argmax(found != want))
                    return f"{name} {tensor} frame {frame} element {place}: got {found[place]}, want {want[place]}"
                start += size
    return "nothing differs"
