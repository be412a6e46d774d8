// hwq_frame_out: beats pass as they are; tlast is on every BEATS-th.
module formal_frame_out #(
    parameter int W = 1,
    parameter int BEATS = 3
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [W-1:0] s_data,
    input logic m_ready
);
  logic s_ready, m_valid, m_last;
  logic [W-1:0] m_data;
  hwq_frame_out #(.W(W), .BEATS(BEATS)) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(s_data),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data), .m_axis_tlast(m_last)
  );
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(W)) u_source (.clk(clk), .rst(rst), .valid(s_valid), .ready(s_ready), .data(s_data));
  formal_sink #(.W(W + 1)) u_sink (
      .clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data({m_last, m_data})
  );
  logic [7:0] gone;
  initial gone = '0;
  always_ff @(posedge clk)
    if (rst) gone <= '0;
    else if (m_valid && m_ready) gone <= (gone == BEATS - 1) ? '0 : gone + 8'd1;
  always_comb begin
    passes: assert (m_valid == s_valid && s_ready == m_ready && m_data == s_data);
    if (!rst) in_range: assert (gone < BEATS);
    if (!rst && m_valid) last: assert (m_last == (gone == BEATS - 1));
    frame: cover (!rst && m_valid && m_ready && m_last);
  end
endmodule
