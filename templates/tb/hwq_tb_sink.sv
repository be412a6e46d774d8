// Simulation only: takes an AXI4-Stream and compares it with FILE; BEATS words a frame.
//
// tready is low with a probability of `stall` per cent. Checks besides the words: tlast on the last beat of a frame
// and on no other, tvalid and tdata held while stalled. Prints "HWQ_FRAME <NAME> <frame> <cycle>" at the end of each frame.
module hwq_tb_sink #(
    parameter int W = 8,
    parameter int BEATS = 1,
    parameter FILE = "",
    parameter NAME = "m_axis",
    parameter RECORD = "record.txt"
) (
    input  wire         clk,
    input  wire         rst,
    input  wire  [31:0] stall,
    input  wire  [31:0] seed,
    input  wire  [31:0] cycle,
    input  wire         tvalid,
    output logic        tready,
    input  wire  [W-1:0] tdata,
    input  wire         tlast,
    output wire  [31:0] frames,
    output wire  [31:0] errors
);
  int beat, done, faults;
  wire stalled;
  logic held_q;
  logic [W-1:0] data_q;
  wire [31:0] beats, mismatches;

  hwq_tb_check #(.W(W), .FILE(FILE), .NAME(NAME), .RECORD(RECORD)) u_check (
      .clk(clk), .rst(rst), .tvalid(tvalid), .tready(tready), .tdata(tdata), .beats(beats), .mismatches(mismatches)
  );
  hwq_tb_stall u_stall (.clk(clk), .rst(rst), .percent(stall), .seed(~seed), .stalled(stalled));
  assign frames = done;
  assign errors = mismatches + faults;

  always @(posedge clk) begin
    tready <= !rst && !stalled;
    held_q <= !rst && tvalid && !tready;
    data_q <= tdata;
    if (rst) begin
      beat = 0;
      done = 0;
      faults = 0;
    end
    if (!rst && held_q && (!tvalid || tdata !== data_q)) begin
      faults = faults + 1;
      $display("HWQ_MISMATCH %0s: beat %0d changed while stalled", NAME, beat);
    end
    if (!rst && tvalid && tready) begin
      if (tlast !== (beat == BEATS - 1)) begin
        faults = faults + 1;
        $display("HWQ_MISMATCH %0s: tlast is %b at beat %0d of %0d", NAME, tlast, beat, BEATS);
      end
      beat = beat + 1;
      if (beat == BEATS) begin
        $display("HWQ_FRAME %0s %0d %0d", NAME, done, cycle);
        beat = 0;
        done = done + 1;
      end
    end
  end
endmodule
