// hwq_fifo_bram: DEPTH words are held, in order; ready unless full, valid unless empty, with a latency of three cycles.
module formal_fifo_bram #(
    parameter int W = 2,
    parameter int DEPTH = 3,
    localparam int CNT_W = $clog2(DEPTH + 1),
    localparam int N_W = $clog2(DEPTH + 2)
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [W-1:0] s_data,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [W-1:0] m_data;
  logic [N_W-1:0] held, ahead;
  logic [W-1:0] data;
  logic picked;
  hwq_fifo_bram #(.W(W), .DEPTH(DEPTH)) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(s_data),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(W)) u_source (.clk(clk), .rst(rst), .valid(s_valid), .ready(s_ready), .data(s_data));
  formal_sink #(.W(W)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  formal_order #(.W(W), .CAPACITY(DEPTH)) u_order (
      .clk(clk), .rst(rst), .in(s_valid && s_ready), .in_data(s_data), .out(m_valid && m_ready), .out_data(m_data),
      .held(held), .picked(picked), .ahead(ahead), .data(data)
  );
  formal_progress #(.LIMIT(2)) u_out (.clk(clk), .rst(rst), .wants(held != '0), .moves(m_valid));
  formal_progress #(.LIMIT(1)) u_in (.clk(clk), .rst(rst), .wants(held != DEPTH), .moves(s_ready));
  always_comb begin
    if (!rst && held == DEPTH) full: assert (!s_ready);
    is_full: cover (!rst && held == DEPTH);
    through: cover (!rst && held == 1 && m_valid && m_ready && (DEPTH == 1 || (s_valid && s_ready)));
  end

  // How the harness belongs to the inside (see inside/hwq_fifo_bram.sv).
  (* hierconn *) logic [CNT_W-1:0] \u_dut.held_q ;
  always_comb if (!rst) count: assert (\u_dut.held_q == held);
endmodule
