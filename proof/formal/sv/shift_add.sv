// hwq_shift_add (rule L6): the sum of signed powers of two, for all a and codes.
module formal_shift_add #(
    parameter int A_W = 4,
    parameter int TERMS = 2,
    parameter int TERM_W = 3,
    localparam int P_W = A_W + (1 << (TERM_W - 1)) + 1
) (
    input logic clk,
    input logic signed [A_W-1:0] a,
    input logic [TERMS*TERM_W-1:0] code
);
  logic signed [P_W-1:0] p;
  hwq_shift_add #(.A_W(A_W), .TERMS(TERMS), .TERM_W(TERM_W), .P_W(P_W)) u_dut (.clk(clk), .a(a), .code(code), .p(p));
  wire signed [P_W-1:0] a_wide = a;
  logic signed [P_W-1:0] sum, weight;
  always_comb begin
    sum = '0;
    for (int t = 0; t < TERMS; t = t + 1) begin
      weight = '0;
      for (int m = 1; m < (1 << (TERM_W - 1)); m = m + 1)
        if (code[t*TERM_W+:TERM_W-1] == m) weight = P_W'(1) << (m - 1);
      sum = sum + (code[t*TERM_W+TERM_W-1] ? P_W'(-a_wide * weight) : P_W'(a_wide * weight));
    end
  end
  formal_pipe #(.W(P_W), .LATENCY(3)) u_pipe (.clk(clk), .y(sum), .out(p));
endmodule
