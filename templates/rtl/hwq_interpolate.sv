// A function of one value, by table (rule F1). With u = x less the lowest value of its type, i = floor(u / 2^STEP) and
// f = u mod 2^STEP:
//   y = clamp(floor((entry[i] * 2^STEP + delta[i] * f + half) / 2^(STEP + FRACTION))), half as for half up (rule R2)
//
//   FILE        word i: {delta[i], entry[i]}, both signed, of DELTA_W and ENTRY_W bits; delta[i] is the next entry less
//               this one. With STEP = 0 the word is the entry, and DELTA_W is not read
//   latency     8, or 5 with STEP = 0; throughput one value a cycle; free running, no stall
module hwq_interpolate #(
    parameter int IN_W = 8,
    parameter bit IN_SIGNED = 1,
    parameter int OUT_W = 8,
    parameter bit OUT_SIGNED = 1,
    parameter int STEP = 2,
    parameter int FRACTION = 0,
    parameter int ENTRY_W = 8,
    parameter int DELTA_W = 9,
    parameter FILE = "",
    parameter STYLE = "auto"
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             valid_i,
    input  logic [IN_W-1:0]  x,
    output logic             valid_o,
    output logic [OUT_W-1:0] y
);
  localparam int SUM_LATENCY = (STEP > 0) ? 5 : 2;
  localparam int DEPTH = 1 << (IN_W - STEP);
  localparam int ADDR_W = (DEPTH > 1) ? IN_W - STEP : 1;
  localparam int WORD_W = ENTRY_W + ((STEP > 0) ? DELTA_W : 0);
  localparam int SUM_W = ENTRY_W + STEP;
  localparam int QMIN = OUT_SIGNED ? -(1 << (OUT_W - 1)) : 0;
  localparam int QMAX = QMIN + (1 << OUT_W) - 1;

  logic [SUM_LATENCY-1:0] valid_q;
  always_ff @(posedge clk)
    if (rst) valid_q <= '0;
    else valid_q <= {valid_q[SUM_LATENCY-2:0], valid_i};

  // Two's complement with the sign bit inverted counts from the lowest value.
  wire [IN_W-1:0] u = x ^ (IN_W'(IN_SIGNED) << (IN_W - 1));
  wire [WORD_W-1:0] word;
  hwq_rom #(.W(WORD_W), .DEPTH(DEPTH), .FILE(FILE), .STYLE(STYLE)) u_entries (
      .clk(clk), .addr(ADDR_W'(u >> STEP)), .data(word)
  );

  wire signed [SUM_W-1:0] sum;
  generate
    if (STEP > 0) begin : g_line
      logic [STEP-1:0] f1_q, f2_q;
      logic signed [ENTRY_W-1:0] entry3_q, entry4_q;
      logic signed [SUM_W-1:0] sum_q;
      wire signed [DELTA_W+STEP:0] rise;
      hwq_mul #(.A_W(DELTA_W), .B_W(STEP + 1)) u_mul (
          .clk(clk), .a(word[ENTRY_W+:DELTA_W]), .b({1'b0, f2_q}), .p(rise)
      );
      always_ff @(posedge clk) begin
        f1_q <= u[STEP-1:0];
        f2_q <= f1_q;
        entry3_q <= word[ENTRY_W-1:0];
        entry4_q <= entry3_q;
        sum_q <= (SUM_W'(entry4_q) <<< STEP) + SUM_W'(rise);
      end
      assign sum = sum_q;
`ifndef SYNTHESIS
      wire signed [63:0] exact = (64'(entry4_q) <<< STEP) + 64'(rise);
      always @(posedge clk)
        if (valid_q[3] && !rst && exact != 64'(SUM_W'(exact)))
          $fatal(1, "hwq_interpolate: %m sum %0d lies between no two entries of ENTRY_W=%0d", exact, ENTRY_W);
`endif
    end else begin : g_entry
      assign sum = word;
    end
  endgenerate

  hwq_requant #(
      .LANES(1), .ACC_W(SUM_W), .MUL_EN(1'b0), .M_W(1), .SHIFT(STEP + FRACTION), .ROUND(1), .OUT_W(OUT_W), .ZERO(0),
      .QMIN(64'(QMIN)), .QMAX(64'(QMAX))
  ) u_requant (
      .clk(clk), .rst(rst), .valid_i(valid_q[SUM_LATENCY-1]), .acc(sum), .mul(1'b1), .valid_o(valid_o), .y(y)
  );

`ifndef SYNTHESIS
  initial begin
    if (STEP < 0 || STEP > IN_W || IN_W < 1) $fatal(1, "hwq_interpolate: IN_W=%0d STEP=%0d", IN_W, STEP);
    if (FRACTION < 0 || ENTRY_W < 2 || DELTA_W < 1)
      $fatal(1, "hwq_interpolate: FRACTION=%0d ENTRY_W=%0d DELTA_W=%0d", FRACTION, ENTRY_W, DELTA_W);
  end
`endif
endmodule
