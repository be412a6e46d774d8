// hwq_folds: NF folds of SF beats, over and over, by a plain count.
module formal_folds #(
    parameter int SF = 3,
    parameter int NF = 2,
    localparam int NF_W = (NF > 1) ? $clog2(NF) : 1,
    localparam int WORD_W = (NF * SF > 1) ? $clog2(NF * SF) : 1
) (
    input logic clk,
    input logic rst,
    input logic fire
);
  logic first, last, last_nf;
  logic [NF_W-1:0] nf;
  logic [WORD_W-1:0] word;
  hwq_folds #(.SF(SF), .NF(NF)) u_dut (
      .clk(clk), .rst(rst), .fire(fire), .first(first), .last(last), .nf(nf), .last_nf(last_nf), .word(word)
  );
  formal_reset u_reset (.clk(clk), .rst(rst));
  logic [7:0] fold, beat;
  initial {fold, beat} = '0;
  always_ff @(posedge clk)
    if (rst) {fold, beat} <= '0;
    else if (fire) begin
      beat <= (beat == SF - 1) ? '0 : beat + 8'd1;
      if (beat == SF - 1) fold <= (fold == NF - 1) ? '0 : fold + 8'd1;
    end
  logic begun_q = 1'b0;
  always_ff @(posedge clk) begun_q <= 1'b1;
  always_comb begin
    if (begun_q && !rst) begin
      in_range: assert (fold < NF && beat < SF);
      place: assert (word == fold * SF + beat && nf == fold);
      ends: assert (first == (beat == '0) && last == (beat == SF - 1) && last_nf == (fold == NF - 1));
    end
    over: cover (!rst && fire && word == NF * SF - 1);
  end
endmodule
