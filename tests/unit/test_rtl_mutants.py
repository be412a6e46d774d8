"""The mutation operators for SystemVerilog: what they change in a small module, and what they leave alone."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "proof" / "mutation" / "rtl"))
from operators import RTL, library, mutants
from verilog import read

SMALL = """\
// a - b in a comment
module hwq_small #(
    parameter int W = 8,
    localparam int N = W + 1
) (
    input  logic [W-1:0] a,
    output logic [N-1:0] y
);
  wire less = a <= y[2*W+:3] && !a[0];
  logic x1_q, x2_q;
  always_ff @(posedge clk)
    if (rst) x1_q <= 1'b0;
    else if (a > y) begin
      x1_q <= less ? $signed(a) : "a + b";
      x2_q <= x1_q;
    end
`ifndef SYNTHESIS
  initial if (W < 1) $fatal(1, "W=%0d", W + 1);
`endif
endmodule
"""


def _changes(text: str = SMALL) -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    for mutant in mutants("hwq_small", text):
        found.setdefault(mutant.operator, set()).add((mutant.old, mutant.new))
    return found


def test_what_is_mutated() -> None:
    found = _changes()
    assert found["operator"] == {
        ("+", "-"), ("<=", "<"), ("<=", ">"), ("*", "+"), ("&&", "||"), (">", ">="), (">", "<="),
    }  # fmt: skip
    assert found["operand"] == {("W +", ""), ("+ 1", ""), ("a <= y[2*W+:3] &&", ""), ("&& !a[0]", "")}
    assert found["unary"] == {("!", "")}
    assert found["choice"] == {("less", "1'b0"), ("less", "1'b1"), ("less", "!(less)")}
    assert found["condition"] >= {("rst", "1'b1"), ("a > y", "!(a > y)")} and len(found["condition"]) == 6
    assert {old for old, _ in found["assignment"]} == {
        "x1_q <= 1'b0", 'x1_q <= less ? $signed(a) : "a + b"', "x2_q <= x1_q",
    }  # fmt: skip
    assert found["sign"] == {("$signed", "")} and found["stage"] == {("x1_q", "x2_q")}
    assert {old for old, _ in found["else"]} == {SMALL[SMALL.index("else if") : SMALL.index("    end\n") + 7]}
    assert found["constant"] >= {("2", "3"), ("3", "2"), ("0", "1"), ("1'b0", "1'b1")}


def test_what_is_not() -> None:
    """Comments, strings, checks, ports and declared widths stay."""
    changed = {SMALL[: mutant.start].count("\n") + 1 for mutant in mutants("hwq_small", SMALL)}
    assert changed == {4, 9, 12, 13, 14, 15}


def test_an_assignment_is_no_comparison() -> None:
    source = read(SMALL)
    assigning = [source.tokens[at].line for at in sorted(source.assigns) if source.tokens[at].text == "<="]
    assert assigning == [12, 14, 15]


def test_the_library() -> None:
    """Every module has mutants, each with a key of its own, each another text of as many lines; again in that order."""
    every = library()
    assert all(len(found) >= 20 for found in every.values())
    keys = [mutant.key for found in every.values() for mutant in found]
    assert len(set(keys)) == len(keys) > 9000
    for module, found in every.items():
        text = (RTL / f"{module}.sv").read_text("utf-8")
        results = {mutant.applied(text) for mutant in found}
        assert text not in results and {result.count("\n") for result in results} == {text.count("\n")}
        assert [mutant.key for mutant in found] == sorted(mutant.key for mutant in found)
