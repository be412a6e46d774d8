"""Names that are legal wherever a tensor is named: SystemVerilog, C++, file names and the text dump."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

MAX_LENGTH = 48
"""Characters of the longest name that `sanitize` returns."""

MAX_PORTABLE = 4096
"""Bytes of the longest name that an input or output of a model may have; no name in a file is longer."""
NOT_PORTABLE = f"is no name that files can hold, expected at most {MAX_PORTABLE} bytes of text without NUL. Rename it"

_VERILOG = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before begin bind
bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config
const constraint context continue cover covergroup coverpoint cross deassign default defparam design disable
dist do edge else end endcase endchecker endclass endclocking endconfig endfunction endgenerate endgroup
endinterface endmodule endpackage endprimitive endprogram endproperty endsequence endspecify endtable endtask
enum event eventually expect export extends extern final first_match for force foreach forever fork forkjoin
function generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import
incdir include initial inout input inside instance int integer interconnect interface intersect join join_any
join_none large let liblist library local localparam logic longint macromodule matches medium modport module
nand negedge nettype new nexttime nmos nor noshowcancelled not notif0 notif1 null or output package packed
parameter pmos posedge primitive priority program property protected pull0 pull1 pulldown pullup
pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime ref reg
reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually s_nexttime
s_until s_until_with scalared sequence shortint shortreal showcancelled signed small soft solve specify
specparam static string strong strong0 strong1 struct super supply0 supply1 sync_accept_on sync_reject_on
table tagged task this throughout time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior
trireg type typedef union unique unique0 unsigned until until_with untyped use uwire var vectored virtual void
wait wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""

_CPP = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class
co_await co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype
default delete do double dynamic_cast else enum explicit export extern false final float for friend goto if
inline int long main mutable namespace new noexcept not not_eq nullptr operator or or_eq override private
protected public register reinterpret_cast requires return short signed sizeof static static_assert
static_cast std struct switch template this thread_local throw true try typedef typeid typename union unsigned
using virtual void volatile wchar_t while xor xor_eq
"""

_FILES = "aux con nul prn " + " ".join(f"{device}{n}" for device in ("com", "lpt") for n in range(10))
_HWQ = "array clk frame_error op rst value"

RESERVED = frozenset(f"{_VERILOG} {_CPP} {_FILES} {_HWQ}".split())
"""Words that no tensor may be called, whatever their case."""

PREFIXES = ("s_axis", "m_axis", "hwq", "tb_")
"""Beginnings of the names of ports, library modules and testbenches."""


def is_legal(name: str) -> bool:
    """True for a name that `sanitize` would leave as it is; hwq's own names have a double underscore."""
    return sanitize(name, ()) == name


def is_portable(name: str) -> bool:
    r"""True for a name of an input or output that archives and ONNX files can hold.

    Examples
    --------
    >>> is_portable("größe/0"), is_portable("a\0b"), is_portable("\ud800"), is_portable("x" * 5000)
    (True, False, False, False)
    """
    try:
        return "\0" not in name and len(name.encode()) <= MAX_PORTABLE
    except UnicodeEncodeError:
        return False


def sanitize(name: str, taken: Collection[str]) -> str:
    """Turn any text into a legal name that differs, whatever the case, from every name in `taken`.

    Parameters
    ----------
    name
        Any text, for example the name of an ONNX tensor.
    taken
        Names that are in use.

    Returns
    -------
    str
        ASCII letters, digits and single underscores, a letter first, at most `MAX_LENGTH` characters, no
        keyword of SystemVerilog or C++ and no reserved file name. It depends on the arguments alone.

    Examples
    --------
    >>> sanitize("/encoder/conv.1/Conv_output_0", ())
    'encoder_conv_1_Conv_output_0'
    >>> sanitize("95", ()), sanitize("wire", ()), sanitize("été", ())
    ('t95', 't_wire', 't')
    >>> sanitize("a b", ["A_B"])
    'a_b_2'
    """
    base = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    if not base or not base[0].isalpha():
        base = "t" + base
    if base.lower() in RESERVED or base.lower().startswith(PREFIXES):
        base = "t_" + base
    if len(base) > MAX_LENGTH:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        base = f"{base[: MAX_LENGTH - 9].rstrip('_')}_{digest}"
    used = {other.lower() for other in taken}
    result, number = base, 1
    while result.lower() in used:
        number += 1
        suffix = f"_{number}"
        result = base[: MAX_LENGTH - len(suffix)].rstrip("_") + suffix
    return result
