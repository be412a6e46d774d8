// hwq_gap (rules P2, R1): for each of CHANNELS channels the sum over PIXELS pixels, requantised; one lane.
module formal_gap #(
    parameter int X_W = 2,
    parameter int CHANNELS = 2,
    parameter int PIXELS = 2,
    parameter int BIAS = 1,
    parameter int SHIFT = 1,
    parameter int ROUND = 2,
    parameter int FIFO_DEPTH = 2,
    localparam int OUT_W = 3
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [X_W-1:0] x,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [OUT_W-1:0] m_data, y;
  hwq_gap #(
      .CHANNELS(CHANNELS), .PIXELS(PIXELS), .ACT_W(X_W), .BIAS(BIAS), .ACC_W(6), .MUL_EN(0), .SHIFT(SHIFT),
      .ROUND(ROUND), .OUT_W(OUT_W), .QMIN(-4), .QMAX(3), .FIFO_DEPTH(FIFO_DEPTH)
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(x),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  logic [3:0] channel, pixel;
  logic signed [7:0] sums[0:CHANNELS-1];
  wire signed [7:0] sum = ((pixel == '0) ? BIAS : sums[channel]) + $signed(x);
  initial {channel, pixel} = '0;
  always_ff @(posedge clk)
    if (rst) {channel, pixel} <= '0;
    else if (s_valid && s_ready) begin
      channel <= (channel == CHANNELS - 1) ? '0 : channel + 4'd1;
      if (channel == CHANNELS - 1) pixel <= (pixel == PIXELS - 1) ? '0 : pixel + 4'd1;
    end
  always_ff @(posedge clk) if (s_valid && s_ready) sums[channel] <= sum;
  formal_rule_r1 #(.W(8), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(OUT_W), .QMIN(-4), .QMAX(3)) u_y (.p(sum), .y(y));
  always_comb if (!rst) in_range: assert (channel < CHANNELS && pixel < PIXELS);
  formal_fold #(.IN_W(X_W), .OUT_W(OUT_W), .CAPACITY(FIFO_DEPTH), .LATENCY(6)) u_fold (
      .clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready), .s_data(x), .last(pixel == PIXELS - 1),
      .y(y), .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
  );
endmodule
