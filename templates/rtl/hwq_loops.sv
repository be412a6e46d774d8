// Seven nested loops, N0 the innermost: one iteration of the body for each cycle with `en`, starting over at the end.
//
//   level  how many loops, counted from the inside, are in their last iteration: the body's next iteration begins a new
//          iteration of loop `level` (7: all loops begin again). It belongs to the present iteration
//   outer  the count of the outermost loop, 0 .. N6-1
// A loop of one iteration is always in its last. Each end-of-loop flag is a register.
module hwq_loops #(
    parameter int N0 = 1,
    parameter int N1 = 1,
    parameter int N2 = 1,
    parameter int N3 = 1,
    parameter int N4 = 1,
    parameter int N5 = 1,
    parameter int N6 = 2,
    localparam int OUTER_W = (N6 > 1) ? $clog2(N6) : 1
) (
    input  logic               clk,
    input  logic               rst,
    input  logic               en,
    output logic [        2:0] level,
    output logic [OUTER_W-1:0] outer
);
  logic [6:0] last;   // the loop is in its last iteration
  logic [6:0] wraps;  // all loops inside it are

  assign wraps[0] = 1'b1;
  generate
    for (genvar i = 0; i < 7; i = i + 1) begin : g_loop
      localparam int N =
          (i == 0) ? N0 : (i == 1) ? N1 : (i == 2) ? N2 : (i == 3) ? N3 : (i == 4) ? N4 : (i == 5) ? N5 : N6;
      localparam int N_W = (N > 1) ? $clog2(N) : 1;

      logic [N_W-1:0] count_q;
      logic last_q;

      assign last[i] = last_q;
      if (i > 0) begin : g_outside
        assign wraps[i] = wraps[i-1] && last[i-1];
      end
      if (i == 6) begin : g_outer
        assign outer = count_q;
      end
      always_ff @(posedge clk) begin
        if (rst) begin
          count_q <= '0;
          last_q <= (N == 1);
        end else if (en && wraps[i]) begin
          count_q <= last_q ? '0 : count_q + 1'b1;
          last_q <= (N == 1) || (!last_q && count_q == N_W'(N - 2));
        end
      end
    end
  endgenerate

  always_comb begin
    casez (last)
      7'b??????0: level = 3'd0;
      7'b?????01: level = 3'd1;
      7'b????011: level = 3'd2;
      7'b???0111: level = 3'd3;
      7'b??01111: level = 3'd4;
      7'b?011111: level = 3'd5;
      7'b0111111: level = 3'd6;
      default: level = 3'd7;
    endcase
  end

`ifndef SYNTHESIS
  initial begin
    if (N0 < 1 || N1 < 1 || N2 < 1 || N3 < 1 || N4 < 1 || N5 < 1 || N6 < 1)
      $fatal(1, "hwq_loops: counts must be at least 1");
  end
`endif
endmodule
