// hwq_delay: any word that is shifted in is at the output after N shifts, and stays there until the next one.
module formal_delay #(
    parameter int W = 2,
    parameter int N = 3
) (
    input logic clk,
    input logic rst,
    input logic en,
    input logic [W-1:0] d
);
  logic [W-1:0] q;
  hwq_delay #(.W(W), .N(N)) u_dut (.clk(clk), .rst(rst), .en(en), .d(d), .q(q));
  formal_reset u_reset (.clk(clk), .rst(rst));
  (* anyseq *) logic pick;
  logic picked = 1'b0;
  logic [7:0] left;  // shifts until the word is at the output
  logic [W-1:0] word;
  always_ff @(posedge clk)
    if (rst) picked <= 1'b0;
    else if (en) begin
      if (picked) begin
        if (left == '0) picked <= 1'b0;
        left <= left - 8'd1;
      end else begin
        picked <= pick;
        word <= d;
        left <= N - 1;
      end
    end
  always_comb begin
    if (!rst && picked && N > 0) begin
      in_range: assert (left < N);
      if (left == '0) delayed: assert (q == word);
    end
    if (N == 0) wired: assert (q == d);
    arrives: cover (!rst && (N == 0 || (picked && left == '0)));
  end
endmodule
