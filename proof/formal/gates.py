"""Modules of the library beside what Yosys makes of them: with the same inputs the same outputs, for ever.

Both are in one graph; reset is high in the first cycle, all registers begin with 0. Then handshakes must be equal, and
data while it is valid. ABC merges what is equal in both (`scorr`) and proves the rest (`pdr`). Cells of a device are
those that Yosys simulates them by.
"""

from __future__ import annotations

import re
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import flow
from results import Result, kept

SYNTHESIS = {
    "synth": ("synth -flatten -noabc -top {top}", ""),
    "synth_ice40": ("synth_ice40 -dsp -top {top}", "+/ice40/cells_sim.v"),
    "synth_ecp5": ("synth_ecp5 -nodsp -top {top}", "+/ecp5/cells_sim.v"),
    "synth_xilinx": ("synth_xilinx -flatten -noiopad -noclkbuf -top {top}", "+/xilinx/cells_sim.v"),
}
"""Commands of Yosys, and the models of the cells that they leave."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A module with parameters. `data` is an output that counts only while the output `valid` is high.

    Without `valid` it counts once a pipeline of `latency` cycles is full. `xilinx`: after synth_xilinx too, which takes
    longest.
    """

    module: str
    params: str
    data: str = "m_axis_tdata"
    valid: str = "m_axis_tvalid"
    latency: int = 0
    quick: bool = False
    xilinx: bool = False


PAIRS = (
    Pair("hwq_fifo", "-set W 2 -set DEPTH 3", quick=True, xilinx=True),
    Pair("hwq_fifo_bram", "-set W 2 -set DEPTH 4", xilinx=True),
    Pair("hwq_fork", "-set W 2 -set N 2", valid="|m_axis_tvalid", xilinx=True),
    Pair("hwq_deal", "-set W 2 -set N 2 -set BEATS 2", data="", valid="1'b1"),
    Pair("hwq_dwc", "-set LANE_W 2 -set IN_N 1 -set OUT_N 2 -set CHANNELS 3"),
    Pair("hwq_dwc", "-set LANE_W 2 -set IN_N 2 -set OUT_N 1 -set CHANNELS 3"),
    Pair("hwq_folds", "-set SF 3 -set NF 2", data="", valid="1'b1"),
    Pair("hwq_loops", "-set N0 2 -set N1 3 -set N2 2", data="", valid="1'b1"),
    Pair("hwq_frame_out", "-set W 2 -set BEATS 3"),
    Pair("hwq_credit", "-set W 2 -set DEPTH 3"),
    Pair("hwq_extremum", "-set ACT_W 3"),
    Pair("hwq_mul", "-set A_W 3 -set B_W 3", data="p", valid="", latency=2),
    Pair("hwq_mul_logic", "-set A_W 3 -set B_W 3", data="p", valid="", latency=3),
    Pair("hwq_shift_add", "-set A_W 3 -set TERM_W 3 -set P_W 8", data="p", valid="", latency=3),
    Pair("hwq_addtree", "-set N 3 -set IN_W 3 -set OUT_W 5", data="sum", valid="", latency=2),
    Pair(
        "hwq_requant",
        "-set ACC_W 6 -set MUL_EN 0 -set SHIFT 2 -set ROUND 2 -set OUT_W 3 -set QMIN 32'hfffffffc -set QMAX 3",
        data="y",
        valid="valid_o",
        quick=True,
    ),
)

NOT_COMPARED = {("hwq_deal", "synth_ecp5")}
"""A register that reset sets begins with 1 in the model of an ECP5 flip-flop, and so differs before the first reset."""

WRAPPER = """{header}
  wire [$bits({data})-1:0] raw;
  {module} #({params}) u_dut ({ports});
  logic [3:0] age_q = '0;
  always_ff @(posedge clk) if (age_q != 4'd15) age_q <= age_q + 4'd1;
  assign {data} = ({valid}) ? raw : '0;
`ifdef GOLD
  always_comb if (age_q == '0) assume ({reset});
`endif
endmodule
"""
"""The module with data that is 0 while it does not count."""

SCRIPT = """read_verilog -formal -sv -defer -DGOLD -DSYNTHESIS {sources}
chparam {params} pair
hierarchy -check -top pair
proc
memory_dff
memory_collect
memory_map
flatten
opt_clean
rename -top gold
design -stash gold
read_verilog -sv -defer {sources}
chparam {params} pair
{synthesis}
{cells}
proc
flatten -wb
opt_clean
rename -top gate
design -stash gate
design -copy-from gold -as gold gold
design -copy-from gate -as gate gate
miter -equiv -flatten -make_assert gold gate miter
zinit -all miter
"""
AFTER_RESET = "chformal -assert -skip 1"
CELLS = """delete =A:blackbox =A:whitebox
read_verilog -overwrite -defer {cells}
hierarchy -check -top pair"""


def _wrapper(pair: Pair) -> str:
    """Verilog of a module with the ports and parameters of the pair's, around it."""
    text = (flow.RTL / f"{pair.module}.sv").read_text(encoding="utf-8")
    header = text[text.index(f"module {pair.module}") : text.index("\n);") + 3]
    params = re.findall(r"^ +parameter .*?(\w+) =", header, re.MULTILINE)
    ports = re.findall(r"^ +(?:input|output) .*?(\w+),? *(?://.*)?$", header, re.MULTILINE)
    data = pair.data or ports[-1]
    valid = pair.valid or f"age_q >= {pair.latency}"
    return WRAPPER.format(
        header=header.replace(f"module {pair.module}", "module pair"),
        module=pair.module,
        data=data,
        params=", ".join(f".{name}({name})" for name in params),
        ports=", ".join(f".{name}({'raw' if name == data else name})" for name in ports),
        valid=valid,
        reset="rst" if "rst" in ports else "1'b1",
    )


def compare(pair: Pair, synthesis: str) -> Result:
    """Synthesise a module and compare it with itself; or take the result from the cache."""
    path = flow.RTL / f"{pair.module}.sv"
    return kept(
        [path, *flow.needed(path)],
        {"synthesis": SYNTHESIS[synthesis], "script": SCRIPT + CELLS + WRAPPER, **asdict(pair)},
        lambda: _compare(pair, synthesis),
    )


def _compare(pair: Pair, synthesis: str) -> Result:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hwq-formal-") as scratch:
        folder = Path(scratch)
        wrapper = folder / "pair.sv"
        wrapper.write_text(_wrapper(pair), encoding="utf-8")
        names = ["pair.sv"]
        for path in flow.needed(wrapper):
            (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
            names.append(path.name)
        commands, cells = SYNTHESIS[synthesis]
        script = SCRIPT.format(
            sources=" ".join(names),
            params=pair.params,
            synthesis=commands.format(top="pair"),
            cells=CELLS.format(cells=cells) if cells else "",
        )
        flow.yosys(folder, "asserts", script + flow.LOWER.format(top="miter", goal=AFTER_RESET, name="asserts"))
        answer = flow.prove(folder, 300)
    return Result(answer.state, answer.detail, time.monotonic() - started, {})


def rows(only: str) -> tuple[list[str], bool]:
    """Compare the modules whose name contains a word; return the rows of the table, and whether all are equal."""
    made, good = [], True
    for pair in PAIRS:
        if only not in pair.module:
            continue
        said = []
        for name in SYNTHESIS:
            if (name == "synth_xilinx" and not pair.xilinx) or (pair.module, name) in NOT_COMPARED:
                said.append("-")
                continue
            result = compare(pair, name)
            good &= result.good
            said.append(f"{result.seconds:.1f}" if result.good else result.state)
            told = f"{pair.module} {pair.params}: {name}"
            print(f"{result.state:8} {result.seconds:6.1f} s  {told}  {result.detail}", flush=True)
        settings = pair.params.replace("-set ", "").replace("32'hfffffffc", "-4")
        made.append(f"| {pair.module} | {settings} | {' | '.join(said)} |")
    return made, good
