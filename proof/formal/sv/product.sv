// hwq_product (rules A2, R1): the product of each pair, less zero points, times MUL, rounded once.
module formal_product #(
    parameter int A_W = 2,
    parameter bit A_SIGNED = 1,
    parameter int B_W = 2,
    parameter bit B_SIGNED = 0,
    parameter int ZERO_A = -1,
    parameter int ZERO_B = 1,
    parameter int MUL = 3,
    parameter bit MUL_EN = 1,
    parameter int SHIFT = 2,
    parameter int ROUND = 1,
    parameter int ZERO = 0,
    parameter int QMIN = -3,
    parameter int QMAX = 3,
    parameter int OUT_W = 3,
    parameter int FIFO_DEPTH = 2
) (
    input logic clk,
    input logic rst,
    input logic a_valid,
    input logic [A_W-1:0] a,
    input logic b_valid,
    input logic [B_W-1:0] b,
    input logic m_ready
);
  logic a_ready, b_ready, m_valid;
  logic [OUT_W-1:0] m_data, y;
  hwq_product #(
      .A_W(A_W), .A_SIGNED(A_SIGNED), .B_W(B_W), .B_SIGNED(B_SIGNED), .ZERO_A(ZERO_A), .ZERO_B(ZERO_B), .MUL(MUL),
      .MUL_EN(MUL_EN), .M_W(2), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX),
      .FIFO_DEPTH(FIFO_DEPTH)
  ) u_dut (
      .clk(clk), .rst(rst), .a_axis_tvalid(a_valid), .a_axis_tready(a_ready), .a_axis_tdata(a),
      .b_axis_tvalid(b_valid), .b_axis_tready(b_ready), .b_axis_tdata(b),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  wire signed [15:0] wide_a = $signed({A_SIGNED && a[A_W-1], a});
  wire signed [15:0] wide_b = $signed({B_SIGNED && b[B_W-1], b});
  formal_rule_r1 #(.W(16), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX)) u_y (
      .p((wide_a - ZERO_A) * (wide_b - ZERO_B) * (MUL_EN ? MUL : 1)), .y(y)
  );
  logic [$clog2(FIFO_DEPTH + 2)-1:0] held;
  wire both = a_valid && a_ready;
  formal_source #(.W(A_W)) u_a (.clk(clk), .rst(rst), .valid(a_valid), .ready(a_ready), .data(a));
  formal_source #(.W(B_W)) u_b (.clk(clk), .rst(rst), .valid(b_valid), .ready(b_ready), .data(b));
  formal_map #(.IN_W(1), .OUT_W(OUT_W), .CAPACITY(FIFO_DEPTH), .LATENCY(8)) u_map (
      .clk(clk), .rst(rst), .s_valid(a_valid && b_valid), .s_ready(a_ready && b_ready), .s_data(1'b0), .y(y),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data), .held(held)
  );
  always_comb together: assert (both == (b_valid && b_ready));
endmodule
