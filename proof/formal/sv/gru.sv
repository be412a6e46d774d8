// hwq_gru: handshake, accumulator in its range, a beat out for three rows at most; values are not looked at.
module formal_gru (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [2-1:0] x,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [2-1:0] m_data;
  hwq_gru #(
      .STEPS(2), .UNITS(1), .PE(1), .SIMD(1), .WGT_W(2), .ACC_W(8), .X_W(2), .FACTOR_W(1), .WGT_FILE("weights.mem"),
      .BIAS_FILE("biases.mem"), .ROW_FILE("rows.mem"), .MUL_EN(0), .M_W(1), .GATE_SHIFT(1), .GATE_QMIN(-4),
      .GATE_QMAX(3), .P_W(3), .CURVE_FILE("curve.mem"), .CURVE_STEP(0), .CURVE_ENTRY_W(3), .OUT_W(2),
      .CURVE_W(3), .FRACTION(1), .SA(0), .SB(0), .SHIFT(1), .QMIN(-2), .QMAX(1)
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(x),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  formal_beats #(.IN_W(2), .OUT_W(2), .IN(3), .OUT(1), .CAPACITY(24), .LIMIT(48)) u_beats (
      .clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready), .s_data(x),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
  );
endmodule
