"""Which proofs there are: harness, parameters, method; and the mutants that each harness has to notice.

`induction` holds for ever: ABC finds an invariant. `pipe` does too: registers of a pipeline without feedback begin with
any value, so a check after its latency is one after any past; `cycles` covers the latency. `bounded` looks at all
behaviour of `cycles` cycles from reset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flow import Change


@dataclass(frozen=True, slots=True)
class Proof:
    """A harness with parameters. `cycles` also bounds the way to the places that it covers."""

    harness: str
    params: Mapping[str, int | str]
    method: str = "induction"
    cycles: int = 20
    quick: bool = False

    @property
    def settings(self) -> str:
        """The parameters as text."""
        return " ".join(f"{name}={value}" for name, value in self.params.items())

    @property
    def label(self) -> str:
        """Harness and parameters as text."""
        return f"{self.harness} {self.settings}".strip()


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of the library that the proof has to notice within its cycles."""

    proof: Proof
    change: Change

    @property
    def label(self) -> str:
        """Harness and change as text."""
        return f"{self.proof.label}: {self.change.old.strip()} -> {self.change.new.strip()}"


def _words(width: int, *fields: tuple[int, ...]) -> tuple[str, ...]:
    """Words of a memory file: the fields of each, the lowest first, of `width` bits."""
    mask = (1 << width) - 1
    return tuple(f"{sum((value & mask) << (width * i) for i, value in enumerate(word)):x}" for word in fields)


def _recurrent(rows: int, words: int) -> dict[str, tuple[str, ...]]:
    """Memory files of a recurrent layer of one unit."""
    weights, biases = ("1", "2", "3", "1"), ("01", "fe", "02", "ff")
    return {
        "weights.mem": weights[:rows],
        "biases.mem": biases[:rows],
        "rows.mem": ("3",) * rows,
        "curve.mem": tuple(f"{5 * i % 8:x}" for i in range(words)),
        "tanh.mem": tuple("45670123"),
    }


FILES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "const": {"const.mem": ("5", "2", "3")},
    "pattern": {"step.mem": ("6", "1"), "beat.mem": ("2", "5", "3")},
    "crop": {"step.mem": ("1", "0"), "beat.mem": ("0", "1", "1")},
    # Steps {release, take, pad, A}: the first one reads beats 2 and 3, the second one 0 and 1, each then the border.
    "gather": {"step.mem": ("42", "200"), "beat.mem": ("0", "1", "8")},
    "threshold": {"threshold.mem": _words(4, (-3, 0, 2), (-5, 1, 1))},
    "prelu": {"prelu.mem": ("e", "1", "9")},
    "table": {"table.mem": tuple(f"{(d & 63) << 5 | e & 31:x}" for e, d in ((-7, 10), (3, -5), (-2, 13), (11, -4)))},
    "mvau": {
        "weights.mem": _words(2, (1, -2), (-1, 1), (-2, 0), (1, 0)),
        "biases.mem": _words(6, (1, -3), (2, 0)),
    },
    "softmax": {"exps.mem": ("ffff", "8000", "4000", "2000")},
    "normalise": {"factors.mem": ("ffff", "e000", "c000", "a000", "9000", "8000")},
    "rnn": _recurrent(1, 8),
    "lstm": _recurrent(4, 16),
    "gru": _recurrent(3, 16),
}
"""Memory files of a harness."""

Params = Mapping[str, int | str]


def _inductive(harness: str, *sets: Params, cycles: int = 20, quick: bool = True) -> list[Proof]:
    return [Proof(harness, params, "induction", cycles, quick and i == 0) for i, params in enumerate(sets or ({},))]


def _pipes(harness: str, latency: int, *sets: Params, quick: bool = True) -> list[Proof]:
    return [Proof(harness, params, "pipe", latency + 2, quick and i == 0) for i, params in enumerate(sets or ({},))]


def _bounded(harness: str, cycles: int, *sets: Params) -> list[Proof]:
    return [Proof(harness, params, "bounded", cycles) for params in sets or ({},)]


PROOFS: tuple[Proof, ...] = (
    *_inductive("fifo", {"DEPTH": 3}, {"DEPTH": 1}, {"DEPTH": 2}, {"DEPTH": 5}),
    *_bounded("fifo", 24, {"DEPTH": 8}),
    *_inductive("fifo_bram", {"DEPTH": 3}, {"DEPTH": 4}),
    *_inductive("credit", {"DEPTH": 4}, {"DEPTH": 5, "GROUP": 2}, {"DEPTH": 6, "GROUP": 2, "LATE": 1}),
    *_inductive("fork", {"N": 2, "W": 2}, {"N": 3}),
    *_inductive("deal", {"N": 3, "BEATS": 2}, {"N": 2, "BEATS": 1}),
    *_inductive("folds", {"SF": 3, "NF": 2}, {"SF": 1, "NF": 3}),
    *_inductive("share", {"SF": 2, "NF": 2, "GROUP": 2}, {"LAYERS": 3, "SF": 1, "GROUP": 1}),
    *_inductive(
        "dwc",
        {"IN_N": 1, "OUT_N": 2, "CHANNELS": 3},
        {"IN_N": 2, "OUT_N": 4, "CHANNELS": 7},
        {"IN_N": 3, "OUT_N": 1, "CHANNELS": 5},
        {"IN_N": 2, "OUT_N": 3, "CHANNELS": 2},
    ),
    *_inductive("delay", *({"N": n} for n in (3, 1, 2, 4, 5))),
    *_inductive("loops", {"N0": 1, "N2": 2, "N3": 2, "N6": 1}, {"N0": 2, "N2": 3, "N6": 3}, cycles=40),
    *_inductive("concat", {"COUNT0": 2, "COUNT1": 1, "ROUNDS": 2}, {"COUNT0": 1, "COUNT1": 2, "START": 1}),
    *_inductive("const", quick=False),
    *_inductive("pattern"),
    *_inductive("crop", quick=False),
    *_bounded("gather", 18),
    *_inductive("frame_in", {"BEATS": 3}, {"BEATS": 1}),
    *_inductive("frame_out"),
    # Two places in the FIFO keep the induction small; the depth that networks have is looked at for some cycles.
    *_inductive("extremum", {"LARGEST": 1}, {"LARGEST": 0, "A_SIGNED": 0}),
    *_bounded("extremum", 20, {"FIFO_DEPTH": 3}),
    *_inductive("add", {"ROUND": 2}, {"ROUND": 3, "B_SIGNED": 1, "MB": 2}, quick=False),
    *_bounded("add", 16, {"FIFO_DEPTH": 8}),
    *_inductive("product", {"MUL_EN": 1}, {"MUL_EN": 0, "ROUND": 2}, quick=False),
    *_inductive("rescale", {"MUL_EN": 0}, {"MUL_EN": 1}),
    *_bounded("rescale", 16, {"FIFO_DEPTH": 8}),
    *_inductive("prelu", {"BY_CHANNEL": 0}, {"BY_CHANNEL": 1}, quick=False),
    *_inductive("threshold", {"BY_CHANNEL": 0}, {"BY_CHANNEL": 1}),
    *_inductive("table", quick=False),
    *_bounded("adders", 18),
    *_inductive("pool", {"MAX": 1}, {"MUL_EN": 0, "TAPS": 1}, {"MUL_EN": 1}),
    *_inductive("gap", {"CHANNELS": 2, "PIXELS": 2}, {"CHANNELS": 1, "PIXELS": 3}, quick=False),
    *_inductive("argmax", {"LANES": 2}, {"LANES": 1}),
    *_inductive("topk", quick=False),
    *_pipes("requant", 5, *({"ROUND": r} for r in (0, 1, 2, 3)), {"ROUND": 2, "ZERO": 3, "QMIN": -2}),
    *_pipes("requant", 3, *({"MUL_EN": 0, "ROUND": r, "SHIFT": 2} for r in (0, 1, 2, 3)), {"MUL_EN": 0, "SHIFT": 0}),
    *_pipes("requant", 5, *({"MANT_W": m, "M_W": 4, "ROUND": r} for m, r in ((1, 1), (2, 3), (3, 2), (4, 0)))),
    *_pipes("requant", 5, {"ACC_W": 20, "M_W": 2, "SHIFT": 6, "W": 32, "ROUND": 2}, quick=False),
    *_pipes("mul", 3, {"LATENCY": 2}, {"LATENCY": 3, "A_W": 6, "B_W": 5}),
    *_pipes(
        "mul_logic", 3, *({"A_W": a, "B_W": b} for a, b in ((4, 4), (4, 1), (4, 2), (2, 5), (4, 3), (4, 5), (5, 6)))
    ),
    *_pipes("mul_logic", 3, {"A_W": 5, "B_W": 7, "COUNT": 1}, {"A_W": 6, "B_W": 8, "COUNT": 1}, quick=False),
    *_pipes("mul_packed", 3, {"PACK": 2}, {"PACK": 3}, {"PACK": 2, "LOWEST": 0, "P_W": 5}),
    *_pipes("shift_add", 3, {"TERMS": 2}, {"TERMS": 1}),
    *_pipes("addtree", 3, {"N": 5}, {"N": 5, "OUT_W": 4}, {"N": 3, "IN_W": 1, "OUT_W": 2}),
    *_pipes("blend", 5, {"PAIRS": 1}, {"PAIRS": 2}),
    *_bounded("mvau", 27, {"PE": 2}, {"PE": 2, "LOGIC": 1}),
    *_bounded("matmul", 24, {"PE": 1, "T": 1, "N": 1, "K": 2}),
    *_bounded("swu_ser", 18, {"PT": 1}),
    *_bounded("swu_par", 14, {"PT": 1, "PL": 1}),
    *_bounded("softmax", 30),
    *_bounded("normalise", 28),
    *_bounded("rnn", 32),
    *_bounded("lstm", 46),
    *_bounded("gru", 56),
)


def _mutant(harness: str, params: Params, cycles: int, module: str, old: str, new: str) -> Mutant:
    return Mutant(Proof(harness, params, "bounded", cycles), Change(f"hwq_{module}.sv", old, new))


_SIZES: Params = {"PT": 1}
MUTANTS: tuple[Mutant, ...] = (
    _mutant("fifo", {"DEPTH": 3}, 20, "fifo", "ready_q <= (count_d != CNT_W'(DEPTH))", "ready_q <= 1'b1"),
    _mutant("fifo", {"DEPTH": 3}, 20, "fifo", "PTR_W'(DEPTH - 1)", "PTR_W'(DEPTH - 2)"),
    _mutant("fifo_bram", {"DEPTH": 3}, 20, "fifo_bram", "if (fetch && !push) stored_q", "if (fetch) stored_q"),
    _mutant("credit", {"DEPTH": 4}, 20, "credit", "(COUNT_W + 1)'(returned) - taken", "(COUNT_W + 1)'(1) - taken"),
    _mutant("credit", {"DEPTH": 4}, 20, "credit", "(COUNT_W + 1)'(returned) - taken", "- taken"),
    _mutant("fork", {"N": 2}, 20, "fork", "& ~done_q", ""),
    _mutant("deal", {}, 20, "deal", "BEAT_W'(BEATS - 1)", "'0"),
    _mutant("folds", {}, 20, "folds", "sf_q == SF_W'(SF - 2)", "sf_q == SF_W'(SF - 1)"),
    _mutant("share", {}, 20, "share", "(room & {LAYERS{open}})", "room"),
    _mutant("share", {}, 30, "share", "any_near ? behind_q[l]", "1'b0 ? behind_q[l]"),
    _mutant("dwc", {}, 20, "dwc", "last_wide && part_q", "part_q"),
    _mutant("delay", {"N": 4}, 20, "delay", "(read_q == PTR_W'(WORDS - 1)) ? '0 :", "(read_q == '1) ? '0 :"),
    _mutant("loops", {}, 30, "loops", "count_q == N_W'(N - 2)", "count_q == '0"),
    _mutant(
        "concat",
        {"COUNT0": 1, "COUNT1": 2, "START": 1},
        20,
        "concat",
        "begun_q <= !(last_turn && last_round)",
        "begun_q <= 1'b1",
    ),
    _mutant("const", {}, 20, "const", "ADDR_W'(BEATS - 1)", "'1"),
    _mutant("pattern", {}, 20, "pattern", "if (last_t) s_q", "s_q"),
    _mutant("crop", {}, 20, "crop", "step && beat)", "step || beat)"),
    _mutant("gather", {}, 18, "gather", "!left[COUNT_W-1] && room", "room"),
    _mutant("frame_in", {}, 20, "frame_in", "s_axis_tlast && !last && !drop_q", "s_axis_tlast && !last"),
    _mutant("frame_in", {}, 20, "frame_in", "fill_q || (s_axis_tvalid && !drop_q)", "fill_q || s_axis_tvalid"),
    _mutant("frame_out", {}, 20, "frame_out", "BEAT_W'(BEATS - 1)", "BEAT_W'(BEATS - 2)"),
    _mutant("extremum", {}, 20, "extremum", "(a_wide > b_wide) == LARGEST", "(a > b) == LARGEST"),
    _mutant("add", {}, 20, "add", "A_SIGNED && a[A_W-1]", "a[A_W-1] && !A_SIGNED"),
    _mutant("product", {}, 20, "product", "- (A_W + 1)'(ZERO_A)", "+ (A_W + 1)'(ZERO_A)"),
    _mutant("rescale", {}, 20, "rescale", "ACC_W'(x) + ACC_W'(BIAS)", "ACC_W'(x)"),
    _mutant("rescale", {}, 20, "rescale", ".take(fire)", ".take(1'b0)"),
    _mutant("prelu", {}, 20, "prelu", "d[D_W-1] ?", "!d[D_W-1] ?"),
    _mutant("threshold", {}, 20, "threshold", "x >= $signed", "x > $signed"),
    _mutant("table", {}, 20, "interpolate", "f2_q <= f1_q", "f2_q <= u[STEP-1:0]"),
    _mutant("adders", {}, 18, "adders", ".valid_i(valid[STAGES-1])", ".valid_i(valid[0])"),
    _mutant("pool", {"MAX": 1}, 20, "pool", "(first_q || x_q > state_q)", "(x_q > state_q)"),
    _mutant("gap", {}, 20, "gap", "first1_q <= pixel_q == '0", "first1_q <= 1'b0"),
    _mutant("gap", {}, 20, "gap", "(pixel_q == '0) ? ACC_W'(BIAS) : mem[cf_q]", "mem[cf_q]"),
    _mutant(
        "argmax",
        {},
        20,
        "argmax",
        "$signed(value[2*k+1]) > $signed(value[2*k])",
        "$signed(value[2*k+1]) >= $signed(value[2*k])",
    ),
    _mutant("topk", {}, 20, "topk", "value[k] >= x_q", "value[k] > x_q"),
    _mutant("requant", {"ROUND": 2}, 7, "requant", "wide[SHIFT] ? HALF : HALF - SUM_W'(1)", "HALF"),
    _mutant("requant", {"ROUND": 3}, 7, "requant", "wide[SUM_W-1] ? HALF - SUM_W'(1) : HALF", "HALF"),
    _mutant("mul", {}, 5, "mul", "(A_W + B_W)'(a_q) * (A_W + B_W)'(b_q)", "a_q * $unsigned(b_q)"),
    _mutant("mul_logic", {"B_W": 5}, 5, "mul_logic", "carry_q <= inverted[2*m]", "carry_q <= 1'b0"),
    _mutant("mul_packed", {}, 5, "mul_packed", "product + HALVES", "product"),
    _mutant("shift_add", {}, 5, "shift_add", "(magnitude == '0) ? '0 :", ""),
    _mutant("addtree", {}, 5, "addtree", "LEVELS - $clog2(k + 1) + 1", "LEVELS - $clog2(k + 1)"),
    _mutant("blend", {}, 7, "blend", "(ACC_W'(cd) <<< SB)", "ACC_W'(ab)"),
    _mutant("mvau", {"PE": 2}, 20, "macs", "next = (sum_first ? start_p : kept)", "next = (sum_first ? '0 : kept)"),
    _mutant(
        "matmul",
        {"PE": 1, "T": 1, "N": 1, "K": 2},
        24,
        "matmul",
        "assign act_ready = heads_q != '0 &&",
        "assign act_ready =",
    ),
    _mutant("swu_ser", _SIZES, 18, "swu_ser", "pad_q <= y_q < 0 ||", "pad_q <="),
    _mutant(
        "swu_ser", _SIZES, 18, "swu_ser", "localparam int STEP_6 = SH * ROW", "localparam int STEP_6 = SH * ROW + 1"
    ),
    _mutant("swu_par", {"PT": 1, "PL": 1}, 14, "swu_par", "row_ok_q[kh] && column_ok_q[kw]", "row_ok_q[kh]"),
    _mutant("softmax", {}, 30, "softmax", "x_valid && max_valid && e_room", "x_valid && max_valid"),
    _mutant("normalise", {}, 28, "normalise", ".take(x_take)", ".take(1'b0)"),
    _mutant("rnn", {}, 32, "rnn", ".take(fire)", ".take(1'b0)"),
    _mutant("lstm", {}, 46, "lstm", ".take(fire && row_last)", ".take(1'b0)"),
    _mutant("gru", {}, 66, "gru", ".take(fire && row_n_q)", ".take(1'b0)"),
)
