"""Model text that some language would obey: in every name and note of a model, and nowhere else than as data."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
from c_models import STRICT
from e2e_models import CHANNELS, SIZE, normal, save_calib, save_model, tiny
from e2e_run import done, refused, run_hwq
from onnx.reference import ReferenceEvaluator

from hwq.verify import tools

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "proof" / "files"))

from wild import PAYLOADS, PWNED

TEXTS = [text.replace("\0", "") for text in PAYLOADS.values()]
"""Names with NUL are refused: see `test_names_that_no_file_can_hold`."""
NAMES = 6
GROUPS = range(0, len(TEXTS), NAMES)
NOTES = "\n".join(TEXTS)
BINARY = {".onnx", ".hwq", ".npz", ".npy"}
DEVICES = ("ecp5-25f", "ice40up5k", "zynq-7020", "cyclone5-a6", "gw1n-9")


def attack(first: int) -> onnx.ModelProto:
    """The tiny model with payloads from number `first` on as names, and all of them in every note."""
    made = tiny([f"{text} {place}" for place, text in enumerate((TEXTS * 2)[first : first + NAMES])])
    made.doc_string = made.producer_name = made.domain = made.graph.doc_string = made.graph.name = NOTES
    made.metadata_props.add(key=NOTES, value=NOTES)
    made.graph.input[0].doc_string = made.graph.input[0].type.tensor_type.shape.dim[0].dim_param = NOTES
    names = {}
    for place, tensor in enumerate(made.graph.initializer):
        names[tensor.name] = f"{(TEXTS * 2)[first + 3 * place]} w{place}"
        tensor.name, tensor.doc_string = names[tensor.name], NOTES
    for node in made.graph.node:
        node.doc_string = NOTES
        for place, name in enumerate(node.input):
            node.input[place] = names.get(name, name)
    return made


def shown(*words: object) -> str:
    """What a command prints, of which nothing steers the terminal."""
    run = run_hwq(*words)
    assert run.code == 0, run.err
    assert all(c.isprintable() or c == "\n" for c in run.out + run.err)
    return run.out


@pytest.fixture(scope="module", params=GROUPS)
def outputs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All that hwq writes of a model, in one folder, which also is the working directory."""
    folder = tmp_path_factory.mktemp("payloads")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        name = re.sub(r"[/\0]", "_", TEXTS[request.param])[:200]
        model = save_model(folder, attack(request.param), f"{name}.onnx")
        calib, net = save_calib(folder, x=normal(8, CHANNELS, SIZE, SIZE)), folder / "n.hwq"
        shown("inspect", model)
        shown("quantize", model, "--calib", calib, "-o", net, "--effort", "fast", "--write-config", folder / "c.toml")
        shown("inspect", net)
        shown("inspect", net, "--exactness")
        shown("generate", net, "-o", folder / "verilog", "--frames", 1, "--multipliers", 16)
        shown("generate", net, "-o", folder / "adders", "--frames", 1, "--multipliers", 0)
        shown("generate", net, "-o", folder / "hls", "--frames", 1, "--backend", "hls")
        for form in ("onnx", "qdq", "qonnx"):
            shown("export", net, "--format", form, "-o", folder / f"{form}.onnx")
        shown("export", net, "--format", "c", "-o", folder / "c")
        shown("simulate", net, calib, "-o", folder / "out.npz")
        shown("vectors", net, "-o", folder / "vectors", "--frames", 1)
        shown("report", folder / "verilog", "--weights", "--device", "zynq-7020")
        shown("diff", model, net, calib, "--plot", folder / "plot.svg")
        shown("diff", folder / "vectors", net)
        shown("analyze", model, "--calib", calib, "--effort", "fast")
        for device in DEVICES:
            shown("synth", folder / "verilog", "--device", device, "--only-scripts")
        (folder / "cells.lib").write_text(
            'library ("x") { cell (BUF) { area : 1; pin(A) { direction : input; } pin(Y) { direction : output; '
            'function : "A"; } } cell (D) { area : 2; ff (Q, QN) { } } }'
        )
        shown("synth", folder / "verilog", "--device", "asic", "--liberty", folder / "cells.lib", "--only-scripts")
        yield folder
        assert not [path for path in folder.rglob("*") if path.name == PWNED]


def texts(folder: Path) -> dict[Path, str]:
    return {
        path: path.read_text("utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in BINARY
    }


def test_no_text_reaches_a_file_as_it_stands(outputs: Path) -> None:
    """JSON, SVG and the comments of C hold names, each as its language writes them; no other file does."""
    found = texts(outputs)
    assert len(found) > 200
    for path, text in found.items():
        assert all(c.isprintable() or c in "\n\t" for c in text), path
        if path.suffix == ".json":
            assert json.loads(text)
        elif path.suffix == ".svg":
            tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text).iter()}
            assert not tags & {"script", "a", "foreignObject", "iframe"}
            assert not re.search(r"<!ENTITY|\bon\w+=", text)
        else:
            if path.suffix in (".c", ".h") and "hls" not in path.parts:
                text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
            held = [name for name, payload in PAYLOADS.items() if payload in text]
            lines = {line.strip() for payload in TEXTS for line in payload.splitlines() if PWNED in line}
            assert held == [] and not lines & {line.strip() for line in text.splitlines()}, (path, held)


def test_scripts_and_makefiles_do_nothing_of_their_own(outputs: Path) -> None:
    for build in ("verilog", "adders", "hls"):
        ran = tools.run(["make", "-n"], cwd=outputs / build, timeout=60)
        assert PWNED.lower() not in re.sub(r"\w*pwned\w*\.\w+|test_\w+|tb_\w+|V?\w+_pwned\w*", "", ran.output.lower())
    for script in outputs.glob("verilog/syn/*/run.sh"):
        assert tools.run(["bash", "-n", str(script)], cwd=outputs, timeout=60).returncode == 0
    for script in outputs.glob("*/tb/*.py"):
        ast.parse(script.read_text("utf-8"))
    if shell := shutil.which("tclsh"):
        for script in outputs.glob("verilog/syn/*/*.tcl"):
            (outputs / "complete.tcl").write_text("puts [info complete [read [open [lindex $argv 0]]]]\n")
            ran = tools.run([shell, "complete.tcl", str(script)], cwd=outputs, timeout=60)
            assert ran.output.strip() == "1", script


def test_exported_models_are_valid_and_keep_the_names(outputs: Path) -> None:
    model = next(path for path in outputs.glob("*.onnx") if path.name not in ("onnx.onnx", "qdq.onnx", "qonnx.onnx"))
    wanted = [item.name for item in onnx.load(model).graph.output]
    for name in ("onnx", "qdq"):
        made = onnx.load(outputs / f"{name}.onnx")
        assert [item.name for item in made.graph.output] == wanted
    ReferenceEvaluator(onnx.load(outputs / "onnx.onnx"))
    with np.load(outputs / "out.npz", allow_pickle=False) as arrays:
        assert {wanted[0], f"{wanted[0]}.int"} <= set(arrays.files)


@pytest.mark.verilator
def test_verilog_is_lint_free(outputs: Path) -> None:
    verilator = str(tools.require("verilator").path)
    for build in ("verilog", "adders"):
        (top,) = (path.stem.removeprefix("tb_") for path in (outputs / build / "tb").glob("tb_*.sv"))
        sources = [str(path) for path in sorted((outputs / build / "rtl").glob("*.sv"))]
        flags = ["--lint-only", "-Wall", "--timing", "--top-module", top, "rtl/hwq_lint.vlt"]
        ran = tools.run([verilator, *flags, *sources], cwd=outputs / build, timeout=120)
        assert ran.returncode == 0 and "%Warning" not in ran.output, ran.output


@pytest.mark.icarus
def test_icarus_finds_every_result_right(outputs: Path) -> None:
    assert done("verify", outputs / "verilog", "--sim", "icarus", "-n", 2, "--json").json["passed"]


@pytest.mark.compiler
def test_c_compiles_with_trigraphs(outputs: Path) -> None:
    compiler = str(tools.require("g++").path).removesuffix("g++") + "gcc"
    (source,) = (outputs / "c").glob("*.c")
    flags = [flag for flag in STRICT if not flag.startswith("-std")]
    for standard in (["-std=c99"], ["-std=c11", "-trigraphs"]):
        ran = tools.run([compiler, *standard, *flags, "-fsyntax-only", str(source)], cwd=outputs, timeout=120)
        assert ran.returncode == 0 and not ran.output.strip(), ran.output


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "é" * 2500])
@pytest.mark.parametrize("place", [0, 5])
def test_names_that_no_file_can_hold(name: str, place: int, tmp_path: Path) -> None:
    names = ["x", "conv", "relu", "pool", "flat", "y"]
    names[place] = name
    message = refused(2, "inspect", save_model(tmp_path, tiny(names)))
    told = "a name of 5000 characters" if len(name) == 5000 else "is no name that files can hold"
    assert told in message and len(message) < 300


def test_a_file_of_a_build_whose_name_is_a_command(tmp_path: Path, tiny_net: Path) -> None:
    """Yosys runs what follows an exclamation mark, and a shell what stands in a name: no script names such files."""
    done("generate", tiny_net, "-o", tmp_path / "b", "--frames", 1)
    for name in ("a;!touch PWNED;.sv", "$(touch PWNED).sv", "-x.sv", "a b.sv", "a\n.sv"):
        odd = tmp_path / "b" / "rtl" / name
        odd.write_text("")
        for words in (["synth", "--device", "ecp5-25f", "--only-scripts"], ["verify", "--sim", "icarus"]):
            run = run_hwq(words[0], tmp_path / "b", *words[1:])
            assert run.code == 2 and "hwq gives no file such a name" in run.err, run
        odd.unlink()
    assert PWNED not in os.listdir(tmp_path)
