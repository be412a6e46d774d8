// LSTM over the STEPS pixels of a frame (rules S2, S3), one unit after the other. From the pre-activations i, o, f, g
// of a unit and its cell state c:
//   c = requantise((sigmoid(f) * c * 2^CELL_SA + sigmoid(i) * tanh(g) * 2^CELL_SB) / 2^CELL_SHIFT)
//   h = requantise(sigmoid(o) * celltanh(c) / 2^SHIFT)
//
//   beats in    4 * UNITS a pixel, a row each: i, o, f, g of unit 0, of unit 1, ..
//   beats out   UNITS a pixel, a unit each
//   CURVE_FILE  the words of sigmoid and then of tanh, as hwq_interpolate reads them, over the P_W bits of a
//               pre-activation; TANH_FILE those of celltanh, over CELL_W bits
//   files, GATE_*, folding, cycles  see hwq_recur; a pass takes 10 + CURVE_LATENCY + TANH_LATENCY cycles from there on
//   latency     UNIT_LATENCY from the last row of a unit to the output FIFO; CURVE_LATENCY and TANH_LATENCY are 8, or 5
//               with a step of 0
module hwq_lstm #(
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
    parameter int CELL_SA = 2,
    parameter int CELL_SB = 0,
    parameter int CELL_W = 16,
    parameter int CELL_SHIFT = 16,
    parameter int CELL_ROUND = 1,
    parameter int CELL_ZERO = 0,
    parameter int CELL_QMIN = -32768,
    parameter int CELL_QMAX = 32767,
    parameter TANH_FILE = "",
    parameter int TANH_STEP = 8,
    parameter int TANH_FRACTION = 0,
    parameter int TANH_ENTRY_W = 16,
    parameter int TANH_DELTA_W = 12,
    parameter int TANH_W = 16,
    parameter bit TANH_SIGNED = 1,
    parameter int SHIFT = 21,
    parameter int ROUND = 1,
    parameter int OUT_W = 8,
    parameter bit OUT_SIGNED = 1,
    parameter int ZERO = 0,
    parameter int QMIN = -128,
    parameter int QMAX = 127,
    localparam int CURVE_LATENCY = (CURVE_STEP > 0) ? 8 : 5,
    localparam int TANH_LATENCY = (TANH_STEP > 0) ? 8 : 5,
    localparam int BLEND_LATENCY = 5,
    localparam int GATE_LATENCY = MUL_EN ? 9 : 7,
    localparam int UNIT_LATENCY = GATE_LATENCY + CURVE_LATENCY + TANH_LATENCY + 2 * BLEND_LATENCY,
    parameter int FIFO_DEPTH = UNIT_LATENCY / 4 + 3
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

  // The row that begins; the last one of a unit takes the place of its result.
  logic [1:0] row_gate_q;
  logic [UNIT_W-1:0] row_unit_q;
  logic [STEP_W-1:0] row_step_q;
  wire room, fire, p_valid, h_valid;
  wire [P_W-1:0] p;
  wire [OUT_W-1:0] h;
  wire row_last = row_gate_q == 2'd3;
  wire row_last_unit = row_unit_q == UNIT_W'(UNITS - 1);
  always_ff @(posedge clk)
    if (rst) begin
      row_gate_q <= '0;
      row_unit_q <= '0;
      row_step_q <= '0;
    end else if (fire) begin
      row_gate_q <= row_gate_q + 2'd1;
      if (row_last) row_unit_q <= row_last_unit ? '0 : row_unit_q + UNIT_W'(1);
      if (row_last && row_last_unit) row_step_q <= (row_step_q == STEP_W'(STEPS - 1)) ? '0 : row_step_q + STEP_W'(1);
    end

  hwq_recur #(
      .STEPS(STEPS), .UNITS(UNITS), .ROWS0(4 * UNITS), .PE(PE), .SIMD(SIMD), .VEC_W(OUT_W), .VEC_SIGNED(OUT_SIGNED),
      .WGT_W(WGT_W), .ACC_W(ACC_W), .X_W(X_W), .X_SIGNED(X_SIGNED), .FACTOR_W(FACTOR_W), .GAIN_W(1),
      .WGT_FILE(WGT_FILE), .BIAS_FILE(BIAS_FILE), .ROW_FILE(ROW_FILE), .MUL_EN(MUL_EN), .MANT_W(MANT_W), .M_W(M_W),
      .SHIFT(GATE_SHIFT), .ROUND(GATE_ROUND), .P_W(P_W), .ZERO(GATE_ZERO), .QMIN(GATE_QMIN), .QMAX(GATE_QMAX)
  ) u_recur (
      .clk(clk), .rst(rst),
      .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready), .s_axis_tdata(s_axis_tdata),
      .go(room || !row_last), .fire(fire), .gain(1'b0), .p_valid(p_valid), .p(p), .vec_valid(h_valid), .vec(h)
  );

  // One memory for both curves: tanh behind sigmoid, each from its lowest argument on.
  wire p_last, y_valid;
  wire [CURVE_W-1:0] y;
  hwq_delay #(.W(1), .N(GATE_LATENCY)) u_p_row (.clk(clk), .rst(rst), .en(1'b1), .d(row_last), .q(p_last));
  hwq_interpolate #(
      .IN_W(P_W + 1), .IN_SIGNED(1'b0), .OUT_W(CURVE_W), .OUT_SIGNED(CURVE_SIGNED), .STEP(CURVE_STEP),
      .FRACTION(CURVE_FRACTION), .ENTRY_W(CURVE_ENTRY_W), .DELTA_W(CURVE_DELTA_W), .FILE(CURVE_FILE)
  ) u_curves (
      .clk(clk), .rst(rst), .valid_i(p_valid), .x({p_last, !p[P_W-1], p[P_W-2:0]}), .valid_o(y_valid), .y(y)
  );

  // i, o and f of a unit wait for its g; then its cell state is renewed.
  wire y_first;
  wire [1:0] y_gate;
  wire [UNIT_W-1:0] y_unit, c_unit;
  logic signed [CURVE_W:0] i_q, o_q, f_q;
  logic signed [CELL_W-1:0] cells[0:UNITS-1];
  wire signed [CURVE_W:0] value = {CURVE_SIGNED && y[CURVE_W-1], y};
  wire signed [CELL_W-1:0] held = y_first ? '0 : cells[y_unit];
  wire c_valid;
  wire [CELL_W-1:0] c;
  hwq_delay #(.W(UNIT_W + 3), .N(GATE_LATENCY + CURVE_LATENCY)) u_y_row (
      .clk(clk), .rst(rst), .en(1'b1), .d({row_step_q == '0, row_gate_q, row_unit_q}), .q({y_first, y_gate, y_unit})
  );
  hwq_delay #(.W(UNIT_W), .N(BLEND_LATENCY)) u_c_row (.clk(clk), .rst(rst), .en(1'b1), .d(y_unit), .q(c_unit));
  always_ff @(posedge clk) begin
    if (y_valid && y_gate == 2'd0) i_q <= value;
    if (y_valid && y_gate == 2'd1) o_q <= value;
    if (y_valid && y_gate == 2'd2) f_q <= value;
    if (c_valid) cells[c_unit] <= c;
  end
  hwq_blend #(
      .A_W(CURVE_W + 1), .B_W(CELL_W), .C_W(CURVE_W + 1), .D_W(CURVE_W + 1), .SA(CELL_SA), .SB(CELL_SB),
      .SHIFT(CELL_SHIFT), .ROUND(CELL_ROUND), .OUT_W(CELL_W), .ZERO(CELL_ZERO), .QMIN(CELL_QMIN), .QMAX(CELL_QMAX)
  ) u_cell (
      .clk(clk), .rst(rst), .valid_i(y_valid && y_gate == 2'd3), .a(f_q), .b(held), .c(i_q), .d(value), .valid_o(c_valid), .y(c)
  );

  // o waits for the curve over the new cell state.
  wire th_valid;
  wire [TANH_W-1:0] th;
  wire [CURVE_W:0] o;
  hwq_interpolate #(
      .IN_W(CELL_W), .IN_SIGNED(1'b1), .OUT_W(TANH_W), .OUT_SIGNED(TANH_SIGNED), .STEP(TANH_STEP),
      .FRACTION(TANH_FRACTION), .ENTRY_W(TANH_ENTRY_W), .DELTA_W(TANH_DELTA_W), .FILE(TANH_FILE)
  ) u_celltanh (
      .clk(clk), .rst(rst), .valid_i(c_valid), .x(c), .valid_o(th_valid), .y(th)
  );
  hwq_delay #(.W(CURVE_W + 1), .N(BLEND_LATENCY + TANH_LATENCY)) u_o (
      .clk(clk), .rst(rst), .en(1'b1), .d(o_q), .q(o)
  );
  hwq_blend #(
      .PAIRS(1), .A_W(CURVE_W + 1), .B_W(TANH_W + 1), .C_W(1), .D_W(1), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(OUT_W),
      .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX)
  ) u_h (
      .clk(clk), .rst(rst), .valid_i(th_valid), .a(o), .b({TANH_SIGNED && th[TANH_W-1], th}), .c(1'b0), .d(1'b0),
      .valid_o(h_valid), .y(h)
  );

  hwq_credit #(.W(OUT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire && row_last), .take_n(1'b1), .room(room), .valid_i(h_valid), .data_i(h),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );
endmodule
