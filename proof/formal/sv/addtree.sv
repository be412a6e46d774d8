// hwq_addtree: the signed sum of N terms, modulo 2^OUT_W, for all terms.
module formal_addtree #(
    parameter int N = 5,
    parameter int IN_W = 3,
    parameter int OUT_W = 6,
    localparam int LATENCY = $clog2(N)
) (
    input logic clk,
    input logic [N*IN_W-1:0] d
);
  logic signed [OUT_W-1:0] sum, total;
  hwq_addtree #(.N(N), .IN_W(IN_W), .OUT_W(OUT_W)) u_dut (.clk(clk), .d(d), .sum(sum));
  always_comb begin
    total = '0;
    for (int i = 0; i < N; i = i + 1) total = total + OUT_W'($signed(d[i*IN_W+:IN_W]));
  end
  formal_pipe #(.W(OUT_W), .LATENCY(LATENCY)) u_pipe (.clk(clk), .y(total), .out(sum));
endmodule
