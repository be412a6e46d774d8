// hwq_normalise: handshake, no stage loses a sum or a scale, as many beats out as in at most; values are not looked at.
module formal_normalise (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [2-1:0] x,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [3-1:0] m_data;
  hwq_normalise #(
      .LANES(1), .CHANNELS(2), .ACT_W(2), .INDEX_W(1), .FILE("factors.mem"), .OUT_W(3), .QMIN(-4), .QMAX(3)
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(x),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  formal_beats #(.IN_W(2), .OUT_W(3), .IN(1), .OUT(1), .CAPACITY(40), .LIMIT(30)) u_beats (
      .clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready), .s_data(x),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
  );
endmodule
