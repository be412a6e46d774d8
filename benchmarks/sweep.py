"""The parts that the cost model is fitted to: of every operation of the tests, and of larger layers at random."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from networks import ROOT, SHARED, digits, quantised
from parts import Part, parts_of, wrapped

from hwq.hw.adders_engine import adders_fold
from hwq.hw.fold import Fold, Multiplier
from hwq.hw.netlist import Instance, Stream
from hwq.hw.options import options
from hwq.hw.packing import multiplied
from hwq.hw.plan import Plan, make_plan
from hwq.hw.solve import for_multipliers
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.window import Window

sys.path.insert(0, str(ROOT / "tests"))
import nets
from builds import entries, plan_with
from cases import CASES

MOST = {"hwq_mvau": 30, "hwq_adders": 8, "hwq_swu_ser": 14, "hwq_swu_par": 12}
OTHERS = 8
"""Parts of the tests' cases of one module, at most."""
LAYERS, MORE = 16, 6
"""Layers at random, the second of them with larger arrays."""
LARGEST, LARGER = 24, 64
"""Multipliers of an array, at most: larger ones take Yosys minutes and say nothing new."""

SAME = Window((3, 3), pads=(1, 1, 1, 1))
WINDOWS = (SAME, Window((3, 3), (2, 2), pads=(1, 1, 1, 1)), Window((1, 1)), Window((5, 5), pads=(2, 2, 2, 2)))
SCALES = ("shift", "channel", "mantissa3", "mantissa2", "pow2", "one")


def sweep() -> list[Part]:
    """All of them."""
    found: dict[str, list[Part]] = {}
    for part in {part.text: part for part in tested()}.values():
        found.setdefault(module_of(part), []).append(part)
    chosen = []
    for module, parts in found.items():
        parts.sort(key=lambda part: hashlib.sha256(part.text.encode()).hexdigest())
        chosen += [part for part in parts if _size(part) <= LARGEST][: MOST.get(module, OTHERS)]
    for part in (*streams(), *layers(), *logic(), *graphs(), *demo()):
        chosen.append(part)
    return list({part.text: part for part in chosen if not _constant(part)}.values())


def _constant(part: Part) -> bool:
    """Whether the result of an extreme case is all but constant, and so most of the part vanishes."""
    params = part.part.params if isinstance(part.part, Instance) else {}
    return (params.get("MUL") == 0 and params.get("MUL_EN") == 1) or len(str(params.get("EPS", ""))) > 17


def _size(part: Part) -> int:
    params = part.part.params if isinstance(part.part, Instance) else {}
    """Multipliers of a part."""
    return int(params.get("PE", 1)) * int(params.get("SIMD", 1))


def module_of(part: Part) -> str:
    """The module of a part."""
    return part.part.module if isinstance(part.part, Instance) else "hwq_fork"


def tested() -> Iterator[Part]:
    """Of the cases of the conformance tests, in some of their foldings."""
    for cases in CASES.values():
        for program in cases.values():
            for entry in entries(program, program.ops[0])[:5]:
                yield from parts_of(_plan(program, entry))


def _plan(program: Program, entry: dict[str, object]) -> Plan:
    """The first operation under `entry`, the others as small as they can be."""
    if len(program.ops) == 1:
        return plan_with(program, {program.ops[0].name: entry})
    return make_plan(program, {op.name: options(program, op)[0].fold for op in program.ops})


def layers() -> Iterator[Part]:
    """Of layers with more channels, in any of their better foldings."""
    rng = np.random.default_rng(1)
    for number in range(LAYERS + MORE):
        program = _layer(number, rng)
        op = program.ops[0]
        found = [
            option.fold
            for option in options(program, op)
            if option.fold.multipliers <= (LARGEST if number < LAYERS else LARGER)
        ]
        for fold in {found[int(place)] for place in rng.integers(0, len(found), 2)}:
            yield from parts_of(make_plan(program, {op.name: fold}))
            if multiplied(op, program.first_type(op)):
                logic = replace(fold, multiplier=Multiplier.LOGIC)
                yield from parts_of(make_plan(program, {op.name: logic}))


def logic() -> Iterator[Part]:
    """Products from LUTs, of widths that no other layer has."""
    for bits, wbits in ((8, 3), (4, 5), (8, 6), (8, 7), (3, 9)):
        x = nets.tensor(8, 8, 6, bits=bits, signed=False)
        program = nets.program([nets.conv(x, 8, SAME, wbits=wbits)], {"a": x})
        for pe, simd in ((4, 3), (1, 2)):
            fold = Fold(simd, pe, pe, simd, multiplier=Multiplier.LOGIC)
            yield from parts_of(make_plan(program, {program.ops[0].name: fold}))


def graphs() -> Iterator[Part]:
    """Of layers that are adder graphs."""
    rng = np.random.default_rng(2)
    for channels, outputs, bits in ((8, 8, 8), (16, 12, 8), (24, 6, 4), (12, 24, 6), (32, 16, 8), (20, 20, 3)):
        x = nets.tensor(1, 1, channels, bits=bits, signed=bool(rng.integers(2)))
        op = nets.dense(x, outputs, wbits=bits, scale=("shift", "pow2")[int(rng.integers(2))])
        fold = adders_fold(op, x)
        assert fold
        yield from parts_of(make_plan(nets.program([op], {"a": x}), {op.name: fold}))


def demo() -> Iterator[Part]:
    """Of the digits demo and, where they are present, of two perceptrons: memories hold what training made of them."""
    network = digits()
    program = quantised("digits", network.model, network.calib)
    for multipliers in (16, 40, 96):
        yield from parts_of(make_plan(program, for_multipliers(program, multipliers).folds))
    for name in ("digits_mlp", "jet_mlp") if SHARED.is_dir() else ():
        calib = np.load(SHARED / "small" / f"{name}_data.npz")["x_calib"]
        program = quantised(name, SHARED / "small" / f"{name}.onnx", calib)
        plan = make_plan(program, for_multipliers(program, 64).folds)
        yield from (part for part in parts_of(plan) if module_of(part) == "hwq_mvau")


def _layer(number: int, rng: np.random.Generator) -> Program:
    size, channels, outputs = (int(rng.choice(values)) for values in ((8, 12, 16), (8, 16, 24, 32), (8, 12, 32, 64)))
    bits = int(rng.choice((8, 8, 8, 4)))
    x = nets.tensor(size, size, channels, bits=bits, signed=bool(rng.integers(2)))
    window, scale = WINDOWS[number % len(WINDOWS)], SCALES[int(rng.integers(len(SCALES)))]
    made: dict[int, Op] = {
        0: nets.conv(x, outputs, window, wbits=bits, scale=scale),
        1: nets.depthwise(x, SAME, wbits=bits, scale=scale),
        2: nets.conv(x, outputs, window, wbits=bits, scale=scale, relu=True, signed=False),
        3: nets.dense(nets.tensor(1, 1, channels * 8, bits=bits), outputs, wbits=bits, scale=scale),
    }  # fmt: skip
    op = made[number // 2 % 4]
    a = nets.tensor(1, 1, channels * 8, bits=bits) if number // 2 % 4 == 3 else x
    return nets.program([op], {"a": a})


def streams() -> Iterator[Part]:
    """FIFOs, converters and edges of many sizes."""
    for width, depth in ((4, 5), (16, 2), (16, 17), (16, 64), (64, 8), (200, 4), (64, 40)):
        yield _alone("hwq_fifo", width, width, W=width, DEPTH=depth)
    for width, depth in ((8, 65), (32, 200), (32, 700), (72, 130), (8, 2500)):
        yield _alone("hwq_fifo_bram", width, width, W=width, DEPTH=depth)
    for bits, narrow, wide, channels in ((8, 1, 8, 8), (8, 2, 16, 32), (4, 3, 12, 48), (8, 4, 32, 30), (16, 2, 6, 6)):
        for n, m in ((narrow, wide), (wide, narrow)):
            yield _alone("hwq_dwc", n * bits, m * bits, LANE_W=bits, IN_N=n, OUT_N=m, CHANNELS=channels)
    for beats in (10, 300, 5000):
        for width in (8, 24, 72):
            yield _alone("hwq_frame_in", width, width, W=width, BEATS=beats)
        yield _alone("hwq_frame_out", 8, 8, W=8, BEATS=beats)


def _alone(module: str, width_in: int, width_out: int, **params: int) -> Part:
    ports = {"s_axis": Stream("x", width_in), "m_axis": Stream("y", width_out)}
    return wrapped(Instance(module, "u", params, ports), {})
