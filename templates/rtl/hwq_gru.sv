// GRU over the STEPS pixels of a frame (rules S2, S4). All units' gates z and r come first, then their candidates n:
//   h = requantise((sigmoid(z) * h * 2^SA + (2^FRACTION - sigmoid(z)) * tanh(n) * 2^SB) / 2^SHIFT)
// Without RESET_AFTER the products of the candidates are with the vector floor((sigmoid(r) * h + half) / 2^FRACTION),
// with it they are with h, and their sums are reset in the same way.
//
//   beats in    3 * UNITS a pixel, a row each: z, r of unit 0, of unit 1, .., then n of unit 0, of unit 1, ..
//   beats out   UNITS a pixel, a unit each
//   CURVE_FILE  the words of sigmoid and then of tanh, as hwq_interpolate reads them, over the P_W bits of a
//               pre-activation
//   files, GATE_*, folding, cycles  see hwq_recur; each of the two passes takes 5 + CURVE_LATENCY cycles from there on
//   latency     UNIT_LATENCY from the last row of a unit to the output FIFO; CURVE_LATENCY is 8, or 5 with a step of 0
module hwq_gru #(
    parameter int STEPS = 4,
    parameter int UNITS = 4,
    parameter int PE = 2,
    parameter int SIMD = 2,
    parameter int WGT_W = 8,
    parameter int ACC_W = 32,
    parameter int X_W = 16,
    parameter bit X_SIGNED = 1,
    parameter int FACTOR_W = 4,
    parameter WGT_FILE = "",
    parameter BIAS_FILE = "",
    parameter ROW_FILE = "",
    parameter bit MUL_EN = 1,
    parameter int MANT_W = 0,
    parameter int M_W = 16,
    parameter int GATE_SHIFT = 15,
    parameter int GATE_ROUND = 1,
    parameter int GATE_ZERO = 0,
    parameter int GATE_QMIN = -2048,
    parameter int GATE_QMAX = 2047,
    parameter int P_W = 12,
    parameter CURVE_FILE = "",
    parameter int CURVE_STEP = 4,
    parameter int CURVE_FRACTION = 0,
    parameter int CURVE_ENTRY_W = 16,
    parameter int CURVE_DELTA_W = 12,
    parameter int CURVE_W = 16,
    parameter bit CURVE_SIGNED = 1,
    parameter bit RESET_AFTER = 0,
    parameter int FRACTION = 14,
    parameter int SA = 7,
    parameter int SB = 0,
    parameter int SHIFT = 21,
    parameter int ROUND = 1,
    parameter int OUT_W = 8,
    parameter bit OUT_SIGNED = 1,
    parameter int ZERO = 0,
    parameter int QMIN = -128,
    parameter int QMAX = 127,
    localparam int CURVE_LATENCY = (CURVE_STEP > 0) ? 8 : 5,
    localparam int BLEND_LATENCY = 5,
    localparam int GATE_LATENCY = MUL_EN ? 9 : 7,
    localparam int UNIT_LATENCY = GATE_LATENCY + CURVE_LATENCY + BLEND_LATENCY,
    parameter int FIFO_DEPTH = UNIT_LATENCY + 2
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             s_axis_tvalid,
    output logic             s_axis_tready,
    input  logic [X_W-1:0]   s_axis_tdata,
    output logic             m_axis_tvalid,
    input  logic             m_axis_tready,
    output logic [OUT_W-1:0] m_axis_tdata
);
  localparam int STEP_W = (STEPS > 1) ? $clog2(STEPS) : 1;
  localparam int UNIT_W = (UNITS > 1) ? $clog2(UNITS) : 1;
  localparam int GATE_W = CURVE_W + 1;
  localparam int H_W = OUT_W + 1;
  localparam logic signed [GATE_W:0] UNITY = (GATE_W + 1)'(1) <<< FRACTION;
  localparam int VEC_MIN = OUT_SIGNED ? -(1 << (OUT_W - 1)) : 0;

  // The row that begins: a candidate takes the place of its unit's result, and the reset gate for its sum.
  logic row_n_q, row_r_q;
  logic [UNIT_W-1:0] row_unit_q;
  logic [STEP_W-1:0] row_step_q;
  logic signed [GATE_W-1:0] resets[0:UNITS-1];
  logic signed [GATE_W:0] gain_q;
  wire room, fire, p_valid, vec_valid;
  wire [P_W-1:0] p;
  wire [OUT_W-1:0] vec;
  wire row_last = row_unit_q == UNIT_W'(UNITS - 1);
  always_ff @(posedge clk)
    if (rst) begin
      row_n_q <= 1'b0;
      row_r_q <= 1'b0;
      row_unit_q <= '0;
      row_step_q <= '0;
    end else if (fire) begin
      row_r_q <= !row_n_q && !row_r_q;
      if (row_n_q || row_r_q) row_unit_q <= row_last ? '0 : row_unit_q + UNIT_W'(1);
      if ((row_n_q || row_r_q) && row_last) row_n_q <= !row_n_q;
      if (row_n_q && row_last) row_step_q <= (row_step_q == STEP_W'(STEPS - 1)) ? '0 : row_step_q + STEP_W'(1);
    end
  always_ff @(posedge clk) gain_q <= (RESET_AFTER && row_n_q) ? (GATE_W + 1)'(resets[row_unit_q]) : UNITY;

  hwq_recur #(
      .STEPS(STEPS), .UNITS(UNITS), .ROWS0(2 * UNITS), .ROWS1(UNITS), .PE(PE), .SIMD(SIMD), .VEC_W(OUT_W),
      .VEC_SIGNED(OUT_SIGNED), .WGT_W(WGT_W), .ACC_W(ACC_W), .X_W(X_W), .X_SIGNED(X_SIGNED), .FACTOR_W(FACTOR_W),
      .RESET(RESET_AFTER), .FRACTION(FRACTION), .GAIN_W(GATE_W + 1), .WGT_FILE(WGT_FILE), .BIAS_FILE(BIAS_FILE),
      .ROW_FILE(ROW_FILE), .MUL_EN(MUL_EN), .MANT_W(MANT_W), .M_W(M_W), .SHIFT(GATE_SHIFT), .ROUND(GATE_ROUND),
      .P_W(P_W), .ZERO(GATE_ZERO), .QMIN(GATE_QMIN), .QMAX(GATE_QMAX)
  ) u_recur (
      .clk(clk), .rst(rst),
      .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready), .s_axis_tdata(s_axis_tdata),
      .go(room || !row_n_q), .fire(fire), .gain(gain_q), .p_valid(p_valid), .p(p), .vec_valid(vec_valid), .vec(vec)
  );

  // One memory for both curves: tanh behind sigmoid, each from its lowest argument on.
  wire p_n, y_valid;
  wire [CURVE_W-1:0] y;
  hwq_delay #(.W(1), .N(GATE_LATENCY)) u_p_row (.clk(clk), .rst(rst), .en(1'b1), .d(row_n_q), .q(p_n));
  hwq_interpolate #(
      .IN_W(P_W + 1), .IN_SIGNED(1'b0), .OUT_W(CURVE_W), .OUT_SIGNED(CURVE_SIGNED), .STEP(CURVE_STEP),
      .FRACTION(CURVE_FRACTION), .ENTRY_W(CURVE_ENTRY_W), .DELTA_W(CURVE_DELTA_W), .FILE(CURVE_FILE)
  ) u_curves (
      .clk(clk), .rst(rst), .valid_i(p_valid), .x({p_n, !p[P_W-1], p[P_W-2:0]}), .valid_o(y_valid), .y(y)
  );

  // Gates wait for the candidate of their unit; the vector of the next pass is made on the way.
  wire y_first, y_n, y_r;
  wire [UNIT_W-1:0] y_unit, h_unit;
  logic signed [GATE_W-1:0] updates[0:UNITS-1];
  logic signed [H_W-1:0] states[0:UNITS-1];
  wire signed [GATE_W-1:0] value = {CURVE_SIGNED && y[CURVE_W-1], y};
  wire signed [GATE_W-1:0] z = updates[y_unit];
  wire signed [H_W-1:0] held = y_first ? '0 : states[y_unit];
  wire h_valid, reset_valid;
  wire [OUT_W-1:0] h, reset;
  hwq_delay #(.W(UNIT_W + 3), .N(GATE_LATENCY + CURVE_LATENCY)) u_y_row (
      .clk(clk), .rst(rst), .en(1'b1), .d({row_step_q == '0, row_n_q, row_r_q, row_unit_q}),
      .q({y_first, y_n, y_r, y_unit})
  );
  hwq_delay #(.W(UNIT_W), .N(BLEND_LATENCY)) u_h_row (.clk(clk), .rst(rst), .en(1'b1), .d(y_unit), .q(h_unit));
  always_ff @(posedge clk) begin
    if (y_valid && !y_n && !y_r) updates[y_unit] <= value;
    if (y_valid && y_r) resets[y_unit] <= value;
    if (h_valid) states[h_unit] <= {OUT_SIGNED && h[OUT_W-1], h};
  end

  hwq_blend #(
      .PAIRS(1), .A_W(GATE_W + 1), .B_W(H_W), .C_W(1), .D_W(1), .SHIFT(FRACTION), .ROUND(1), .OUT_W(OUT_W), .ZERO(0),
      .QMIN(VEC_MIN), .QMAX(VEC_MIN + (1 << OUT_W) - 1)
  ) u_reset (
      .clk(clk), .rst(rst), .valid_i(y_valid && y_r), .a(RESET_AFTER ? UNITY : (GATE_W + 1)'(value)), .b(held),
      .c(1'b0), .d(1'b0), .valid_o(reset_valid), .y(reset)
  );
  hwq_blend #(
      .A_W(GATE_W), .B_W(H_W), .C_W(GATE_W + 1), .D_W(GATE_W), .SA(SA), .SB(SB), .SHIFT(SHIFT), .ROUND(ROUND),
      .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX)
  ) u_h (
      .clk(clk), .rst(rst), .valid_i(y_valid && y_n), .a(z), .b(held), .c(UNITY - (GATE_W + 1)'(z)), .d(value),
      .valid_o(h_valid), .y(h)
  );
  assign vec_valid = h_valid || reset_valid;
  assign vec = h_valid ? h : reset;

  hwq_credit #(.W(OUT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire && row_n_q), .take_n(1'b1), .room(room), .valid_i(h_valid), .data_i(h),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );
endmodule
