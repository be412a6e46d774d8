"""The C model: memory by lifetimes, bounds of 32 bits, roundings, names of all kinds, refusals, what the files hold."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_models import SANITISED, check_c, compiled, compiler
from cases import BORDERS, CASES
from hypothesis import given
from hypothesis import strategies as st
from nets import add, avgpool, conv, corners, dense, depthwise, gather, maxpool, mul, pad, program, rescale, tensor
from vector_net import NET

from hwq.arith import Requant, Rounding
from hwq.emit.cmodel import c_model, layout
from hwq.emit.cmodel.layout import Layout
from hwq.emit.cmodel.memory import Life, needed, place
from hwq.emit.cmodel.pieces import Pieces
from hwq.errors import BadInput
from hwq.ir.op import Op
from hwq.ir.order import steps_of
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.verify import tools

SAME = Window((3, 3), pads=(1, 1, 1, 1))


def _branches() -> Program:
    """Two branches of different length that join, a constant, an input that leaves too, and sixteen bits in between."""
    x, wide = tensor(4, 5, 3), tensor(4, 5, 3, bits=12)
    constant = next(op for op in CASES["const"]["rows"].ops if not op.inputs)
    constant = replace(constant, name="k", values=np.arange(60).reshape(4, 5, 3) - 30, bits=8, signed=True)
    ops = [
        conv(x, 3, SAME, name="c1", bits=12),
        rescale(wide, name="c2", source="c1", bits=12),
        mul(wide, wide, name="square", sources=("c2", "c2"), bits=12),
        add(wide, wide, name="sum", sources=("c1", "square"), bits=8),
        constant,
        add(x, x, name="moved", sources=("sum", "k")),
        maxpool(x, Window((2, 2), (2, 2)), name="pool", source="moved"),
        dense(tensor(2, 2, 3), 4, source="pool"),
    ]
    return program(ops, {"a": x}, ("y", "a", "moved"), samples=corners({"a": x}, 5))


BRANCHES = _branches()


@st.composite
def lives(draw: st.DrawFn) -> dict[str, Life]:
    found = {}
    for number in range(draw(st.integers(0, 12))):
        first = draw(st.integers(0, 8))
        found[f"t{number}"] = Life(draw(st.integers(1, 40)), first, first + draw(st.integers(0, 4)))
    return found


@given(lives())
def test_tensors_that_are_needed_at_once_lie_apart(found: dict[str, Life]) -> None:
    places = place(found)
    assert places.keys() == found.keys()
    for one in found:
        for other in found:
            if one < other and found[one].meets(found[other]):
                apart = (
                    places[one] + found[one].size <= places[other] or places[other] + found[other].size <= places[one]
                )
                assert apart, (one, other)
    at_once = [sum(life.size for life in found.values() if life.first <= step <= life.last) for step in range(14)]
    total = needed(found, places)
    assert max(at_once) <= total <= sum(life.size + 3 for life in found.values())
    assert all(start % 4 == 0 for start in places.values()) and total % 4 == 0


def test_a_chain_takes_two_tensors() -> None:
    chain = {f"t{step}": Life(100, step, step + 1) for step in range(9)}
    assert needed(chain, place(chain)) == 200 and needed({}, {}) == 0


def test_working_memory_of_branches() -> None:
    """Ports and constants take none; the largest sum of what is needed at once is reached."""
    made = Layout(BRANCHES)
    assert made.lives.keys() == {"c1", "c2", "square", "sum", "pool"}
    assert made.working_bytes == 3 * 120 and made.unit == 2


@pytest.mark.compiler
def test_networks_of_several_operations(tmp_path: Path) -> None:
    nets = {"borders": BORDERS, "branches": BRANCHES, "vectors": NET}
    check_c({name: (p, p.samples) for name, p in nets.items()}, tmp_path, "-O1", *SANITISED)


@pytest.mark.compiler
def test_more_channels_than_are_computed_together(tmp_path: Path) -> None:
    """Pools and depthwise layers take 16 at once: some more, some less, and a whole number of them."""
    programs = {}
    for channels in (15, 16, 37):
        x = tensor(4, 5, channels)
        ops = {"max": maxpool(x, SAME), "mean": avgpool(x, SAME, pad=3), "deep": depthwise(x, SAME, pad=-7)}
        for kind, op in ops.items():
            p = program([op], {"a": x}, samples=corners({"a": x}, 4))
            programs[f"{kind}{channels}"] = (p, p.samples)
    check_c(programs, tmp_path, "-O1", *SANITISED)


def _residual() -> Program:
    """Blocks whose sums have the same types and places: GCC 12.2 took such an addition for a pure function."""
    x, wide, source = tensor(1, 33, 8), tensor(1, 33, 8, bits=16), "x0"
    ops: list[Op] = [rescale(x, name="x0")]
    for number, result in enumerate(("x1", "y")):
        layer, total = f"c{number}", f"s{number}"
        ops.append(conv(x, 8, Window((1, 1)), name=layer, source=source))
        ops.append(add(x, x, name=total, sources=(source, layer), factors=(200 + number, 16), bits=16))
        ops.append(rescale(wide, name=result, source=total))
        source = result
    return program(ops, {"a": x}, samples=corners({"a": x}, 3))


@pytest.mark.compiler
@pytest.mark.parametrize("level", ["-O1", "-O2", "-O3", "-Os"])
def test_no_call_is_left_out(level: str, tmp_path: Path) -> None:
    p = _residual()
    check_c({"residual": (p, p.samples), "branches": (BRANCHES, BRANCHES.samples)}, tmp_path, level)
    check_c({"residual": (p, p.samples)}, tmp_path / "lto", level, "-flto")


_REQUANTISE = """
#include <stdio.h>
int main(void) {
  static const uint16_t factor[1] = {3};
  long long shift, rounding, acc;
  while (scanf("%lld %lld %lld", &shift, &rounding, &acc) == 3) {
    const requant q = {factor, 0, (int32_t)shift, (int32_t)rounding, -3, -30000, 30001};
    printf("%ld\\n", (long)requantise_WIDE((WIDE_T)acc, 0, &q));
  }
  return 0;
}
"""


@pytest.mark.compiler
@pytest.mark.parametrize("bits", [32, 64])
def test_requantise_over_its_whole_range(bits: int, tmp_path: Path) -> None:
    """Ties, both signs, every shift and rounding, up to the last value that the type holds."""
    pieces = Pieces()
    pieces.need("requantise", {"wide_t": f"s{bits}"})
    main = _REQUANTISE.replace("WIDE_T", f"int{bits}_t").replace("WIDE", f"s{bits}")
    (tmp_path / "main.c").write_text("#include <stdint.h>\n" + "".join(pieces.texts) + main)
    asked, wanted = [], []
    for rounding in Rounding:
        for shift in (0, 1, 2, 15, 29, *((31, 32, 40, 61) if bits == 64 else ())):
            most = ((1 << (bits - 1)) - 1 - (1 << shift) - 3) // 3
            near = np.arange(-40, 41)
            ties = near * ((1 << shift) // 2) if shift < 50 else near
            acc = np.unique(np.clip(np.concatenate([near, ties, [-most, most]]), -most, most))
            asked += [f"{shift} {int(rounding)} {value}" for value in acc]
            wanted += Requant((3,), shift, rounding, -3, -30_000, 30_001)(acc).tolist()
    compiled(["main.c"], tmp_path, *SANITISED)
    (tmp_path / "asked").write_text("\n".join(asked))
    finished = tools.run(["sh", "-c", "./model < asked"], cwd=tmp_path, timeout=60)
    assert [int(line) for line in finished.output.split()] == wanted


@pytest.mark.compiler
def test_accumulators_at_the_bound_of_32_bits(tmp_path: Path) -> None:
    """The largest sum that 32 bits take is reached, and is right; one more changes the type."""
    x, cases = tensor(1, 1, 2, bits=16), {}
    for bias, code in (((1 << 31) - 1 - (1 << 30), "s32"), (1 << 30, "s64")):
        op = replace(
            dense(x, 1, wbits=16, bits=16), weight=np.array([[[[-32_767, -1]]]]), bias=np.array([bias]), acc_bits=33,
            requant=Requant((1,), 16, Rounding.HALF_UP, 0, -32_768, 32_767),
        )  # fmt: skip
        p = program([op], {"a": x})
        (call,) = Layout(p).calls["y"]
        assert (call.types["acc_t"], call.types["wide_t"]) == (code, "s64")
        cases[f"bound_{code}"] = (p, {"a": np.array([[[[-32_768, -32_768]]], [[[32_767, 32_767]]]])})
    check_c(cases, tmp_path, *SANITISED)


def test_small_sums_stay_in_32_bits() -> None:
    """A shift alone needs no 64 bits; a multiplier of 16 bits does."""
    found = {
        scale: Layout(program([dense(tensor(1, 1, 8), 3, scale=scale)], {"a": tensor(1, 1, 8)})).calls["y"][0].types
        for scale in ("shift", "one")
    }
    assert {scale: types["wide_t"] for scale, types in found.items()} == {"shift": "s32", "one": "s64"}
    assert {types["acc_t"] for types in found.values()} == {"s32"}


def test_moves_with_steps_have_no_list() -> None:
    x = tensor(4, 6, 2)
    order = np.arange(48).reshape(4, 6, 2)
    for index, function in ((order[::2, ::-1], "walk"), (order[:, [0, 1, 3]], "gather")):
        p = program([gather(index)], {"a": x})
        (call,) = Layout(p).calls["y"]
        assert call.function == function and bool(Layout(p).constant_bytes["y"]) == (function == "gather")
    assert steps_of(np.array(7)) == steps_of(np.array([[7]]).reshape(())) and steps_of(np.array([[5, 5]])) is not None


NAMES = ["EOF", "linux", "errno", "uint8_t", "int32_t", "memory", "TRACE", "window", "requant", "dots", "FLOOR",
         "LANES", "memcpy", "INT8_MAX", "a_in", "y_out", "restrict1", "I", "unix", "stdint", "math"]  # fmt: skip
"""Tensors that mean something in C or in our own text; none of them is a word that `hwq.ir.names` keeps away."""


@pytest.mark.compiler
def test_names_that_mean_something_in_c(tmp_path: Path) -> None:
    """As tensors, all in one program, and as names of programs; GNU C has macros of its own."""
    x, ops, source = tensor(2, 2, 2), [], NAMES[0]
    for name in NAMES[1:]:
        ops.append(conv(x, 2, Window((1, 1)), name=name, source=source))
        source = name
    ops.append(add(x, x, name="a", sources=("a_in", "math")))
    p = program(ops, {NAMES[0]: x}, ("a", "math"), samples=corners({NAMES[0]: x}, 3))
    check_c({"words": (p, p.samples)}, tmp_path / "strict")
    check_c({"linux": (p, p.samples)}, tmp_path / "gnu", "-std=gnu11", *SANITISED)
    small = CASES["pad"]["border"]
    check_c(dict.fromkeys(NAMES, (small, small.samples)), tmp_path / "programs")


ATTACKS = [
    "*/ int x; /*",
    'a b"c\\',
    "??/",
    "??/\n",
    "line\nbreak\\",
    "größe 日本",
    "\ud800",
    "/* //",
    "int",
    "%s{x}{{y}}",
]


@pytest.mark.compiler
@pytest.mark.parametrize("name", ATTACKS, ids=range(len(ATTACKS)))
def test_names_of_ports_stay_in_comments(name: str, tmp_path: Path) -> None:
    p = CASES["pad"]["border"]
    hosted = replace(p.outputs[0], name=name, host_ops=(f"Softmax {name}",))
    attacked = replace(p, inputs=(replace(p.inputs[0], name=f"{name}1"),), outputs=(hosted,))
    check_c({"attacked": (attacked, p.samples)}, tmp_path)
    assert all(text.isascii() for text in c_model(attacked).files.values())


def test_names_of_programs_are_checked() -> None:
    p = CASES["pad"]["border"]
    assert set(c_model(p, "mine").files) == {"hwq_mine.c", "hwq_mine.h"} and set(c_model(p).files) == {
        "hwq_net.c", "hwq_net.h"
    }  # fmt: skip
    for name in ("int", "class", "", "a b", "9x", "a__b", "_x", "é", "x" * 49, "../x", "con", "hwq", "a\n"):
        with pytest.raises(BadInput, match=r"--name .*expected letters, digits"):
            c_model(p, name)


def test_memory_limit() -> None:
    """The exact size is enough; one byte less is refused with what is largest."""
    total = sum(Layout(BRANCHES).constant_bytes.values()) + 360
    made = c_model(BRANCHES, limit=total)
    assert (made.constant_bytes + made.working, made.working) == (total, 360)
    with pytest.raises(BadInput) as refusal:
        c_model(BRANCHES, limit=total - 1)
    assert str(refusal.value) == (
        f"net: takes {total} bytes of static memory ({total - 360} of constants, 360 to work in), expected at most "
        f"{total - 1}. The constants of c1 take {made.constants['c1']}, the largest tensor, c1, 120. Use fewer bits or "
        "smaller layers, or a larger --memory-limit."
    )
    with pytest.raises(BadInput, match=r"The constants of y take 0\. Use"):
        c_model(CASES["pad"]["border"], limit=-1)


def test_limit_unless_the_user_allows_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 MiB; nothing allows more than 32 bits count."""
    x, side = tensor(1, 1, 1), 1 << 13
    large, whole = pad((0, 0, side - 1, side - 1), source="r", name="g"), Window((side, side))
    ops = [rescale(x, name="r"), large, maxpool(tensor(side, side, 1), whole, source="g")]
    wide = program(ops, {"a": x})
    message = r"67,108,\d+ to work in\), expected at most 67,108,864\. .* tensor, g, 67,108,864"
    with pytest.raises(BadInput, match=message):
        c_model(wide)
    assert c_model(wide, limit=1 << 27).working > 1 << 26
    monkeypatch.setattr("hwq.emit.cmodel.model.MAX_BYTES", 1 << 25)
    with pytest.raises(BadInput, match="expected at most 33,554,432"):
        c_model(wide, limit=1 << 40)


def test_places_are_counted_in_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MAX_BYTES", 59)
    with pytest.raises(BadInput, match="a: has 60 elements, expected at most 59"):
        c_model(BRANCHES)


def test_what_the_files_hold() -> None:
    """Integers alone, two headers, no memory but static; sizes and types of the ports as macros."""
    made = c_model(NET, "vec")
    body, header = made.files["hwq_vec.c"], made.files["hwq_vec.h"]
    assert re.findall(r"#include (.*)", body) == ["<string.h>", '"hwq_vec.h"']
    assert re.findall(r"#include (.*)", header) == ["<stdint.h>"]
    assert not re.search(r"\b(float|double|malloc|calloc|free|long|unsigned|char|short)\b", body)
    macros = dict(re.findall(r"#define (HWQ_VEC_\w+) (.*)", header))
    assert macros["HWQ_VEC_WORKING_BYTES"] == f"{made.working}L"
    assert macros["HWQ_VEC_CONSTANT_BYTES"] == f"{made.constant_bytes}L"
    assert [macros[f"HWQ_VEC_{key}"] for key in ("A_ELEMENTS", "A_BITS", "R_SCALE", "R_ZERO_POINT", "Y_SCALE")] == [
        "32", "5", "0.1", "(7)", "1e-07"
    ]  # fmt: skip
    assert "void hwq_vec_run(const uint8_t *a_in, uint16_t *r_out, int16_t *y_out);" in header
    turned = 'In the model "turned", 5 x 4 x 4; its element [i0][i1][i2] is number i0 + 20 * i1 + 5 * i2.'
    assert turned in header and header.count("Output r:") == 1
    assert "typedef struct" in body and body.count("static void conv_") == 2 and "lstm" not in body
    again = c_model(NET, "vec")
    assert made == again


@pytest.mark.compiler
def test_without_a_trace_nothing_is_called(tmp_path: Path) -> None:
    """A C++ program links two models that need nothing of their user, and sees sizes and types."""
    for name, p in (("one", NET), ("two", BRANCHES)):
        for file, text in c_model(p, name).files.items():
            (tmp_path / file).write_text(text)
    (tmp_path / "main.cpp").write_text(
        '#include "hwq_one.h"\n#include "hwq_two.h"\n#include "hwq_one.h"\n#include <cstdio>\n'
        "static uint8_t a[HWQ_ONE_A_ELEMENTS]; static uint16_t r[HWQ_ONE_R_ELEMENTS];\n"
        "static int16_t y[HWQ_ONE_Y_ELEMENTS];\n"
        'int main() { hwq_one_run(a, r, y); std::printf("%d\\n", HWQ_ONE_R_ZERO_POINT - HWQ_ONE_R_ZERO_POINT); }\n'
    )
    objects = []
    for name in ("one", "two"):
        objects.append(f"{name}.o")
        compiled([f"hwq_{name}.c"], tmp_path, "-c", program=objects[-1])
    flags = ["-std=c++11", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    built = tools.run([compiler(), *flags, "main.cpp", *objects, "-o", "main"], cwd=tmp_path, timeout=60)
    assert built.returncode == 0 and not built.output, built.output
    assert tools.run([str(tmp_path / "main")], cwd=tmp_path, timeout=60).output == "0\n"


@pytest.mark.compiler
def test_a_header_of_another_program_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "hwq_x.c").write_text(c_model(NET, "x").files["hwq_x.c"])
    (tmp_path / "hwq_x.h").write_text(c_model(BRANCHES, "x").files["hwq_x.h"])
    command = [compiler(), "-x", "c", "-std=c99", "-c", "hwq_x.c", "-o", "x.o"]
    built = tools.run(command, cwd=tmp_path, timeout=60)
    assert built.returncode != 0 and "hwq_x.h is that of another program" in built.output
