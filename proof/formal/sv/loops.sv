// hwq_loops: seven nested loops, by plain counts.
module formal_loops #(
    parameter int N0 = 2,
    parameter int N1 = 1,
    parameter int N2 = 3,
    parameter int N3 = 1,
    parameter int N4 = 1,
    parameter int N5 = 2,
    parameter int N6 = 3,
    localparam int OUTER_W = (N6 > 1) ? $clog2(N6) : 1
) (
    input logic clk,
    input logic rst,
    input logic en
);
  logic [2:0] level;
  logic [OUTER_W-1:0] outer;
  hwq_loops #(.N0(N0), .N1(N1), .N2(N2), .N3(N3), .N4(N4), .N5(N5), .N6(N6)) u_dut (
      .clk(clk), .rst(rst), .en(en), .level(level), .outer(outer)
  );
  formal_reset u_reset (.clk(clk), .rst(rst));
  localparam [7*8-1:0] N = {8'(N6), 8'(N5), 8'(N4), 8'(N3), 8'(N2), 8'(N1), 8'(N0)};
  logic [7*8-1:0] count, next;
  logic [2:0] ends;  // loops that are in their last iteration, from the inside, without a gap
  logic carry;
  always_comb begin
    carry = 1'b1;
    ends = '0;
    next = count;
    for (int i = 0; i < 7; i = i + 1)
      if (carry) begin
        carry = count[i*8+:8] == N[i*8+:8] - 8'd1;
        next[i*8+:8] = carry ? '0 : count[i*8+:8] + 8'd1;
        if (carry) ends = ends + 3'd1;
      end
  end
  initial count = '0;
  always_ff @(posedge clk)
    if (rst) count <= '0;
    else if (en) count <= next;
  logic begun_q = 1'b0;
  always_ff @(posedge clk) begun_q <= 1'b1;
  always_comb begin
    if (begun_q && !rst) begin
      levels: assert (level == ends);
      outermost: assert (outer == count[6*8+:8]);
    end
    all_end: cover (!rst && level == 3'd7 && en);
  end
endmodule
