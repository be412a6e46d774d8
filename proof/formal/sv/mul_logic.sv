// hwq_mul_logic: p[i] = a * b[i], three cycles later, for all a and b.
module formal_mul_logic #(
    parameter int COUNT = 2,
    parameter int A_W = 4,
    parameter int B_W = 4
) (
    input logic clk,
    input logic signed [A_W-1:0] a,
    input logic [COUNT*B_W-1:0] b
);
  logic [COUNT*(A_W+B_W)-1:0] p;
  hwq_mul_logic #(.COUNT(COUNT), .A_W(A_W), .B_W(B_W)) u_dut (.clk(clk), .a(a), .b(b), .p(p));
  generate
    for (genvar i = 0; i < COUNT; i = i + 1) begin : g_product
      formal_times #(.A_W(A_W), .B_W(B_W), .LATENCY(3)) u_product (
          .clk(clk), .a(a), .b(b[i*B_W+:B_W]), .p(p[i*(A_W+B_W)+:A_W+B_W])
      );
    end
  endgenerate
endmodule
