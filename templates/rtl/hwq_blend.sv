// Sum of one or two products, requantised (rules S3, S4, R1):
//   y = clamp(round((a * b * 2^SA + c * d * 2^SB) / 2^SHIFT) + ZERO, QMIN, QMAX), without c * d where PAIRS is 1
//
//   a .. d      signed
//   latency     5; throughput one result a cycle; free running, no stall
module hwq_blend #(
    parameter int PAIRS = 2,
    parameter int A_W = 16,
    parameter int B_W = 16,
    parameter int C_W = 16,
    parameter int D_W = 16,
    parameter int SA = 0,
    parameter int SB = 0,
    parameter int SHIFT = 14,
    parameter int ROUND = 1,
    parameter int OUT_W = 16,
    parameter int ZERO = 0,
    parameter int QMIN = -32768,
    parameter int QMAX = 32767
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             valid_i,
    input  logic [A_W-1:0]   a,
    input  logic [B_W-1:0]   b,
    input  logic [C_W-1:0]   c,
    input  logic [D_W-1:0]   d,
    output logic             valid_o,
    output logic [OUT_W-1:0] y
);
  localparam int AB_W = A_W + B_W + SA;
  localparam int CD_W = C_W + D_W + SB;
  localparam int ACC_W = (PAIRS == 1) ? AB_W : ((AB_W > CD_W) ? AB_W : CD_W) + 1;

  logic [1:0] valid_q;
  always_ff @(posedge clk)
    if (rst) valid_q <= '0;
    else valid_q <= {valid_q[0], valid_i};

  wire signed [A_W+B_W-1:0] ab;
  wire signed [ACC_W-1:0] sum;
  hwq_mul #(.A_W(A_W), .B_W(B_W)) u_ab (.clk(clk), .a(a), .b(b), .p(ab));
  generate
    if (PAIRS == 2) begin : g_two
      wire signed [C_W+D_W-1:0] cd;
      hwq_mul #(.A_W(C_W), .B_W(D_W)) u_cd (.clk(clk), .a(c), .b(d), .p(cd));
      assign sum = (ACC_W'(ab) <<< SA) + (ACC_W'(cd) <<< SB);
    end else begin : g_one
      assign sum = ACC_W'(ab) <<< SA;
    end
  endgenerate

  hwq_requant #(
      .LANES(1), .ACC_W(ACC_W), .MUL_EN(1'b0), .M_W(1), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(OUT_W), .ZERO(64'(ZERO)),
      .QMIN(64'(QMIN)), .QMAX(64'(QMAX))
  ) u_requant (
      .clk(clk), .rst(rst), .valid_i(valid_q[1]), .acc(sum), .mul(1'b1), .valid_o(valid_o), .y(y)
  );

`ifndef SYNTHESIS
  initial if (PAIRS < 1 || PAIRS > 2 || SA < 0 || SB < 0) $fatal(1, "hwq_blend: PAIRS=%0d SA=%0d SB=%0d", PAIRS, SA, SB);
`endif
endmodule
