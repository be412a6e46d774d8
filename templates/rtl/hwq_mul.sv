// Signed multiplier: p = a * b, two cycles later (operand registers, product register).
//
// The one place for a vendor's multiplier primitive. Plain code here: the synthesisers of Xilinx and Intel pack
// both registers into their DSP blocks.
//   throughput  one product a cycle, no stall
module hwq_mul #(
    parameter int A_W = 8,
    parameter int B_W = 8
) (
    input  logic                      clk,
    input  logic signed [A_W-1:0]     a,
    input  logic signed [B_W-1:0]     b,
    output logic signed [A_W+B_W-1:0] p
);
  logic signed [A_W-1:0] a_q;
  logic signed [B_W-1:0] b_q;

  always_ff @(posedge clk) begin
    a_q <= a;
    b_q <= b;
    p <= (A_W + B_W)'(a_q) * (A_W + B_W)'(b_q);
  end
endmodule
