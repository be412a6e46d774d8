// hwq_rescale (rules S1, R1): each value plus BIAS, times MUL, rounded once.
module formal_rescale #(
    parameter int IN_W = 3,
    parameter bit IN_SIGNED = 1,
    parameter int BIAS = 1,
    parameter int MUL = 5,
    parameter bit MUL_EN = 1,
    parameter int SHIFT = 2,
    parameter int ROUND = 1,
    parameter int ZERO = -1,
    parameter int QMIN = -3,
    parameter int QMAX = 3,
    parameter int OUT_W = 3,
    parameter int FIFO_DEPTH = 2
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [IN_W-1:0] x,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [OUT_W-1:0] m_data, y;
  hwq_rescale #(
      .ACT_W(IN_W), .ACT_SIGNED(IN_SIGNED), .BIAS(BIAS), .MUL(MUL), .ACC_W(5), .MUL_EN(MUL_EN), .M_W(3), .SHIFT(SHIFT),
      .ROUND(ROUND), .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX),
      .FIFO_DEPTH(FIFO_DEPTH)
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(x),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  wire signed [15:0] wide = $signed({IN_SIGNED && x[IN_W-1], x});
  formal_rule_r1 #(.W(16), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX)) u_y (
      .p((wide + BIAS) * (MUL_EN ? MUL : 1)), .y(y)
  );
  logic [$clog2(FIFO_DEPTH + 2)-1:0] held;
  formal_map #(.IN_W(IN_W), .OUT_W(OUT_W), .CAPACITY(FIFO_DEPTH), .LATENCY(7)) u_map (
      .clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready), .s_data(x), .y(y),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data), .held(held)
  );
endmodule
