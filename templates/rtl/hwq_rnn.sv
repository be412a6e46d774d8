// Plain recurrent layer over the STEPS pixels of a frame (rules S2, S5): h = curve(p), p the pre-activation of a unit.
//
//   beats in    UNITS a pixel, a row each
//   beats out   UNITS a pixel, a unit each
//   CURVE_FILE  the words of the curve, as hwq_interpolate reads them, over the P_W bits of a pre-activation
//   files, GATE_*, folding, cycles  see hwq_recur; a pass takes CURVE_LATENCY cycles from there on
//   latency     UNIT_LATENCY from a row to the output FIFO; CURVE_LATENCY is 8, or 5 with a step of 0
module hwq_rnn #(
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
    parameter int CURVE_ENTRY_W = 8,
    parameter int CURVE_DELTA_W = 8,
    parameter int OUT_W = 8,
    parameter bit OUT_SIGNED = 1,
    localparam int CURVE_LATENCY = (CURVE_STEP > 0) ? 8 : 5,
    localparam int UNIT_LATENCY = 4 + (MUL_EN ? 5 : 3) + CURVE_LATENCY,
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
  wire room, fire, p_valid, h_valid;
  wire [P_W-1:0] p;
  wire [OUT_W-1:0] h;

  hwq_recur #(
      .STEPS(STEPS), .UNITS(UNITS), .ROWS0(UNITS), .PE(PE), .SIMD(SIMD), .VEC_W(OUT_W), .VEC_SIGNED(OUT_SIGNED),
      .WGT_W(WGT_W), .ACC_W(ACC_W), .X_W(X_W), .X_SIGNED(X_SIGNED), .FACTOR_W(FACTOR_W), .GAIN_W(1),
      .WGT_FILE(WGT_FILE), .BIAS_FILE(BIAS_FILE), .ROW_FILE(ROW_FILE), .MUL_EN(MUL_EN), .MANT_W(MANT_W), .M_W(M_W),
      .SHIFT(GATE_SHIFT), .ROUND(GATE_ROUND), .P_W(P_W), .ZERO(GATE_ZERO), .QMIN(GATE_QMIN), .QMAX(GATE_QMAX)
  ) u_recur (
      .clk(clk), .rst(rst),
      .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready), .s_axis_tdata(s_axis_tdata),
      .go(room), .fire(fire), .gain(1'b0), .p_valid(p_valid), .p(p), .vec_valid(h_valid), .vec(h)
  );
  hwq_interpolate #(
      .IN_W(P_W), .IN_SIGNED(1'b1), .OUT_W(OUT_W), .OUT_SIGNED(OUT_SIGNED), .STEP(CURVE_STEP),
      .FRACTION(CURVE_FRACTION), .ENTRY_W(CURVE_ENTRY_W), .DELTA_W(CURVE_DELTA_W), .FILE(CURVE_FILE)
  ) u_curve (
      .clk(clk), .rst(rst), .valid_i(p_valid), .x(p), .valid_o(h_valid), .y(h)
  );
  hwq_credit #(.W(OUT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire), .take_n(1'b1), .room(room), .valid_i(h_valid), .data_i(h),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );
endmodule
