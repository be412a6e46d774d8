// hwq_threshold (rule B1): how many thresholds of the channel are not above each value.
module formal_threshold #(
    parameter int IN_W = 3,
    parameter bit IN_SIGNED = 1,
    parameter bit BY_CHANNEL = 0,
    parameter int LOW = -1,
    localparam int OUT_W = 3,
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
  hwq_threshold #(
      .CHANNELS(2), .ACT_W(IN_W), .ACT_SIGNED(IN_SIGNED), .N(3), .BY_CHANNEL(BY_CHANNEL), .FILE("threshold.mem"),
      .LOW(LOW), .OUT_W(OUT_W),
      .FIFO_DEPTH(FIFO_DEPTH)
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(x),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  localparam int T_W = IN_W + (IN_SIGNED ? 1 : 2);
  logic [3*T_W-1:0] rows[0:1];
  initial $readmemh("threshold.mem", rows);
  logic channel;
  initial channel = '0;
  always_ff @(posedge clk)
    if (rst) channel <= '0;
    else if (s_valid && s_ready) channel <= BY_CHANNEL && !channel;
  wire [3*T_W-1:0] row = rows[channel];
  wire signed [15:0] wide = $signed({IN_SIGNED && x[IN_W-1], x});
  wire signed [15:0] t0 = 16'($signed(row[0+:T_W]));
  wire signed [15:0] t1 = 16'($signed(row[T_W+:T_W]));
  wire signed [15:0] t2 = 16'($signed(row[2*T_W+:T_W]));
  wire [15:0] count = 16'(wide >= t0) + 16'(wide >= t1) + 16'(wide >= t2);
  assign y = OUT_W'(LOW + count);
  logic [$clog2(FIFO_DEPTH + 2)-1:0] held;
  formal_map #(.IN_W(IN_W), .OUT_W(OUT_W), .CAPACITY(FIFO_DEPTH), .LATENCY(7)) u_map (
      .clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready), .s_data(x), .y(y),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data), .held(held)
  );
endmodule
