// Simulation only: compares the beats that move on a stream with FILE, one hexadecimal word a line, read as they come.
//
// Lanes beyond CHANNELS in the last beat of a pixel are ignored. Unknown bits count as a mismatch, and so does a beat for
// which FILE has no word. Reset starts FILE again. The first SHOW mismatches are printed as "HWQ_MISMATCH <NAME> beat=<n> got=<hex> want=<hex>".
//
// With the plusarg +record every beat is written to RECORD as it is, in binary, one word a line; RECORD's folder must exist.
module hwq_tb_check #(
    parameter int W = 8,         // bits of a beat
    parameter int LANES = 1,     // lanes of a beat
    parameter int CHANNELS = 1,  // channels of a pixel
    parameter int SHOW = 8,
    parameter FILE = "",
    parameter NAME = "stream",
    parameter RECORD = "record.txt"
) (
    input  wire         clk,
    input  wire         rst,
    input  wire         tvalid,
    input  wire         tready,
    input  wire [W-1:0] tdata,
    output wire [31:0]  beats,
    output wire [31:0]  mismatches
);
  localparam int LANE_W = W / LANES;
  localparam int PIXEL_BEATS = (CHANNELS + LANES - 1) / LANES;
  localparam int LAST_LANES = CHANNELS - (PIXEL_BEATS - 1) * LANES;
  localparam logic [W-1:0] LAST_CARE = {W{1'b1}} >> (W - LAST_LANES * LANE_W);

  int file, record, found, seen, wrong;
  logic [W-1:0] want, care;
  assign beats = seen;
  assign mismatches = wrong;

  initial begin
    file = $fopen(FILE, "r");
    if (file == 0) $fatal(1, "HWQ_ERROR cannot open %s", FILE);
    record = 0;
    if ($test$plusargs("record")) begin
      record = $fopen(RECORD, "w");
      if (record == 0) $fatal(1, "HWQ_ERROR cannot write %s", RECORD);
    end
  end

  always @(posedge clk)
    if (rst) begin
      found = $rewind(file);
      seen = 0;
      wrong = 0;
    end else if (tvalid && tready) begin
      found = $fscanf(file, "%h", want);
      care = (seen % PIXEL_BEATS == PIXEL_BEATS - 1) ? LAST_CARE : {W{1'b1}};
      if (found != 1 || (tdata & care) !== (want & care)) begin
        if (wrong < SHOW) $display("HWQ_MISMATCH %0s beat=%0d got=%h want=%h", NAME, seen, tdata & care, want & care);
        wrong = wrong + 1;
      end
      seen = seen + 1;
      if (record != 0) begin
        $fdisplay(record, "%b", tdata);
        $fflush(record);  // after a $fatal some simulators write nothing more
      end
    end
endmodule
