// hwq_blend (rules S3, S4, R1): one or two products, brought to one scale and rounded once.
module formal_blend #(
    parameter int PAIRS = 2,
    parameter int SA = 1,
    parameter int SB = 0,
    parameter int SHIFT = 3,
    parameter int ROUND = 1,
    parameter int W = 3
) (
    input logic clk,
    input logic rst,
    input logic valid,
    input logic signed [W-1:0] a,
    input logic signed [W-1:0] b,
    input logic signed [W-1:0] c,
    input logic signed [W-1:0] d
);
  logic valid_o;
  logic [3:0] y, wanted;
  hwq_blend #(
      .PAIRS(PAIRS), .A_W(W), .B_W(W), .C_W(W), .D_W(W), .SA(SA), .SB(SB), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(4),
      .QMIN(-8), .QMAX(7)
  ) u_dut (
      .clk(clk), .rst(rst), .valid_i(valid), .a(a), .b(b), .c(c), .d(d), .valid_o(valid_o), .y(y)
  );
  formal_reset u_reset (.clk(clk), .rst(rst));
  wire signed [15:0] first = (16'(a) * 16'(b)) <<< SA;
  wire signed [15:0] second = (PAIRS == 2) ? (16'(c) * 16'(d)) <<< SB : 16'sd0;
  formal_rule_r1 #(.W(16), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(4), .QMIN(-8), .QMAX(7)) u_y (
      .p(first + second), .y(wanted)
  );
  formal_pipe #(.W(4), .LATENCY(5)) u_pipe (.clk(clk), .y(wanted), .out(y));
  logic [4:0] valid_q = '0;
  always_ff @(posedge clk) valid_q <= rst ? '0 : {valid_q[3:0], valid};
  always_comb if (!rst) in_time: assert (valid_o == valid_q[4]);
endmodule
