// PACK products with one factor in common, from one multiplier: p[i] = a * b[i], three cycles later.
//
// Both signed; b[i] at b[i*B_W +: B_W], p[i] at p[i*(A_W+B_W) +: A_W+B_W]. The other factors stand side by side in one,
// K bits apart, where K = P_W bits hold any product:
//   word = sum of b[i] * 2^(K*i)          a * word = sum of p[i] * 2^(K*i)
// A negative product borrows from the one above it. So half a field, 2^(K-1), is added to all but the top one: then
// each field is a number from 0 to 2^K - 1, the product plus half, and the product itself has the top bit inverted.
//   P_W         A_W + B_W; one less if a or b never has its lowest value, as a number without sign has not
//   LOWEST      1 if b[i] may be -2^(B_W-1): word has (PACK-1)*P_W + B_W + LOWEST bits
//   throughput  PACK products a cycle, no stall
module hwq_mul_packed #(
    parameter int PACK = 2,
    parameter int A_W = 8,
    parameter int B_W = 8,
    parameter int P_W = A_W + B_W,
    parameter bit LOWEST = 1
) (
    input  logic                      clk,
    input  logic signed [A_W-1:0]     a,
    input  logic [PACK*B_W-1:0]       b,
    output logic [PACK*(A_W+B_W)-1:0] p
);
  localparam int WORD_W = (PACK - 1) * P_W + B_W + int'(LOWEST);
  localparam int SUM_W = A_W + WORD_W;

  function automatic [SUM_W-1:0] halves(input int count);  // 2^(P_W-1) in each of the lowest `count` fields
    halves = '0;
    for (int i = 0; i < count; i = i + 1) halves[i*P_W+P_W-1] = 1'b1;
  endfunction
  localparam logic [SUM_W-1:0] HALVES = halves(PACK - 1);

  logic signed [WORD_W-1:0] word;
  always_comb begin
    word = '0;
    for (int i = 0; i < PACK; i = i + 1) word = word + (WORD_W'($signed(b[i*B_W+:B_W])) <<< (i * P_W));
  end

  wire signed [SUM_W-1:0] product;
  hwq_mul #(.A_W(WORD_W), .B_W(A_W)) u_mul (.clk(clk), .a(word), .b(a), .p(product));

  logic [SUM_W-1:0] sum_q;
  always_ff @(posedge clk) sum_q <= product + HALVES;

  generate
    for (genvar i = 0; i < PACK; i = i + 1) begin : g_product
      wire [P_W-1:0] field;
      if (i == PACK - 1) begin : g_top
        assign field = sum_q[i*P_W+:P_W];
      end else begin : g_lower
        assign field = {!sum_q[i*P_W+P_W-1], sum_q[i*P_W+:P_W-1]};
      end
      assign p[i*(A_W+B_W)+:A_W+B_W] = (A_W + B_W)'($signed(field));
    end
  endgenerate
endmodule
