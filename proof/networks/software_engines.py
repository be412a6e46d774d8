"""Engines that are software: fast executor, golden model, C, C++ for HLS and the native engine; many networks at once.

Each takes cases and a folder of its own, and returns what was not equal to the definition.  A program that does not
compile or that ends early is a failure of the whole batch: see `network_engines`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from c_models import SANITISED, c_differences
from network_case import FRAMES, Case, Troubles, by_name, first_difference

from hwq import golden
from hwq.arith import IntArray
from hwq.emit.hls.build import kernels, own_texts
from hwq.emit.hls.names import check_kernels
from hwq.emit.hls.native import MAIN, native_texts
from hwq.errors import CheckFailed
from hwq.hw.pack import stream_words
from hwq.hw.plan import Plan, make_plan
from hwq.hw.widest import widest
from hwq.sim import simulate_fast
from hwq.verify import tools

_RESULT = re.compile(r"HWQ_CASE (\S+)\n((?:(?!HWQ_CASE).*\n)*?)HWQ_RESULT (PASS|FAIL)")


def fast(cases: Sequence[Case], _: Path) -> dict[str, Troubles]:
    """The fast executor, every tensor."""
    return {"fast": _troubles(cases, lambda case: simulate_fast(case.program, case.inputs, keep_all=True))}


def golden_model(cases: Sequence[Case], _: Path) -> dict[str, Troubles]:
    """The golden model in onnxruntime, every tensor; with and without its optimisations in turn."""

    def run(case: Case) -> dict[str, IntArray]:
        optimise = bool(int(case.inputs[case.program.inputs[0].tensor].sum()) % 2)
        return golden.run(golden.write(case.program), case.inputs, keep_all=True, optimise=optimise)

    return {"golden": _troubles(cases, run)}


def c_model(cases: Sequence[Case], folder: Path) -> dict[str, Troubles]:
    """The C model with sanitisers, every tensor."""
    try:
        given = {case.name: (case.program, case.inputs, case.want) for case in cases}
        return {"c": c_differences(given, folder / "c", *SANITISED)}
    except AssertionError as error:
        raise CheckFailed(f"C: {error}") from None


def cpp(cases: Sequence[Case], folder: Path) -> dict[str, Troubles]:
    """The C++ of each plan as its testbench judges it ("hls"), and the native engine ("native"): every output."""
    texts = dict(kernels())
    main = ["#define HWQ_NO_MAIN 1"]
    calls = []
    wide = {}
    for case in cases:
        name, wide_name = case.name, f"{case.name}w"
        plan = _unshared(case.plan)
        check_kernels(plan)
        texts |= _apart(own_texts(plan), name)
        _vectors(folder / name, plan, case)
        plan = wide[name] = make_plan(replace(case.program, name=wide_name), widest(case.program))
        native = native_texts(plan)
        texts |= _apart({file: text for file, text in own_texts(plan).items() if "/tb_" not in file}, wide_name)
        texts[f"hls/run_{wide_name}.cpp"] = native[MAIN]
        for edge in plan.inputs:
            entering = case.inputs[edge.port.tensor].astype(plan.program.types[edge.port.tensor].dtype)
            entering.tofile(folder / name / f"{edge.prefix}.bin")
        main += [
            f'#include "hls/{name}.cpp"', f'#include "hls/tb_{name}.cpp"', f'#include "hls/{wide_name}.cpp"',
            f"namespace run_{wide_name} {{", "#define main entry", f'#include "hls/run_{wide_name}.cpp"',
            "#undef main", "}",
        ]  # fmt: skip
        calls += [
            f'  std::printf("HWQ_CASE {name}\\n");', f'  {name}__check({FRAMES}, "{name}");',
            f'  {{ char program[] = "run", frames[] = "{FRAMES}", folder[] = "{name}";',
            "    char* words[] = {program, frames, folder};",
            f"    if (run_{wide_name}::entry(3, words) != 0) return 3; }}",
        ]  # fmt: skip
    texts["main.cpp"] = "\n".join([*main, "int main() {", *calls, "  return 0;", "}", ""])
    for file, text in texts.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, "utf-8")
    clang = tools.find("clang++")
    compiler = clang if clang.usable else tools.require("g++")  # clang++ takes half the time
    command = [str(compiler.path), "-std=c++17", "-O0", "-isystem", "hls/native", "-Ihls", "main.cpp", "-o", "main"]
    compiled = tools.run(command, cwd=folder, timeout=900.0)
    if compiled.returncode != 0:
        raise CheckFailed(f"C++ does not compile:\n{compiled.output[:3000]}")
    done = tools.run(["./main"], cwd=folder, timeout=900.0)
    if done.returncode != 0:
        raise CheckFailed(f"C++ ended with exit code {done.returncode}:\n{done.output[-3000:]}")
    results = {match[1]: (match[3], match[2]) for match in _RESULT.finditer(done.output)}
    hls = {
        case.name: results.get(case.name, ("", done.output[-400:]))[1] or "FAIL"
        for case in cases
        if results.get(case.name, ("",))[0] != "PASS"
    }
    left = {case.name: _left(folder / case.name, case, wide[case.name]) for case in cases}
    native_troubles = {
        name: trouble
        for name, case in by_name(cases).items()
        if (trouble := first_difference(left[name], case, case.outputs()))
    }
    return {"hls": hls, "native": native_troubles}


def _troubles(cases: Sequence[Case], run: Callable[[Case], dict[str, IntArray]]) -> Troubles:
    found = {}
    for case in cases:
        if trouble := first_difference(run(case), case, case.inner()):
            found[case.name] = trouble
    return found


def _apart(texts: dict[str, str], name: str) -> dict[str, str]:
    """The files of a network with its memories in a folder of their own."""
    return {
        file.replace("rom/", f"rom/{name}/"): text.replace('"../rom/', f'"../rom/{name}/')
        for file, text in texts.items()
    }


def _unshared(plan: Plan) -> Plan:
    """`plan` with an engine for each layer: C++ has no shared ones."""
    folds = {name: replace(fold, engine="") for name, fold in plan.folds.items()}
    return make_plan(plan.program, folds) if folds != plan.folds else plan


def _vectors(folder: Path, plan: Plan, case: Case) -> None:
    folder.mkdir(parents=True)
    for edge in plan.inputs:
        words = stream_words(case.frames_of(edge.port.tensor, FRAMES), edge.lanes, edge.bits)
        (folder / f"{edge.port.tensor}.mem").write_text("\n".join(words) + "\n")
    for edge in plan.outputs:
        words = stream_words(case.frames_of(edge.port.tensor, FRAMES), edge.lanes, edge.bits)
        (folder / f"{edge.prefix}.mem").write_text("\n".join(words) + "\n")


def _left(folder: Path, case: Case, plan: Plan) -> dict[str, IntArray]:
    """What the native engine wrote; of a tensor that leaves twice, the copy that differs if there is one."""
    found: dict[str, IntArray] = {}
    for edge in plan.outputs:
        tensor, type_ = edge.port.tensor, plan.program.types[edge.port.tensor]
        got = np.fromfile(folder / f"{edge.prefix}.bin", type_.dtype).astype(np.int64)
        got = got.reshape(-1, *type_.shape)
        if tensor not in found or np.array_equal(found[tensor], case.want[tensor]):
            found[tensor] = got
    return found
