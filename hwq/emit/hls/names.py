"""What C++ has no place for: names that are macros, and parts of a netlist without a kernel."""

from __future__ import annotations

from hwq.emit.hls.streams import FIFOS
from hwq.emit.render import library
from hwq.errors import BadInput, refuse_all
from hwq.hw.netlist import Instance
from hwq.hw.plan import Plan

_TAKEN = """
BUFSIZ EOF EXIT_FAILURE EXIT_SUCCESS FILE FILENAME_MAX FOPEN_MAX HUGE_VAL INFINITY INT_MAX INT_MIN LONG_MAX LONG_MIN
NAN RAND_MAX SEEK_CUR SEEK_END SEEK_SET SIZE_MAX TMP_MAX alloca div_t errno fpos_t i386 int16_t int32_t int64_t int8_t
intmax_t intptr_t ldiv_t linux max_align_t nullptr_t offsetof ptrdiff_t setjmp size_t stderr stdin stdout time_t
uint16_t uint32_t uint64_t uint8_t uintmax_t uintptr_t unix va_arg va_copy va_end va_start wint_t
"""
TAKEN = frozenset(_TAKEN.split())
"""Macros and types that stand beside the function of a network, which alone has a name of the model as it is."""


def check_kernels(plan: Plan) -> None:
    """Refuse operations whose hardware has a module without a kernel, and arrays that several layers share.

    In a dataflow region of C++ no process may feed itself, not even by way of another one.

    Raises
    ------
    BadInput
        With every such operation.
    """
    kernels = {name.removesuffix(".hpp") for name in library("hls")}
    missing = {
        (plan.layer_of(part.name), part.module)
        for part in plan.net.parts
        if isinstance(part, Instance) and part.module not in FIFOS and part.module not in kernels
    }
    shared = [
        plan.layer_of(part.name)
        for part in plan.net.parts
        if isinstance(part, Instance) and int(part.params.get("LAYERS", 1)) > 1
    ]
    refuse_all(
        [
            f"{layer}: other layers share its array, which C++ cannot express. Give each its own: leave `engine` "
            "out of the folding file."
            for layer in shared
        ]
    )
    refuse_all(
        [
            f"{layer}: needs {module}, of which there is no kernel in C++. Generate Verilog, or choose another folding."
            for layer, module in sorted(missing, key=str)
        ]
    )


def check_name(plan: Plan) -> None:
    """Refuse a network whose name is a macro or a type of C++.

    Tensors may have any name: keywords are none (`hwq.ir.names`), and in C++ all have something in front of them.

    Raises
    ------
    BadInput
        When it is.
    """
    name = plan.program.name
    if name in TAKEN:
        raise BadInput(
            f"{name}: the network has a name that C++ knows as something else, expected another. Rename the model's"
            " file and quantise it again, or generate Verilog."
        )
