// hwq_const: the words of the memory file in order, over and over.
module formal_const #(
    parameter int W = 3,
    parameter int BEATS = 3,
    parameter int FIFO_DEPTH = 4,
    parameter STYLE = "auto"
) (
    input logic clk,
    input logic rst,
    input logic m_ready
);
  logic m_valid;
  logic [W-1:0] m_data;
  hwq_const #(.W(W), .BEATS(BEATS), .FILE("const.mem"), .STYLE(STYLE), .FIFO_DEPTH(FIFO_DEPTH)) u_dut (
      .clk(clk), .rst(rst), .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_sink #(.W(W)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  formal_progress #(.LIMIT(4)) u_out (.clk(clk), .rst(rst), .wants(m_ready), .moves(m_valid));
  logic [W-1:0] word[0:BEATS-1];
  initial $readmemh("const.mem", word);
  logic [3:0] gone;
  initial gone = '0;
  always_ff @(posedge clk)
    if (rst) gone <= '0;
    else if (m_valid && m_ready) gone <= (gone == BEATS - 1) ? '0 : gone + 4'd1;
  always_comb begin
    if (!rst) in_range: assert (gone < BEATS);
    if (!rst && m_valid) content: assert (m_data == word[gone]);
    again: cover (!rst && m_valid && m_ready && gone == BEATS - 1);
  end
endmodule
