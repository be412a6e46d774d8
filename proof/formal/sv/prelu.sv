// hwq_prelu (rules A3, R1): one slope above BIAS and one below it, that of the channel with BY_CHANNEL.
module formal_prelu #(
    parameter int IN_W = 3,
    parameter bit IN_SIGNED = 1,
    parameter int BIAS = 1,
    parameter int POSITIVE = 3,
    parameter int NEGATIVE = -2,
    parameter bit BY_CHANNEL = 0,
    parameter int SHIFT = 2,
    parameter int ROUND = 3,
    parameter int QMIN = -4,
    parameter int QMAX = 3,
    parameter int OUT_W = 3,
    parameter int FIFO_DEPTH = 2
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [IN_W-1:0] x,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [OUT_W-1:0] m_data, y;
  hwq_prelu #(
      .CHANNELS(3), .ACT_W(IN_W), .ACT_SIGNED(IN_SIGNED), .BIAS(BIAS), .D_W(5), .POSITIVE(POSITIVE), .NEGATIVE(NEGATIVE),
      .BY_CHANNEL(BY_CHANNEL), .FILE("prelu.mem"), .FACTOR_W(4), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(OUT_W),
      .QMIN(QMIN), .QMAX(QMAX),
      .FIFO_DEPTH(FIFO_DEPTH)
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(x),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  // Slopes of the three channels, signed.
  logic signed [3:0] slopes[0:2];
  initial $readmemh("prelu.mem", slopes);
  logic [1:0] channel;
  initial channel = '0;
  always_ff @(posedge clk)
    if (rst) channel <= '0;
    else if (s_valid && s_ready) channel <= (channel == 2) ? '0 : channel + 2'd1;
  wire signed [3:0] slope = slopes[channel];
  wire signed [15:0] wide = $signed({IN_SIGNED && x[IN_W-1], x});
  wire signed [15:0] d = wide + BIAS;
  wire signed [15:0] factor = (d >= 0) ? POSITIVE : BY_CHANNEL ? 16'(slope) : NEGATIVE;
  formal_rule_r1 #(.W(16), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(OUT_W), .QMIN(QMIN), .QMAX(QMAX)) u_y (
      .p(d * factor), .y(y)
  );
  always_comb if (!rst) in_range: assert (channel < 3);
  logic [$clog2(FIFO_DEPTH + 2)-1:0] held;
  formal_map #(.IN_W(IN_W), .OUT_W(OUT_W), .CAPACITY(FIFO_DEPTH), .LATENCY(8)) u_map (
      .clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready), .s_data(x), .y(y),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data), .held(held)
  );
endmodule
