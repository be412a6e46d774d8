// First-in first-out buffer of DEPTH words; the first word falls through to the output.
//
// Latency 1 cycle, one beat a cycle at any DEPTH >= 2 (DEPTH = 1 moves a beat every second cycle).
// Both handshakes are registered. The memory is read asynchronously: LUT RAM or registers. Deep FIFOs: hwq_fifo_bram.
module hwq_fifo #(
    parameter int W = 8,      // bits of a word
    parameter int DEPTH = 2   // words held
) (
    input  logic         clk,
    input  logic         rst,
    input  logic         s_axis_tvalid,
    output logic         s_axis_tready,
    input  logic [W-1:0] s_axis_tdata,
    output logic         m_axis_tvalid,
    input  logic         m_axis_tready,
    output logic [W-1:0] m_axis_tdata
);
  localparam int PTR_W = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam int CNT_W = $clog2(DEPTH + 1);
  localparam [PTR_W-1:0] PTR_LAST = PTR_W'(DEPTH - 1);

  logic [W-1:0] mem[0:DEPTH-1];
  logic [PTR_W-1:0] write_q, read_q;
  logic [CNT_W-1:0] count_q, count_d;
  logic ready_q, valid_q;
  logic push, pop;

  assign s_axis_tready = ready_q;
  assign m_axis_tvalid = valid_q;
  assign m_axis_tdata = mem[read_q];
  assign push = s_axis_tvalid && ready_q;
  assign pop = valid_q && m_axis_tready;

  always_comb begin
    count_d = count_q;
    if (push && !pop) count_d = count_q + 1'b1;
    if (pop && !push) count_d = count_q - 1'b1;
  end

  // A free place is written whether or not a word has come: who writes is a register, not a signal that comes late. In
  // front of many bits it stands alone.
  wire open;
  generate
    if (W > 64) begin : g_wide
      (* keep *) logic open_q;
      always_ff @(posedge clk) open_q <= !rst && count_d != CNT_W'(DEPTH);
      assign open = open_q;
    end else begin : g_narrow
      assign open = ready_q;
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (open) mem[write_q] <= s_axis_tdata;
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      write_q <= '0;
      read_q <= '0;
      count_q <= '0;
      ready_q <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      if (push) write_q <= (write_q == PTR_LAST) ? '0 : write_q + 1'b1;
      if (pop) read_q <= (read_q == PTR_LAST) ? '0 : read_q + 1'b1;
      count_q <= count_d;
      ready_q <= (count_d != CNT_W'(DEPTH));
      valid_q <= (count_d != '0);
    end
  end

`ifndef SYNTHESIS
  initial if (W < 1 || DEPTH < 1) $fatal(1, "hwq_fifo: W=%0d DEPTH=%0d, expected at least 1", W, DEPTH);
`endif
endmodule
