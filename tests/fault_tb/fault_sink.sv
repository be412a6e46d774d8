// Tests only: takes an AXI4-Stream and writes "<episode> <tlast> <tdata>" of every beat to RECORD, in binary.
//
// FILE says when tready is low and high: pairs of cycles, again and again. `ahead` and `noise` as in fault_source.
module fault_sink #(
    parameter int W = 8,
    parameter FILE = "",
    parameter RECORD = ""
) (
    input  wire         clk,
    input  wire         rst,
    input  wire         ahead,
    input  wire         noise,
    input  wire  [31:0] episode,
    input  wire         tvalid,
    output logic        tready,
    input  wire  [W-1:0] tdata,
    input  wire         tlast,
    output wire  [31:0] beats
);
  int file, record, found, low, high, taken, wrong;
  logic held_q, last_q;
  logic [W-1:0] data_q;
  assign beats = taken;

  initial begin
    file = $fopen(FILE, "r");
    record = $fopen(RECORD, "w");
    if (file == 0 || record == 0) $fatal(1, "HWQ_ERROR cannot open %s or %s", FILE, RECORD);
    low = 0;
    high = 0;
    wrong = 0;
  end

  always @(posedge clk) begin
    held_q <= !rst && tvalid && !tready;
    data_q <= tdata;
    last_q <= tlast;
    if (rst === 1'b1) taken = 0;
    if (rst === 1'b0) begin
      if (tvalid === 1'bx) begin
        if (wrong == 0) $display("FAULT_ERROR %s: tvalid is unknown", RECORD);
        wrong = wrong + 1;
      end else if (held_q && (!tvalid || tdata !== data_q || tlast !== last_q)) begin
        if (wrong == 0) $display("FAULT_ERROR %s: beat %0d changed while stalled", RECORD, taken);
        wrong = wrong + 1;
      end
      if (tvalid && tready) begin
        $fdisplay(record, "%0d %b %b", episode, tlast, tdata);
        taken = taken + 1;
      end
    end
    if (ahead !== 1'b0) begin
`ifdef VERILATOR
      tready <= noise && 1'($random);
`else
      tready <= noise ? 1'bx : 1'b0;
`endif
    end else begin
      while (low == 0 && high == 0) begin
        found = $fscanf(file, "%d %d", low, high);
        if (found != 2) found = $rewind(file);
      end
      tready <= low == 0;
      if (low > 0) low = low - 1;
      else high = high - 1;
    end
  end
endmodule
