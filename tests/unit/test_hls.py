"""C++ of a plan: parameters, memories and names; networks whole, and tensors called like macros."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import fork_nets
import pytest
from builds import plan_with
from hls_builds import Compiler, run_batch
from nets import conv, program, rescale, tensor
from shared_nets import chain, shared

from hwq.api import Target, generate
from hwq.emit.hls import names
from hwq.emit.hls.build import generate_hls, hls_texts
from hwq.emit.hls.network import arrays
from hwq.emit.hls.roms import Field, Layout, rows
from hwq.emit.hls.streams import FIFOS, channels
from hwq.emit.render import library
from hwq.errors import BadInput
from hwq.hw.netlist import Instance, Rom
from hwq.hw.plan import Plan, make_plan
from hwq.hw.solve import for_multipliers
from hwq.ir.names import is_legal
from hwq.ir.program import Program
from hwq.ir.window import Window

SAME = Window((3, 3), pads=(1, 1, 1, 1))
OWN = {"TURNS", "COUNTS"}
"""Constants of kernels that are no parameters of modules, or of another form."""


def _plan(p: Program, multipliers: int = 8) -> Plan:
    return make_plan(p, for_multipliers(p, multipliers, sharing=False).folds)


def _kernels() -> list[str]:
    return [name for name, text in library("hls").items() if "_defaults" in text]


@pytest.mark.parametrize("header", _kernels())
def test_constants_are_the_parameters_of_the_module(header: str) -> None:
    """A kernel reads what the module of its name declares, under the same name."""
    module = library("rtl")[header.replace(".hpp", ".sv")]
    declared = set(re.findall(r"parameter\s+(?:\w+\s+)*?(?:\[[^\]]+\]\s*)?(\w+)\s*=", module))
    read = set(re.findall(r"\bP::(\w+)", library("hls")[header]))
    assert read - {"template"} <= declared | OWN


def test_each_kernel_cites_rules_that_exist() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "semantics.md").read_text()
    known = set(re.findall(r"\*\*Rule (\w+)", text))
    for name, kernel in library("hls").items():
        cited = {
            rule for group in re.findall(r"\(rules? ([A-Z]\d(?:, [A-Z]\d)*)\)", kernel) for rule in group.split(", ")
        }
        assert cited <= known, name


def test_words_are_those_of_the_memory_files() -> None:
    """Values, put together again, are the words that Verilog reads."""
    x = tensor(4, 4, 3)
    plan = _plan(program([conv(x, 5, SAME, scale="channel")], {"a": x}))
    found = arrays(plan)
    assert {array.rom.file for array in found} == {rom.file for rom in plan.net.roms}
    for array in found:
        for row, word in zip(_values(rows(array.rom, array.layout)), array.rom.words, strict=True):
            packed, place = 0, 0
            bits = [field.bits for field in array.layout.fields for _ in range(field.count)]
            for value, width in zip(row, bits, strict=True):
                packed |= (value & ((1 << width) - 1)) << place
                place += width
            assert packed == int(word, 16)


def _values(text: str) -> list[list[int]]:
    return [[int(value) for value in row.split(",")] for row in re.findall(r"\{([^}]*)\}", text)]


def test_fields_of_several_widths() -> None:
    layout = Layout((Field(3, True, 2), Field(4, False)))
    assert layout.lanes == 3 and layout.type == "hwq::Rom<4>"
    assert rows(Rom("rom/a.mem", 10, lambda: ["3fc", "07"]), layout) == "{-4, -1, 15}, {-1, 0, 0},\n"


def test_fifos_are_depths() -> None:
    plan = _plan(fork_nets.residual(6, 5, 3))
    fifos = [part for part in plan.net.parts if isinstance(part, Instance) and part.module in FIFOS]
    found = channels(plan)
    assert fifos
    for part in fifos:
        channel = found.of[part.streams("m_axis")[0].name]
        assert channel is found.of[part.streams("s_axis")[0].name] and channel.depth == part.params["DEPTH"]


def test_same_plan_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        generate_hls(_plan(fork_nets.residual(4, 4, 2)), tmp_path / name, 2)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path / "b") for path in (tmp_path / "b").rglob("*") if path.is_file())
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)
    assert not any(str(tmp_path) in text for text in hls_texts(_plan(fork_nets.residual(4, 4, 2)), 2).values())


@pytest.mark.compiler
def test_networks_of_forks_and_joins(tmp_path: Path) -> None:
    plans = {}
    nets = {f"block-{label}": net(4, 5, 3) for label, net in fork_nets.BLOCKS.items()}
    for label, p in (nets | {label: net() for label, net in fork_nets.NETS.items()}).items():
        plans[label] = _plan(replace(p, name=f"n{len(plans)}"), 2 + 5 * len(plans))
    assert run_batch(plans, tmp_path, Compiler(), fork_nets.SAMPLES) == {}


@pytest.mark.compiler
def test_tensors_called_like_macros(tmp_path: Path) -> None:
    """And like types, functions, namespaces and what the kernels themselves call things."""
    x = tensor(2, 3, 2)
    words = ("EOF", "errno", "stdout", "INT_MAX", "linux", "hls", "axis", "Stream", "P", "size_t", "unit", "NAN")
    made, source = [], "a"
    for word in words:
        made.append(rescale(x, name=word, source=source))
        source = word
    plan = plan_with(replace(program(made, {"a": x}, (source,)), name="n"), {word: {"lanes": 2} for word in words})
    assert run_batch({"macros": plan}, tmp_path, Compiler(), 3) == {}


@pytest.mark.parametrize("name", ["errno", "linux", "size_t", "EOF"])
def test_a_network_with_a_name_of_cpp(name: str, tmp_path: Path) -> None:
    x = tensor(1, 1, 2)
    plan = _plan(replace(program([rescale(x)], {"a": x}), name=name))
    with pytest.raises(BadInput, match=f"^{name}: the network has a name that C.. knows"):
        generate_hls(plan, tmp_path / "b", 1)
    assert not (tmp_path / "b").exists()


def test_refused_names_could_be_names() -> None:
    """Keywords of C++ and Verilog never reach this check."""
    assert all(is_legal(name) for name in names.TAKEN)


def test_an_operation_without_a_kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    x = tensor(3, 3, 2)
    kernels = {name: text for name, text in library("hls").items() if name != "hwq_mvau.hpp"}
    monkeypatch.setattr(names, "library", lambda folder: kernels)
    with pytest.raises(BadInput, match=r"^c: needs hwq_mvau, of which there is no kernel in C\+\+\."):
        generate_hls(_plan(program([conv(x, 2, SAME, name="c")], {"a": x}, ("c",))), tmp_path / "b", 1)
    assert list(tmp_path.iterdir()) == []


def test_arrays_of_several_layers(tmp_path: Path) -> None:
    """C++ has none: a folding file that asks for them is refused, and the solver does without them."""
    net = chain("conv", ("shift", "shift"))
    plan = plan_with(net, shared({"pe": 1, "simd": 1, "rq": 1, "window": "serial"}, "c0", "c1"))
    with pytest.raises(BadInput, match="c0: other layers share its array, which C\\+\\+ cannot express"):
        generate_hls(plan, tmp_path / "b", 1)
    assert not (tmp_path / "b").exists()
    assert generate(net, tmp_path / "b", Target(multipliers=3), frames=1, backend="hls").folds["c1"].multipliers
    with pytest.raises(BadInput, match="1 multipliers asked for, expected at least 2"):
        generate(net, tmp_path / "c", Target(multipliers=1), frames=1, backend="hls")
    assert generate(net, tmp_path / "c", Target(multipliers=1), frames=1).multipliers == 1


@pytest.mark.compiler
def test_directives(tmp_path: Path) -> None:
    """What Vitis HLS sees of the macros: each channel has its depth, each memory its shape."""
    plan = _plan(fork_nets.residual(6, 5, 3))
    generate_hls(plan, tmp_path / "b", 1)
    words = ["g++", "-std=c++17", "-E", "-D__SYNTHESIS__", "-Ihls", "-Ihls/native", f"hls/{plan.program.name}.cpp"]
    text = subprocess.run(words, cwd=tmp_path / "b", capture_output=True, text=True, check=True).stdout
    seen = [line.removeprefix("#pragma HLS ") for line in text.splitlines() if line.startswith("#pragma HLS")]
    for channel in channels(plan).unique:
        assert f"STREAM variable = {channel.variable} depth = {channel.depth}" in seen
    for array in arrays(plan):
        name = f"{plan.program.name}__{array.name}"
        assert f"BIND_STORAGE variable = {name} type = rom_1p impl = auto" in seen
        assert (f"ARRAY_RESHAPE variable = {name} complete dim = 2" in seen) == (array.layout.lanes > 1)
    assert {"DATAFLOW", "PIPELINE II = 1", "UNROLL", "INTERFACE axis port = s_axis"} <= set(seen)
    assert "INTERFACE s_axilite port = return" in seen


def test_every_loop_over_beats_is_pipelined() -> None:
    """Where a kernel reads or writes a stream in a loop, that loop has a directive."""
    for name, text in library("hls").items():
        if name in ("hwq_testbench.hpp", "hwq_types.hpp"):
            continue
        for place in re.finditer(r"\.(?:read|write)\(", text):
            inside = text[: place.start()].rpartition("\ntemplate <")[2]
            assert "HWQ_PIPELINE" in inside, f"{name}: {text[place.start() - 40 : place.end()]}"
