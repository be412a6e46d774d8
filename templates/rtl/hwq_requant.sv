// Requantiser (rules R1, R2) on LANES lanes; exact, rounds once:
//   y = clamp(round(acc * mul / 2^SHIFT) + ZERO, QMIN, QMAX)
//
//   acc         signed, lane l at acc[l*ACC_W +: ACC_W]
//   mul         unsigned, lane l at mul[l*M_W +: M_W]; not read with MUL_EN = 0, which means mul = 1;
//               with MANT_W > 0 {exponent, mantissa / 2}: the factor is mantissa * 2^exponent, the mantissa odd and of
//               MANT_W bits; MANT_W - 1 adders and a shifter take the place of the multiplier
//   ROUND       0 floor, 1 half up (toward +inf), 2 half to even, 3 half away from zero
//   latency     3, or 5 with MUL_EN; throughput one beat a cycle; free running, no stall
//
// round(p / 2^S) = floor((p + offset) / 2^S): offset is 2^(S-1) where a tie goes up and 2^(S-1) - 1 where it goes
// down. The accumulator is multiplied in pieces of 17 bits, so that each piece fits an 18 x 18 multiplier.
module hwq_requant #(
    parameter int LANES = 1,
    parameter int ACC_W = 24,
    parameter bit MUL_EN = 1,
    parameter int MANT_W = 0,
    parameter int M_W = 16,
    parameter int SHIFT = 15,
    parameter int ROUND = 1,
    parameter int OUT_W = 8,
    parameter signed [63:0] ZERO = 0,
    parameter signed [63:0] QMIN = -128,
    parameter signed [63:0] QMAX = 127
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   valid_i,
    input  logic [LANES*ACC_W-1:0] acc,
    input  logic [LANES*M_W-1:0]   mul,
    output logic                   valid_o,
    output logic [LANES*OUT_W-1:0] y
);
  localparam int LATENCY = MUL_EN ? 5 : 3;
  localparam int PIECE_W = 17;
  localparam int PIECES = (ACC_W + PIECE_W - 2) / PIECE_W;
  localparam int MAX_MANT_W = 4;
  localparam int SCALED_W = ACC_W + ((MANT_W > 1) ? MANT_W : 0);
  localparam int FACTOR_W = (MANT_W > 0) ? SCALED_W - ACC_W + (1 << (M_W - MANT_W + 1)) - 1 : M_W;
  localparam int PROD_W = MUL_EN ? ACC_W + FACTOR_W : ACC_W;
  localparam int SUM_W = ((PROD_W > SHIFT) ? PROD_W : SHIFT) + 1;
  localparam int QUOT_W = SUM_W - SHIFT;
  localparam int CLAMP_W = (QUOT_W > OUT_W + 2) ? QUOT_W : OUT_W + 2;
  localparam logic signed [SUM_W-1:0] HALF = (SUM_W'(1) << SHIFT) >> 1;
  localparam logic signed [CLAMP_W-1:0] LOW = CLAMP_W'(QMIN - ZERO);
  localparam logic signed [CLAMP_W-1:0] HIGH = CLAMP_W'(QMAX - ZERO);

  logic [LATENCY-1:0] valid_q;
  always_ff @(posedge clk)
    if (rst) valid_q <= '0;
    else valid_q <= {valid_q[LATENCY-2:0], valid_i};
  assign valid_o = valid_q[LATENCY-1];

  generate
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
      logic signed [PROD_W-1:0] prod_q;
      if (MUL_EN && MANT_W > 0) begin : g_mantissa
        wire [M_W:0] word = {mul[l*M_W+:M_W], 1'b1};
        wire [MAX_MANT_W-1:0] mantissa = MAX_MANT_W'(word[MANT_W-1:0]);
        wire signed [SCALED_W-1:0] once = SCALED_W'($signed(acc[l*ACC_W+:ACC_W]));
        logic [M_W-MANT_W:0] exponent1_q, exponent2_q;
        logic signed [SCALED_W-1:0] low_q, high_q, scaled_q;
        always_ff @(posedge clk) begin
          low_q <= (mantissa[0] ? once : '0) + (mantissa[1] ? once <<< 1 : '0);
          high_q <= (mantissa[2] ? once <<< 2 : '0) + (mantissa[3] ? once <<< 3 : '0);
          exponent1_q <= word[M_W:MANT_W];
          scaled_q <= low_q + high_q;
          exponent2_q <= exponent1_q;
          prod_q <= PROD_W'(scaled_q) <<< exponent2_q;
        end
      end else if (MUL_EN) begin : g_mul
        wire signed [PROD_W-1:0] partial[0:PIECES-1];
        for (genvar k = 0; k < PIECES; k = k + 1) begin : g_piece
          localparam int A_W = (k == PIECES - 1) ? ACC_W - PIECE_W * k : PIECE_W + 1;
          wire signed [A_W-1:0] piece;
          wire signed [A_W+M_W:0] p;
          if (k == PIECES - 1) begin : g_top
            assign piece = acc[l*ACC_W+PIECE_W*k+:A_W];
          end else begin : g_low
            assign piece = {1'b0, acc[l*ACC_W+PIECE_W*k+:PIECE_W]};
          end
          hwq_mul #(.A_W(A_W), .B_W(M_W + 1)) u_mul (.clk(clk), .a(piece), .b({1'b0, mul[l*M_W+:M_W]}), .p(p));
          assign partial[k] = PROD_W'(p) <<< (PIECE_W * k);
        end
        if (PIECES == 1) begin : g_one
          always_ff @(posedge clk) prod_q <= partial[0];
        end else if (PIECES == 2) begin : g_two
          always_ff @(posedge clk) prod_q <= partial[0] + partial[1];
        end else begin : g_three
          always_ff @(posedge clk) prod_q <= partial[0] + partial[1] + partial[2];
        end
      end else begin : g_shift
        always_ff @(posedge clk) prod_q <= acc[l*ACC_W+:ACC_W];
      end

      wire signed [SUM_W-1:0] wide = SUM_W'(prod_q);
      wire signed [SUM_W-1:0] offset;
      if (SHIFT == 0 || ROUND == 0) begin : g_floor
        assign offset = '0;
      end else if (ROUND == 1) begin : g_half_up
        assign offset = HALF;
      end else if (ROUND == 2) begin : g_half_even
        assign offset = wide[SHIFT] ? HALF : HALF - SUM_W'(1);
      end else begin : g_half_away
        assign offset = wide[SUM_W-1] ? HALF - SUM_W'(1) : HALF;
      end
      wire signed [SUM_W-1:0] biased = wide + offset;
      logic signed [QUOT_W-1:0] quot_q;
      always_ff @(posedge clk) quot_q <= QUOT_W'(biased >>> SHIFT);

      wire signed [CLAMP_W-1:0] quot = CLAMP_W'(quot_q);
      logic [OUT_W-1:0] y_q;
      always_ff @(posedge clk)
        if (quot > HIGH) y_q <= OUT_W'(QMAX);
        else if (quot < LOW) y_q <= OUT_W'(QMIN);
        else y_q <= OUT_W'(quot) + OUT_W'(ZERO);
      assign y[l*OUT_W+:OUT_W] = y_q;
    end
  endgenerate

`ifndef SYNTHESIS
  initial begin
    if (LANES < 1 || ACC_W < 2 || ACC_W > (MUL_EN ? 52 : 64)) $fatal(1, "hwq_requant: LANES=%0d ACC_W=%0d", LANES, ACC_W);
    if (SHIFT < 0 || ROUND < 0 || ROUND > 3) $fatal(1, "hwq_requant: SHIFT=%0d ROUND=%0d", SHIFT, ROUND);
    if (OUT_W < 1 || OUT_W > 32 || QMIN > QMAX || QMAX - QMIN >= (1 << OUT_W))
      $fatal(1, "hwq_requant: QMIN=%0d QMAX=%0d do not fit OUT_W=%0d", QMIN, QMAX, OUT_W);
    if (ZERO < -(1 << OUT_W) || ZERO >= (1 << OUT_W)) $fatal(1, "hwq_requant: ZERO=%0d OUT_W=%0d", ZERO, OUT_W);
    if (MUL_EN && (MANT_W < 0 || MANT_W > MAX_MANT_W || M_W < 1 || M_W > 25))
      $fatal(1, "hwq_requant: MANT_W=%0d M_W=%0d", MANT_W, M_W);
    if (MUL_EN && MANT_W > 0 && (M_W < MANT_W || M_W > MANT_W + 3))
      $fatal(1, "hwq_requant: an exponent of %0d bits, expected 1 to 4", M_W - MANT_W + 1);
  end
`endif
endmodule
