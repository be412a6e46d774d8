"""RTL broken on purpose as the operators of proof/mutation do not: each mutant fails a case that the library passes.

Those operators' own mutants: `test_mutation.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from builds import DEEP, Entry, checked, impatient, plan_with
from cases import BIPOLAR, BORDERS, CASES, SAMPLES
from cases_binary import binary_behind_signs
from small_nets import constant_first, deep_rows, unlike_lanes

from hwq.errors import CheckFailed
from hwq.hw.plan import Plan
from hwq.ir.program import Program

QUICK = 5
"""Mutants of a quick run; all of them with HWQ_DEEP."""
PATIENCE = 4000


def _mac(pe: int, simd: int, rq: int, window: str = "serial") -> dict[str, Entry]:
    return {"y": {"pe": pe, "simd": simd, "rq": rq, "window": window}}


CONV, DEPTHWISE = CASES["conv"], CASES["depthwise"]
PROGRAMS: dict[str, tuple[Program, dict[str, Entry]]] = {
    "same": (CONV["same-half_up"], _mac(2, 2, 1)),
    "all": (CONV["same-half_up"], _mac(3, 2, 3)),
    "even": (CONV["ties-half_even-shift"], _mac(2, 1, 1)),
    "away": (CONV["ties-half_away-odd"], _mac(2, 3, 2)),
    "mantissa": (CONV["mantissa4"], _mac(2, 3, 1)),
    "tables": (CONV["codebook-channel"], _mac(4, 3, 1)),
    "powers": (CONV["powers2"], _mac(2, 3, 1)),
    "hold": (CONV["same-half_up"], _mac(2, 3, 2, "parallel")),
    "padded-parallel": (CONV["negative_zero"], _mac(4, 3, 4, "parallel")),
    "unsigned": (CONV["unsigned-relu"], _mac(2, 3, 1)),
    "wide": (CONV["16-bit"], _mac(5, 3, 1)),
    "dilated": (CONV["dilated"], _mac(2, 3, 1)),
    "graph": (CONV["same-half_up"], {"y": _mac(5, 3, 5, "parallel")["y"] | {"multiplier": "adders"}}),
    "wide-words": (CONV["same-half_up"], _mac(5, 3, 5)),
    "packed": (CONV["same-half_up"], {"y": _mac(3, 2, 3)["y"] | {"pack": 2}}),
    "logic": (CONV["unsigned-relu"], {"y": _mac(3, 2, 3)["y"] | {"multiplier": "logic"}}),
    "logic-wide": (CONV["16-bit"], {"y": _mac(3, 2, 3)["y"] | {"multiplier": "logic"}}),
    "depthwise": (DEPTHWISE["same"], _mac(2, 1, 1)),
    "logic-depthwise": (DEPTHWISE["same"], {"y": _mac(2, 1, 1)["y"] | {"multiplier": "logic"}}),
    "grouped": (CASES["groupconv"]["two"], _mac(1, 1, 1)),
    "matrix": (CASES["matmul"]["primes"], _mac(3, 3, 1)),
    "rows": (deep_rows(), _mac(1, 1, 1)),
    "border": (
        BORDERS,
        {"p0": {"lanes": 2}, "p1": {"lanes": 2}} | {name: _mac(1, 1, 1)["y"] for name in ("c0", "c1", "slow")},
    ),
    "prelu": (CASES["prelu"]["channel-floor"], {"y": {"lanes": 2}}),
    "line": (CASES["table"]["step3"], {"y": {"lanes": 2}}),
    "line-unsigned": (CASES["table"]["step3-unsigned"], {"y": {"lanes": 2}}),
    "shares": (CASES["softmax"]["pixels"], {"y": {"lanes": 2}}),
    "flat": (CASES["softmax"]["flat"], {"y": {"lanes": 2}}),
    "many": (CASES["softmax"]["many"], {"y": {"lanes": 5}}),
    "roots": (CASES["normalise"]["pixels"], {"y": {"lanes": 2}}),
    "mirrored": (CASES["gather"]["mirrored"], {"y": {"lanes": 3}}),
    "gather-padded": (CASES["gather"]["padded"], {"y": {"lanes": 1}}),
    "twice": (CASES["gather"]["row_twice"], {"y": {"lanes": 3}}),
    "lstm": (CASES["lstm"]["factors-channel"], {"y": {"pe": 2, "simd": 3}}),
    "gru": (CASES["gru"]["factors-channel"], {"y": {"pe": 2, "simd": 3}}),
    "blend": (CASES["lstm"]["2-bit"], {"y": {"pe": 1, "simd": 2}}),
    "rnn": (CASES["rnn"]["factors-channel"], {"y": {"pe": 2, "simd": 3}}),
    "up": (unlike_lanes(), {"r": {"lanes": 2}, "y": {"lanes": 6}}),
    "columns": (CASES["concat"]["columns"], {"y": {"lanes": 2}}),
    "constant-first": (constant_first(), {name: {"lanes": 2} for name in ("k", "t", "y")}),
    "turns": (CASES["concat"]["channels-again"], {"y": {"lanes": 1}}),
    "down": (unlike_lanes(), {"r": {"lanes": 6}, "y": {"lanes": 2}}),
    "sum": (CASES["add"]["half_up"], {"y": {"lanes": 5}}),
    "smaller": (CASES["extremum"]["min-signed"], {"y": {"lanes": 5}}),
    "product": (CASES["mul"]["zero_points-floor"], {"y": {"lanes": 2}}),
    "minimum": (CASES["extremum"]["min-signed"], {"y": {"lanes": 2}}),
    "topk": (CASES["topk"]["all"], {"y": {"lanes": 1}}),
    "bits": (binary_behind_signs(BIPOLAR, SAMPLES), {"s": {"lanes": 2}} | _mac(2, 2, 1)),
    "thresholds": (CASES["threshold"]["narrow"], {"y": {"lanes": 3}}),
    "threshold": (CASES["threshold"]["three"], {"y": {"lanes": 2}}),
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old`, which occurs once in the file of `module`, becomes `new`; the program called `killer` notices."""

    module: str
    old: str
    new: str
    killer: str


MUTANTS = [
    # Noticed only where the two inputs do not stall in the same cycles.
    Mutant("extremum", "a_axis_tvalid && b_axis_tvalid && room;", "a_axis_tvalid && room;", "smaller"),
    Mutant("add", "a_axis_tvalid && b_axis_tvalid && room;", "b_axis_tvalid && room;", "sum"),
    Mutant("adders", "fire_q <= fire && !rst;", "fire_q <= room && !rst;", "graph"),
    Mutant("adders", ".valid_i(valid[STAGES-1])", ".valid_i(valid[0])", "graph"),
    Mutant("requant", "wide[SHIFT] ? HALF : HALF - SUM_W'(1)", "HALF", "even"),
    Mutant("macs", "localparam int LANE = DEPTHWISE ? s * PE + p : s;", "localparam int LANE = s;", "depthwise"),
    Mutant("macs", "assign act = {1'b0, lane};", "assign act = {lane[ACT_W-1], lane};", "unsigned"),
    Mutant("macs", "(fold_q == FOLD_W'(NF - 1)) ? '0 :", "(fold_q == '0) ? '0 :", "same"),
    Mutant("macs", "(CHANNELS + RQ - 1) / RQ - (NF - 1) * GROUP;", "GROUP;", "same"),
    Mutant("mvau", "OUT_BEATS - (NF - 1) * GROUP;", "GROUP;", "same"),
    Mutant("folds", "(last_sf_q && last_nf) ? '0 : word_q", "last_sf_q ? '0 : word_q", "all"),
    Mutant("mvau", "act2_q <= act1_q;", "act2_q <= data;", "same"),
    Mutant("requant", "wide[SUM_W-1] ? HALF - SUM_W'(1) : HALF;", "HALF;", "away"),
    Mutant("requant", "else if (quot < LOW) y_q <= OUT_W'(QMIN);", "", "same"),
    Mutant("requant", "if (quot > HIGH) y_q <= OUT_W'(QMAX);", "if (quot > HIGH) y_q <= OUT_W'(quot);", "same"),
    Mutant("requant", "PROD_W'(p) <<< (PIECE_W * k);", "PROD_W'(p) <<< ((PIECE_W - 1) * k);", "wide"),
    Mutant("requant", "exponent2_q <= exponent1_q;", "exponent2_q <= word[M_W:MANT_W];", "mantissa"),
    Mutant("matmul", "assign b_axis_tready = !heads_q[1];", "assign b_axis_tready = 1'b1;", "matrix"),
    Mutant("matmul", "N + RQ - 1) / RQ - (NF - 1) * GROUP;", "PE + RQ - 1) / RQ;", "matrix"),
    Mutant("weights", "CHANNEL_TABLES ? i / SIMD : 0;", "0;", "tables"),
    Mutant("weights", "CHANNEL_TABLES ? WORD_W'(nf) : '0", "'0", "tables"),
    Mutant("shift_add", "minus_q <= -wide;", "minus_q <= ~wide;", "powers"),
    Mutant("shift_add", "(magnitude == '0) ? '0 : ", "", "powers"),
    Mutant("swu_ser", "localparam int STEP_4 = CF_N - BACK_KH;", "localparam int STEP_4 = -BACK_KH;", "depthwise"),
    Mutant("swu_ser", "localparam int STEP_4 = CF_N - BACK_KH;", "localparam int STEP_4 = 1 - BACK_KH;", "grouped"),
    Mutant("swu_ser", "BACK_KH + CF - CF_N;", "BACK_KH + CF - 1;", "grouped"),
    Mutant("swu_ser", "localparam int STEP_3 = -BACK_KH;", "localparam int STEP_3 = CF_N - BACK_KH;", "grouped"),
    Mutant("macs", "weights[((p+i)*SIMD+s)*CODE_W+:WGT_W]", "weights[(p*SIMD+s)*CODE_W+:WGT_W]", "packed"),
    Mutant("mul_logic", "minus_q <= -wide;", "minus_q <= ~wide;", "logic"),
    Mutant("mul_logic", "wire carry = inverted[2*m+1];", "wire carry = 1'b0;", "logic"),
    Mutant("mul_logic", "carry_q <= inverted[2*m];", "carry_q <= inverted[0];", "logic-wide"),
    Mutant("macs", "!LOGIC ? PACK : DEPTHWISE ? 1 : PE;", "!LOGIC ? PACK : PE;", "logic-depthwise"),
    Mutant("swu_ser", "read_word_q <= word_q;", "read_word_q <= mem[read_q];", "same"),
    Mutant("swu_ser", "out_q <= pad2_q ? PAD : read_word_q;", "out_q <= read_word_q;", "same"),
    Mutant("swu_ser", "(pad_q && !first3_q)", "pad_q", "border"),
    Mutant("swu_ser", "first2_q ? step - AHEAD_W'(FIRST) : step;", "step;", "rows"),
    Mutant("swu_ser", "assign s_axis_tready = fill_q[FILL_W-1];", "assign s_axis_tready = 1'b1;", "rows"),
    Mutant("swu_ser", "localparam int BACK_X = (KW - 1) * DW;", "localparam int BACK_X = KW - 1;", "dilated"),
    Mutant("rom", "data[i+:BITS] <= mem[addr_q][i+:BITS];", "data[i+:BITS] <= mem[addr_q][0+:BITS];", "wide-words"),
    Mutant("swu_par", "emit_q <= emit && !rst;", "emit_q <= shift && !rst;", "hold"),
    Mutant("swu_par", "shift_q <= shift && !rst;", "shift_q <= beat && !rst;", "padded-parallel"),
    Mutant("swu_par", "next_less = beyond_less;", "next_less = beyond_q;", "padded-parallel"),
    Mutant("swu_par", "? tap[kw] : PAD;", "? tap[kw] : '0;", "padded-parallel"),
    Mutant("swu_par", "(level == 3'd2) ? row_next : row_first;", "row_first;", "padded-parallel"),
    Mutant("prelu", "d[D_W-1] ? negative[l*FACTOR_W+:FACTOR_W] : ", "", "prelu"),
    Mutant("prelu", "(beat_q == BEAT_W'(BEATS - 1)) ? '0 : ", "", "prelu"),
    Mutant("interpolate", "entry4_q <= entry3_q;", "entry4_q <= word[ENTRY_W-1:0];", "line"),
    Mutant("interpolate", "IN_W'(IN_SIGNED) <<", "IN_W'(1) <<", "line-unsigned"),
    Mutant("dwc", "assign s_axis_tready = !full_q || m_axis_tready;", "assign s_axis_tready = 1'b1;", "up"),
    Mutant("concat", "beat_q <= last_beat ? '0 : beat_q + COUNT_W'(1);", "beat_q <= beat_q + COUNT_W'(1);", "columns"),
    Mutant("concat", "turn_q == TURN_W'(N - 1);", "turn_q == TURN_W'(1);", "turns"),
    Mutant("concat", "wire open = begun_q || s_axis_tvalid[START];", "wire open = 1'b1;", "constant-first"),
    Mutant("concat", "(ready && open) ? N'(1) << turn_q : '0;", "{N{ready && open}};", "turns"),
    Mutant("concat", "s_axis_tdata[turn_q*W+:W]", "s_axis_tdata[W-1:0]", "columns"),
    Mutant("recur", "zero_q || (last_sf && s >= LAST_LANES)", "last_sf && s >= LAST_LANES", "rnn"),
    Mutant("recur", "(ROWS1 > 0 && nf_q == NF_W'(NF0 - 1))", "1'b0", "gru"),
    Mutant("recur", "x2_q <= x1_q;", "x2_q <= {X_SIGNED && s_axis_tdata[X_W-1], s_axis_tdata};", "lstm"),
    Mutant("lstm", "y_first ? '0 : cells[y_unit];", "cells[y_unit];", "lstm"),
    Mutant("lstm", "{p_last, ", "{1'b0, ", "lstm"),
    Mutant("gru", "y_first ? '0 : states[y_unit];", "states[y_unit];", "gru"),
    Mutant("gru", "RESET_AFTER ? UNITY : (GATE_W + 1)'(value)", "UNITY", "gru"),
    Mutant("gru", ".c(UNITY - (GATE_W + 1)'(z))", ".c((GATE_W + 1)'(z))", "gru"),
    Mutant("blend", "(ACC_W'(cd) <<< SB)", "ACC_W'(cd)", "blend"),
    Mutant("dwc", "word_q <= word_q >> NARROW_W;", "word_q <= word_q >> LANE_W;", "down"),
    Mutant("product", "{B_SIGNED && b[B_W-1], b} - ", "{1'b0, b} - ", "product"),
    Mutant("extremum", "((a_wide > b_wide) == LARGEST)", "(a_wide > b_wide)", "minimum"),
    Mutant("extremum", "{ACT_SIGNED && b[ACT_W-1], b}", "{1'b0, b}", "minimum"),
    Mutant("topk", "first ? SMALLEST : ", "", "topk"),
    Mutant("topk", "assign s_axis_tready = room || !last_channel;", "assign s_axis_tready = 1'b1;", "topk"),
    Mutant("topk", "stays[k-1] ? index_q : index[k-1];", "index[k-1];", "topk"),
    Mutant("softmax", "(exp_last && l >= LIVE) ? '0 : e;", "e;", "flat"),
    Mutant("softmax", "(max_first_q || $signed(value[1]) > max_q)", "max_first_q", "shares"),
    Mutant("softmax", "(!recip_valid_q || (e_take && e_last));", "1'b1;", "many"),
    Mutant("normalise", "sum2_q <= sum1_q;", "sum2_q <= sum;", "roots"),
    Mutant("normalise", "square_first_q ? V_W'(EPS)", "square_first_q ? '0", "roots"),
    Mutant("softmax_exp", "(index < INDEX_W'(ENTRIES)) ? ADDR_W'(index) :", "", "shares"),
    Mutant("gather", "start_q <= in_ring(start_q, ADDR_W'(JUMP));", "start_q <= ADDR_W'(JUMP);", "mirrored"),
    Mutant("gather", "assign s_axis_tready = fill_q[COUNT_W-1];", "assign s_axis_tready = 1'b1;", "mirrored"),
    Mutant("gather", "release1_q <= last ? step", "release1_q <= first ? step", "mirrored"),
    Mutant("gather", "ahead_q <= COUNT_W'(SPARE);", "ahead_q <= COUNT_W'(2 * SPARE);", "twice"),
    Mutant("gather", "pad_q ? PAD : word_q;", "pad_q ? '0 : word_q;", "gather-padded"),
    Mutant("macs", "lane[0] ^ weight[0]", "!(lane[0] ^ weight[0])", "bits"),
    Mutant("macs", "(SIMD > 2) ? 1 : 3 - $clog2(SIMD);", "1;", "bits"),
    Mutant("threshold", "(beat_q == BEAT_W'(BEATS - 1)) ? '0 : ", "", "thresholds"),
    Mutant("threshold", "x2_q <= x1_q;", "x2_q <= s_axis_tdata;", "thresholds"),
    Mutant("threshold", "ACT_SIGNED ? T_W'($signed(lane)) : T_W'(lane);", "T_W'(lane);", "threshold"),
    Mutant("threshold", "OUT_W'(LOW) - OUT_W'(minus);", "-OUT_W'(minus);", "threshold"),
]


def _plan(name: str) -> Plan:
    p, folding = PROGRAMS[name]
    return plan_with(p, folding)


def _noticed(plan: Plan, folder: Path) -> bool:
    """Whether the build fails, stalled or not; compiling it must not."""
    for stall in (0.4, 0.0):
        try:
            if not checked(plan, folder, samples=SAMPLES, stall=stall).passed:
                return True
        except CheckFailed as error:
            assert "does not compile" not in str(error)
            return True
    return False


@pytest.mark.icarus
@pytest.mark.parametrize(
    "mutant", MUTANTS if DEEP else MUTANTS[:QUICK], ids=lambda m: f"{m.module}-{m.killer}-{m.new[:12]}"
)
def test_mutant_is_noticed(mutant: Mutant, tmp_path: Path) -> None:
    plan = _plan(mutant.killer)
    impatient(plan, tmp_path / "build", SAMPLES, PATIENCE)
    source = tmp_path / "build" / "rtl" / f"hwq_{mutant.module}.sv"
    text = source.read_text()
    assert text.count(mutant.old) == 1, "the line that the mutant breaks has changed"
    source.write_text(text.replace(mutant.old, mutant.new))
    assert _noticed(plan, tmp_path / "build")


@pytest.mark.icarus
@pytest.mark.parametrize("name", PROGRAMS if DEEP else ["same"])
def test_the_library_itself_passes(name: str, tmp_path: Path) -> None:
    plan = _plan(name)
    impatient(plan, tmp_path / "build", SAMPLES, PATIENCE)
    assert not _noticed(plan, tmp_path / "build")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.module}-{m.killer}-{m.new[:12]}")
def test_mutants_fit_the_library(mutant: Mutant) -> None:
    """Without a simulator: the broken line exists, and the killer uses the module."""
    library = Path(__file__).resolve().parents[2] / "templates" / "rtl"
    assert (library / f"hwq_{mutant.module}.sv").read_text().count(mutant.old) == 1
    assert mutant.killer in PROGRAMS
