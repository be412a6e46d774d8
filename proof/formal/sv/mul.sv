// hwq_mul: p = a * b, LATENCY cycles later, for all a and b.
module formal_mul #(
    parameter int A_W = 4,
    parameter int B_W = 4,
    parameter int LATENCY = 2
) (
    input logic clk,
    input logic signed [A_W-1:0] a,
    input logic signed [B_W-1:0] b
);
  logic [A_W+B_W-1:0] p;
  hwq_mul #(.A_W(A_W), .B_W(B_W), .LATENCY(LATENCY)) u_dut (.clk(clk), .a(a), .b(b), .p(p));
  formal_times #(.A_W(A_W), .B_W(B_W), .LATENCY(LATENCY)) u_product (.clk(clk), .a(a), .b(b), .p(p));
endmodule
