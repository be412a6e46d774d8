// hwq_adders (rules L1, R1) around a small graph, 3 * x0 - x1 and x1 + 1: each beat's sums, requantised, in order.
module formal_adders #(
    parameter int SHIFT = 1,
    parameter int ROUND = 2
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [3:0] s_data,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [3:0] x;
  logic [5:0] m_data, y;
  logic signed [4:0] sum0_q, sum1_q;  // the graph: one stage behind x
  wire signed [4:0] x0 = $signed(x[1:0]);
  wire signed [4:0] x1 = $signed(x[3:2]);
  always_ff @(posedge clk) begin
    sum0_q <= (x0 <<< 1) + x0 - x1;
    sum1_q <= x1 + 5'sd1;
  end
  hwq_adders #(
      .IN_W(4), .STAGES(2), .LANES(2), .ACC_W(5), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(3), .QMIN(-4), .QMAX(3)
  ) u_dut (
      .clk(clk), .rst(rst), .x(x), .acc({sum1_q, sum0_q}),
      .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(s_data),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  wire signed [7:0] s0 = $signed(s_data[1:0]);
  wire signed [7:0] s1 = $signed(s_data[3:2]);
  formal_rule_r1 #(.W(8), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(3), .QMIN(-4), .QMAX(3)) u_0 (
      .p(8'sd3 * s0 - s1), .y(y[2:0])
  );
  formal_rule_r1 #(.W(8), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(3), .QMIN(-4), .QMAX(3)) u_1 (
      .p(s1 + 8'sd1), .y(y[5:3])
  );
  logic [3:0] held;
  formal_map #(.IN_W(4), .OUT_W(6), .CAPACITY(7), .LATENCY(6)) u_map (
      .clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready), .s_data(s_data), .y(y),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data), .held(held)
  );
endmodule
