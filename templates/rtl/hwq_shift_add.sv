// Product with a sum of signed powers of two (rule L6), three cycles later, without a multiplier:
//   p = sum over t < TERMS of (-1)^sign * (magnitude > 0 ? a * 2^(magnitude - 1) : 0)
//
//   code        term t at code[t*TERM_W +: TERM_W]: its sign in the top bit, its magnitude below
//   throughput  one product a cycle, no stall
//
// The stages are: a and -a (which synthesis shares among all lanes that read a), shift, sum.
module hwq_shift_add #(
    parameter int A_W = 8,
    parameter int TERMS = 2,
    parameter int TERM_W = 4,
    parameter int P_W = 16
) (
    input  logic                    clk,
    input  logic signed [A_W-1:0]   a,
    input  logic [TERMS*TERM_W-1:0] code,
    output logic signed [P_W-1:0]   p
);
  localparam int MAGNITUDE_W = TERM_W - 1;

  wire signed [A_W:0] wide = (A_W + 1)'(a);
  logic signed [A_W:0] plus_q, minus_q;
  logic [TERMS*TERM_W-1:0] code_q;
  always_ff @(posedge clk) begin
    plus_q <= wide;
    minus_q <= -wide;
    code_q <= code;
  end

  wire signed [P_W-1:0] term[0:TERMS-1];
  generate
    for (genvar t = 0; t < TERMS; t = t + 1) begin : g_term
      wire [MAGNITUDE_W-1:0] magnitude = code_q[t*TERM_W+:MAGNITUDE_W];
      wire signed [P_W-1:0] once = P_W'(code_q[t*TERM_W+MAGNITUDE_W] ? minus_q : plus_q);
      logic signed [P_W-1:0] power_q;
      always_ff @(posedge clk) power_q <= (magnitude == '0) ? '0 : once <<< (magnitude - MAGNITUDE_W'(1));
      assign term[t] = power_q;
    end
    if (TERMS == 1) begin : g_one
      always_ff @(posedge clk) p <= term[0];
    end else begin : g_two
      always_ff @(posedge clk) p <= term[0] + term[1];
    end
  endgenerate

`ifndef SYNTHESIS
  initial
    if (TERMS < 1 || TERMS > 2 || TERM_W < 2)
      $fatal(1, "hwq_shift_add: TERMS=%0d TERM_W=%0d, expected 1 or 2 terms of 2 bits or more", TERMS, TERM_W);
`endif
endmodule
