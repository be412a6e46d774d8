// One exponential of a softmax (rule N1): the table at (max - x) / 2^STEP, between its entries along straight lines.
//   e = floor((exps[i] * (2^STEP - f) + exps[i+1] * f + 2^(STEP-1)) / 2^STEP),  max - x = i * 2^STEP + f
//     = exps[i] + floor((2^(STEP-1) - (exps[i] - exps[i+1]) * f) / 2^STEP)
//
//   max, x      max is the value itself with one more bit than x, which is signed or not; x <= max
//   FILE        ENTRIES words {exps[i] - exps[i+1], exps[i]}, or with STEP = 0 the entries alone; the last entry stands
//               for all that follow it
//   latency     4, or 7 with STEP > 0
//   throughput  one a cycle, no stall
module hwq_softmax_exp #(
    parameter int ACT_W = 8,
    parameter bit ACT_SIGNED = 1,
    parameter int STEP = 2,
    parameter int ENTRIES = 65,
    parameter FILE = "",
    localparam int EXP_W = 16
) (
    input  logic                  clk,
    input  logic signed [ACT_W:0] max,
    input  logic [ACT_W-1:0]      x,
    output logic [EXP_W-1:0]      e
);
  localparam int ADDR_W = (ENTRIES > 1) ? $clog2(ENTRIES) : 1;
  localparam int INDEX_W = ((ACT_W - STEP > ADDR_W) ? ACT_W - STEP : ADDR_W) + 1;

  wire signed [ACT_W:0] wide = {ACT_SIGNED && x[ACT_W-1], x};
  logic [ACT_W-1:0] below_q;
  wire [INDEX_W-1:0] index = INDEX_W'(below_q >> STEP);
  logic [ADDR_W-1:0] addr_q;
  always_ff @(posedge clk) begin
    below_q <= ACT_W'(max - wide);
    addr_q <= (index < INDEX_W'(ENTRIES)) ? ADDR_W'(index) : ADDR_W'(ENTRIES - 1);
  end

  generate
    if (STEP == 0) begin : g_entries
      hwq_rom #(.W(EXP_W), .DEPTH(ENTRIES), .FILE(FILE)) u_rom (.clk(clk), .addr(addr_q), .data(e));
    end else begin : g_lines
      localparam int FALL_W = EXP_W + STEP + 2;
      localparam logic signed [FALL_W-1:0] HALF = FALL_W'(1) << (STEP - 1);
      wire [EXP_W-1:0] drop, entry;
      hwq_rom #(.W(2 * EXP_W), .DEPTH(ENTRIES), .FILE(FILE)) u_rom (.clk(clk), .addr(addr_q), .data({drop, entry}));

      logic [STEP-1:0] fraction2_q, fraction3_q, fraction4_q;
      logic [EXP_W-1:0] entry5_q, entry6_q;
      wire signed [FALL_W-1:0] fall;
      hwq_mul #(.A_W(EXP_W + 1), .B_W(STEP + 1)) u_mul (
          .clk(clk), .a({1'b0, drop}), .b({1'b0, fraction4_q}), .p(fall)
      );
      wire [EXP_W-1:0] change = EXP_W'((HALF - fall) >>> STEP);
      always_ff @(posedge clk) begin
        fraction2_q <= STEP'(below_q);
        fraction3_q <= fraction2_q;
        fraction4_q <= fraction3_q;
        entry5_q <= entry;
        entry6_q <= entry5_q;
        e <= entry6_q + change;
      end
    end
  endgenerate

`ifndef SYNTHESIS
  initial if (STEP < 0 || STEP > ACT_W || ENTRIES < 1)
    $fatal(1, "hwq_softmax_exp: ACT_W=%0d STEP=%0d ENTRIES=%0d", ACT_W, STEP, ENTRIES);
`endif
endmodule
