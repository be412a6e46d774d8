// Place of a beat in the folds of a MAC array: NF folds of SF beats, over and over. The next beat's, until it fires.
//
// Registers but for two comparisons; one beat a cycle.
module hwq_folds #(
    parameter int SF = 4,  // beats of a fold
    parameter int NF = 2,  // folds
    localparam int NF_W = (NF > 1) ? $clog2(NF) : 1,
    localparam int WORD_W = (NF * SF > 1) ? $clog2(NF * SF) : 1
) (
    input  logic              clk,
    input  logic              rst,
    input  logic              fire,
    output logic              first,    // beat of its fold
    output logic              last,
    output logic [  NF_W-1:0] nf,       // number of the fold
    output logic              last_nf,  // it is the last one
    output logic [WORD_W-1:0] word      // nf * SF + the number of the beat
);
  localparam int SF_W = (SF > 1) ? $clog2(SF) : 1;

  logic [SF_W-1:0] sf_q;
  logic [NF_W-1:0] nf_q;
  logic [WORD_W-1:0] word_q;
  logic last_sf_q;
  assign first = sf_q == '0;
  assign last = last_sf_q;
  assign nf = nf_q;
  assign last_nf = nf_q == NF_W'(NF - 1);
  assign word = word_q;

  always_ff @(posedge clk)
    if (rst) begin
      sf_q <= '0;
      nf_q <= '0;
      word_q <= '0;
      last_sf_q <= SF == 1;
    end else if (fire) begin
      sf_q <= last_sf_q ? '0 : sf_q + SF_W'(1);
      last_sf_q <= (SF == 1) || (sf_q == SF_W'(SF - 2));
      word_q <= (last_sf_q && last_nf) ? '0 : word_q + WORD_W'(1);
      if (last_sf_q) nf_q <= last_nf ? '0 : nf_q + NF_W'(1);
    end

`ifndef SYNTHESIS
  initial if (SF < 1 || NF < 1) $fatal(1, "hwq_folds: SF=%0d NF=%0d, expected at least 1", SF, NF);
`endif
endmodule
