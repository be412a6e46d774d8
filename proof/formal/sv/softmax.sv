// hwq_softmax: handshake, no stage loses a maximum or a sum, as many beats out as in at most; values are not looked at.
module formal_softmax (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [2-1:0] x,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [2-1:0] m_data;
  hwq_softmax #(
      .LANES(1), .CHANNELS(2), .ACT_W(2), .STEP(0), .ENTRIES(4), .FILE("exps.mem"), .RECIP_W(18), .OUT_W(2)
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(x),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  formal_beats #(.IN_W(2), .OUT_W(2), .IN(1), .OUT(1), .CAPACITY(40), .LIMIT(30)) u_beats (
      .clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready), .s_data(x),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
  );
endmodule
