// hwq_mul_packed: p[i] = a * b[i], three cycles later, for all a and b that P_W and LOWEST allow.
module formal_mul_packed #(
    parameter int PACK = 2,
    parameter int A_W = 3,
    parameter int B_W = 3,
    parameter int P_W = A_W + B_W,
    parameter bit LOWEST = 1
) (
    input logic clk,
    input logic signed [A_W-1:0] a,
    input logic [PACK*B_W-1:0] b
);
  logic [PACK*(A_W+B_W)-1:0] p;
  hwq_mul_packed #(.PACK(PACK), .A_W(A_W), .B_W(B_W), .P_W(P_W), .LOWEST(LOWEST)) u_dut (
      .clk(clk), .a(a), .b(b), .p(p)
  );
  generate
    for (genvar i = 0; i < PACK; i = i + 1) begin : g_product
      wire lowest = b[i*B_W+:B_W] == B_W'(1) << (B_W - 1);
      always_comb if (lowest) assume (LOWEST);
      formal_times #(.A_W(A_W), .B_W(B_W), .LATENCY(3)) u_product (
          .clk(clk), .a(a), .b(b[i*B_W+:B_W]), .p(p[i*(A_W+B_W)+:A_W+B_W])
      );
    end
  endgenerate
endmodule
