// Two nested loops with a memory each: for s < STEPS: for t < BEATS: the words STEP[s] and BEAT[t], then over again.
//
//   valid, step, beat   the words of an iteration, 2 cycles after the `en` that asked for it; one a cycle
//   first, last         whether it is the first and the last iteration of its step
//   over                whether it is the last of the last step
module hwq_pattern #(
    parameter int STEPS = 2,
    parameter int BEATS = 4,
    parameter int STEP_W = 1,
    parameter int BEAT_W = 1,
    parameter STEP_FILE = "",
    parameter BEAT_FILE = ""
) (
    input  logic              clk,
    input  logic              rst,
    input  logic              en,
    output logic              valid,
    output logic              first,
    output logic              last,
    output logic              over,
    output logic [STEP_W-1:0] step,
    output logic [BEAT_W-1:0] beat
);
  localparam int S_W = (STEPS > 1) ? $clog2(STEPS) : 1;
  localparam int T_W = (BEATS > 1) ? $clog2(BEATS) : 1;

  logic [S_W-1:0] s_q;
  logic [T_W-1:0] t_q;
  wire last_t = t_q == T_W'(BEATS - 1);
  wire last_s = s_q == S_W'(STEPS - 1);
  always_ff @(posedge clk)
    if (rst) begin
      s_q <= '0;
      t_q <= '0;
    end else if (en) begin
      t_q <= last_t ? '0 : t_q + T_W'(1);
      if (last_t) s_q <= last_s ? '0 : s_q + S_W'(1);
    end

  hwq_rom #(.W(STEP_W), .DEPTH(STEPS), .FILE(STEP_FILE)) u_step (.clk(clk), .addr(s_q), .data(step));
  hwq_rom #(.W(BEAT_W), .DEPTH(BEATS), .FILE(BEAT_FILE)) u_beat (.clk(clk), .addr(t_q), .data(beat));

  logic valid1_q;
  logic [2:0] place1_q;
  always_ff @(posedge clk)
    if (rst) {valid, valid1_q} <= '0;
    else {valid, valid1_q} <= {valid1_q, en};
  always_ff @(posedge clk) begin
    place1_q <= {t_q == '0, last_t, last_t && last_s};
    {first, last, over} <= place1_q;
  end

`ifndef SYNTHESIS
  initial if (STEPS < 1 || BEATS < 1) $fatal(1, "hwq_pattern: STEPS=%0d BEATS=%0d", STEPS, BEATS);
`endif
endmodule
