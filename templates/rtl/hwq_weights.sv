// Weights of a MAC array: one word of PE x SIMD codes for each step of a fold, decoded by tables where there are any.
// Rule L5.
//
//   FILE        word `step`: code of PE p, product s at [(p*SIMD + s)*CODE_W +: CODE_W]
//   ENTRIES     0: a code goes out as it is, and WGT_W = CODE_W. Else the size of a table: the entry that the code names
//               goes out, WGT_W bits; codes are below ENTRIES
//   TABLE_FILE  word nf: entry k of the table of PE p at [(p*ENTRIES + k)*WGT_W +: WGT_W]. Without CHANNEL_TABLES one
//               word, with the one table of all PEs; synthesis turns it into logic
//   latency     2, or 3 with tables; throughput one word a cycle
module hwq_weights #(
    parameter int PE = 2,
    parameter int SIMD = 2,
    parameter int WGT_W = 8,
    parameter int CODE_W = 8,
    parameter int ENTRIES = 0,
    parameter bit CHANNEL_TABLES = 0,
    parameter int SF = 4,
    parameter int NF = 2,
    parameter FILE = "",
    parameter TABLE_FILE = "",
    parameter STYLE = "auto",
    localparam int STEP_W = (NF * SF > 1) ? $clog2(NF * SF) : 1,
    localparam int NF_W = (NF > 1) ? $clog2(NF) : 1
) (
    input  logic                     clk,
    input  logic [STEP_W-1:0]        step,
    input  logic [NF_W-1:0]          nf,
    output logic [PE*SIMD*WGT_W-1:0] weights
);
  wire [PE*SIMD*CODE_W-1:0] codes;
  hwq_rom #(.W(PE * SIMD * CODE_W), .DEPTH(NF * SF), .FILE(FILE), .STYLE(STYLE)) u_codes (
      .clk(clk), .addr(step), .data(codes)
  );

  generate
    if (ENTRIES > 0) begin : g_tables
      localparam int TABLES = CHANNEL_TABLES ? PE : 1;
      localparam int TABLE_W = ENTRIES * WGT_W;
      localparam int PLACE_W = $clog2(TABLE_W);
      localparam int WORDS = CHANNEL_TABLES ? NF : 1;
      localparam int WORD_W = (WORDS > 1) ? $clog2(WORDS) : 1;
      wire [TABLES*TABLE_W-1:0] tables;
      hwq_rom #(.W(TABLES * TABLE_W), .DEPTH(WORDS), .FILE(TABLE_FILE)) u_tables (
          .clk(clk), .addr(CHANNEL_TABLES ? WORD_W'(nf) : '0), .data(tables)
      );
      wire [WGT_W-1:0] lane[0:PE*SIMD-1];
      for (genvar i = 0; i < PE * SIMD; i = i + 1) begin : g_lane
        localparam int TABLE = CHANNEL_TABLES ? i / SIMD : 0;
        wire [TABLE_W-1:0] entries = tables[TABLE*TABLE_W+:TABLE_W];
        wire [CODE_W-1:0] code = codes[i*CODE_W+:CODE_W];
        logic [WGT_W-1:0] weight_q;
        always_ff @(posedge clk) weight_q <= entries[PLACE_W'(code)*PLACE_W'(WGT_W)+:WGT_W];
        assign lane[i] = weight_q;
      end
      // Gathered in one process and passed on whole: Icarus is quadratic on a wide bus that is driven in slices.
      logic [PE*SIMD*WGT_W-1:0] gathered;
      always_comb begin
        for (int i = 0; i < PE * SIMD; i = i + 1) gathered[i*WGT_W+:WGT_W] = lane[i];
        weights = gathered;
      end
    end else begin : g_plain
      assign weights = codes;
    end
  endgenerate

`ifndef SYNTHESIS
  initial
    if (ENTRIES > 0 ? ENTRIES > (1 << CODE_W) : CODE_W != WGT_W)
      $fatal(1, "hwq_weights: ENTRIES=%0d CODE_W=%0d WGT_W=%0d", ENTRIES, CODE_W, WGT_W);
`endif
endmodule
