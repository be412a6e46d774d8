// hwq_deal: BEATS beats to output 0, then to output 1, and so on; a beat is offered to the output whose turn it is alone.
module formal_deal #(
    parameter int W = 1,
    parameter int N = 3,
    parameter int BEATS = 2
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [W-1:0] s_data,
    input logic [N-1:0] m_ready
);
  logic s_ready;
  logic [N-1:0] m_valid;
  logic [N*W-1:0] m_data;
  hwq_deal #(.W(W), .N(N), .BEATS(BEATS)) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(s_data),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  formal_reset u_reset (.clk(clk), .rst(rst));
  // The output whose turn it is, and the beats that it has got in this turn.
  logic [7:0] turn, got;
  initial {turn, got} = '0;
  always_ff @(posedge clk)
    if (rst) {turn, got} <= '0;
    else if (s_valid && s_ready) begin
      got <= (got == BEATS - 1) ? '0 : got + 8'd1;
      if (got == BEATS - 1) turn <= (turn == N - 1) ? '0 : turn + 8'd1;
    end
  always_comb begin
    if (!rst) begin
      in_range: assert (turn < N && got < BEATS);
      one_output: assert (m_valid == (s_valid ? N'(1) << turn : '0));
      ready: assert (s_ready == m_ready[turn]);
      same: assert (m_data[turn*W+:W] == s_data);
    end
    last: cover (!rst && turn == N - 1 && got == BEATS - 1 && s_valid && s_ready);
  end
endmodule
