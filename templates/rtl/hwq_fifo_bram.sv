// First-in first-out buffer of DEPTH words in block RAM; same contract as hwq_fifo.
//
// The RAM is read ahead into its output register and from there into a two-word hwq_fifo; these words count, so that
// exactly DEPTH words are held. Latency 3 cycles; one beat a cycle at any DEPTH >= 4.
// A read never meets a write of the same address with its result in use: no read-during-write logic is needed.
module hwq_fifo_bram #(
    parameter int W = 8,        // bits of a word
    parameter int DEPTH = 512   // words held
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

  (* no_rw_check *) logic [W-1:0] mem[0:DEPTH-1];
  logic [W-1:0] word_q;
  logic [PTR_W-1:0] write_q, read_q;
  logic [CNT_W-1:0] held_q, held_d;    // words in the whole module
  logic [CNT_W-1:0] stored_q;          // words in the RAM
  logic ready_q, word_valid_q;
  logic push, pop, fetch, word_ready;

  assign s_axis_tready = ready_q;
  assign push = s_axis_tvalid && ready_q;
  assign pop = m_axis_tvalid && m_axis_tready;
  assign fetch = (!word_valid_q || word_ready) && (stored_q != '0);

  always_comb begin
    held_d = held_q;
    if (push && !pop) held_d = held_q + 1'b1;
    if (pop && !push) held_d = held_q - 1'b1;
  end

  always_ff @(posedge clk) begin
    if (push) mem[write_q] <= s_axis_tdata;
    if (!word_valid_q || word_ready) word_q <= mem[read_q];
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      write_q <= '0;
      read_q <= '0;
      held_q <= '0;
      stored_q <= '0;
      ready_q <= 1'b0;
      word_valid_q <= 1'b0;
    end else begin
      if (push) write_q <= (write_q == PTR_LAST) ? '0 : write_q + 1'b1;
      if (fetch) read_q <= (read_q == PTR_LAST) ? '0 : read_q + 1'b1;
      held_q <= held_d;
      ready_q <= (held_d != CNT_W'(DEPTH));
      if (push && !fetch) stored_q <= stored_q + 1'b1;
      if (fetch && !push) stored_q <= stored_q - 1'b1;
      if (!word_valid_q || word_ready) word_valid_q <= fetch;
    end
  end

  hwq_fifo #(.W(W), .DEPTH(2)) u_output (
      .clk(clk),
      .rst(rst),
      .s_axis_tvalid(word_valid_q),
      .s_axis_tready(word_ready),
      .s_axis_tdata(word_q),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial if (W < 1 || DEPTH < 1) $fatal(1, "hwq_fifo_bram: W=%0d DEPTH=%0d, expected at least 1", W, DEPTH);
`endif
endmodule
