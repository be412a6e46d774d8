// Simulation only: `stalled` is high in a cycle with a probability of `percent`, from a xorshift of its own, so that all
// simulators see the same stalls. Seeds one apart give sequences that have nothing in common.
module hwq_tb_stall (
    input  wire        clk,
    input  wire        rst,
    input  wire [31:0] percent,
    input  wire [31:0] seed,
    output wire        stalled
);
  logic [31:0] random;
  wire [31:0] left = random ^ (random << 13);
  wire [31:0] right = left ^ (left >> 17);
  assign stalled = random[30:8] % 100 < percent;

  always_ff @(posedge clk) random <= rst ? (seed * 32'h9e3779b9) | 32'd1 : right ^ (right << 5);
endmodule
