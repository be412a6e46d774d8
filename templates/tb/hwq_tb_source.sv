// Simulation only: drives an AXI4-Stream from FILE, one hexadecimal word a line, for `frames` frames of BEATS words.
//
// Each time a new beat may start it is held back with a probability of `stall` per cent; a beat once valid stays so.
// Between beats tdata is unknown, where the simulator knows such a value.
// Reset starts FILE again.
module hwq_tb_source #(
    parameter int W = 8,
    parameter int BEATS = 1,
    parameter FILE = ""
) (
    input  wire         clk,
    input  wire         rst,
    input  wire  [31:0] frames,
    input  wire  [31:0] stall,
    input  wire  [31:0] seed,
    output logic        tvalid,
    input  wire         tready,
    output logic [W-1:0] tdata,
    output logic        tlast
);
  int file, found;
  int sent;
  wire stalled;
  logic [W-1:0] word;

  hwq_tb_stall u_stall (.clk(clk), .rst(rst), .percent(stall), .seed(seed), .stalled(stalled));

  initial begin
    file = $fopen(FILE, "r");
    if (file == 0) $fatal(1, "HWQ_ERROR cannot open %s", FILE);
  end

  always @(posedge clk) begin
    if (rst) begin
      found = $rewind(file);
      sent = 0;
      tvalid <= 1'b0;
      tlast <= 1'b0;
    end else if (!tvalid || tready) begin
      if (sent < frames * BEATS && !stalled) begin
        found = $fscanf(file, "%h", word);
        if (found != 1) $fatal(1, "HWQ_ERROR %s ends after %0d words", FILE, sent);
        tvalid <= 1'b1;
        tdata <= word;
        tlast <= sent % BEATS == BEATS - 1;
        sent = sent + 1;
      end else begin
        tvalid <= 1'b0;
        tdata <= 'x;
      end
    end
  end
endmodule
