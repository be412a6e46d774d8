// Tests only: drives an AXI4-Stream from FILE, lines of "<kind> <gap> <word> <last>".
//
// kind 1 is a beat, offered <gap> cycles after the one before; kind 0 ends an episode: reset goes on behind the next one
// of these. `ahead` is what rst will be after this clock edge. With `noise` all that means nothing is noise, X or random bits
// in a simulator without X: tdata and tlast while tvalid is low, bits beyond USED, and every signal while rst is high.
module fault_source #(
    parameter int W = 8,
    parameter int USED = W,  // bits that carry something
    parameter FILE = ""
) (
    input  wire         clk,
    input  wire         rst,
    input  wire         ahead,
    input  wire         noise,
    output logic        tvalid,
    input  wire         tready,
    output logic [W-1:0] tdata,
    output logic        tlast
);
  int file, found, kind, gap, last, unknown;
  logic [W-1:0] word, filler;
  logic open;  // a line of this episode has been read

  // X, or a random bit.
  function automatic logic unknown_bit(input int unused);
`ifdef VERILATOR
    unknown_bit = 1'($random);
`else
    unknown_bit = 1'bx;
`endif
  endfunction

  task automatic next;
    begin
      found = $fscanf(file, "%d %d %h %d", kind, gap, word, last);
      if (found != 4) kind = 0;
      for (int i = USED; i < W; i = i + 1) word[i] = noise ? unknown_bit(0) : 1'b0;
    end
  endtask

  task automatic quiet;
    begin
      for (int i = 0; i < W; i = i + 1) filler[i] = unknown_bit(0);
      tdata <= filler;
      tlast <= unknown_bit(0);
    end
  endtask

  initial begin
    file = $fopen(FILE, "r");
    if (file == 0) $fatal(1, "HWQ_ERROR cannot open %s", FILE);
    open = 1'b0;
    kind = 0;
    unknown = 0;
  end

  always @(posedge clk) begin
    if (!rst && !ahead && tready === 1'bx) begin
      if (unknown == 0) $display("FAULT_ERROR %s: tready is unknown", FILE);
      unknown = unknown + 1;
    end
    if (ahead !== 1'b0) begin
      if (open) while (kind != 0) next;
      open = 1'b0;
      tvalid <= 1'b0;
      tlast <= 1'b0;
      if (noise) begin
        quiet;
        tvalid <= unknown_bit(0);
      end
    end else if (rst || !tvalid || tready) begin
      if (!open || (tvalid && !rst && kind != 0)) next;
      open = 1'b1;
      if (kind != 0 && gap == 0) begin
        tvalid <= 1'b1;
        tdata <= word;
        tlast <= last != 0;
      end else begin
        gap = gap - 1;
        tvalid <= 1'b0;
        if (noise) quiet;
      end
    end
  end
endmodule
