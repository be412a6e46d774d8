"""Scripts of `hwq synth` for a tiny network: they must not change unnoticed, and Tcl must be able to read them.

`make golden` writes them again; look at the difference before you commit it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from synth_nets import small_plan
from test_golden import WRITE

from hwq.emit.render import library
from hwq.hw.device import device
from hwq.synth.flow import EDITOR, Job, flow
from hwq.synth.liberty import Buffer
from hwq.version import __version__

HERE = Path(__file__).parent / "syn"
DEVICES = ("ice40up5k", "ecp5-25f", "gw2a-18", "zynq-7020", "zu3eg", "cyclone5-a6", "asic")
TCL = ("vivado.tcl", "package_ip.tcl", "quartus.tcl", "sta.tcl")
# Runs a script with commands of the vendor's tool recorded; those of Tcl run.
STUB = """
proc unknown {args} { lappend ::seen $args; return "" }
proc package {args} { lappend ::seen [list package {*}$args]; return "" }
if {[catch {source SCRIPT} message]} { puts "ERROR $message"; exit 1 }
foreach line $seen { puts [join [string map {"\n" " "} [join $line " "]] " "] }
"""


def scripts(name: str) -> dict[str, str]:
    sources = [f"rtl/{file}" for file in (*library("rtl"), "net.sv") if file.endswith(".sv")]
    chosen = device(name)
    made = flow(Job(small_plan(), chosen, chosen.clock, sources, buffer=Buffer("BUFX2", "A", "Y", 24.0))).scripts
    return {file: text.replace(f"hwq {__version__}", "hwq <version>") for file, text in made.items() if file != EDITOR}


@pytest.mark.parametrize("name", DEVICES)
def test_scripts(name: str) -> None:
    folder = HERE / name
    made = scripts(name)
    if WRITE:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file, text in made.items():
            (folder / file).write_text(text, "utf-8")
    assert folder.is_dir(), f"{folder} is missing: run `make golden`"
    assert made == {path.name: path.read_text("utf-8") for path in folder.iterdir()}


def test_no_folder_is_left_over() -> None:
    assert {path.name for path in HERE.iterdir()} == set(DEVICES)


@pytest.mark.parametrize("name", DEVICES)
def test_tcl_is_complete(name: str) -> None:
    """Braces and brackets of each command are closed, in the same line or over several."""
    for file, text in scripts(name).items():
        if file in TCL:
            bare = re.sub(r"\\.|#.*", "", text)
            assert bare.count("{") == bare.count("}") and bare.count("[") == bare.count("]"), file
            assert not re.search(r"\{\{|\}\}", text), file


@pytest.mark.skipif(not shutil.which("tclsh"), reason="no tclsh")
@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        ("zynq-7020", "vivado.tcl", "synth_design -top net -part xc7z020clg400-1 -mode out_of_context"),
        ("zynq-7020", "package_ip.tcl", "infer_bus_interface m_axis_tvalid m_axis_tready m_axis_tdata m_axis_tlast"),
        ("zu3eg", "vivado.tcl", "read_mem rom/conv_weight.mem"),
        ("cyclone5-a6", "quartus.tcl", "set_global_assignment -name SYSTEMVERILOG_FILE ../../../../rtl/net.sv"),
        ("asic", "sta.tcl", "create_clock -name clk -period 10"),
    ],
)  # fmt: skip
def test_tcl_runs(name: str, file: str, expected: str, tmp_path: Path) -> None:
    """Every command of a script is reached, in a folder like a build."""
    for part in ("rtl/net.sv", *(rom.file for rom in small_plan().net.roms)):
        (tmp_path / part).parent.mkdir(exist_ok=True)
        (tmp_path / part).write_text('rom #(.FILE("rom/conv_weight.mem")) u_rom ();\n')
    folder = tmp_path / "syn" / name
    folder.mkdir(parents=True)
    (folder / file).write_text(scripts(name)[file])
    stub = STUB.replace("SCRIPT", f"syn/{name}/{file}")
    done = subprocess.run(["tclsh"], input=stub, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert expected in done.stdout
    if file == "package_ip.tcl":
        copied = (folder / "ip_source" / "net.sv").read_text()
        assert copied == 'rom #(.FILE("conv_weight.mem")) u_rom ();\n'
        assert (folder / "ip_source" / "y_bias.mem").is_file()
