// hwq_dwc: of any channel, the values of pixel after pixel come out as they went in; so no lane, beat or pixel is lost.
module formal_dwc #(
    parameter int LANE_W = 1,
    parameter int IN_N = 1,
    parameter int OUT_N = 2,
    parameter int CHANNELS = 3,
    localparam int IN_BEATS = (CHANNELS + IN_N - 1) / IN_N,
    localparam int OUT_BEATS = (CHANNELS + OUT_N - 1) / OUT_N,
    localparam bit WIRE = IN_BEATS == OUT_BEATS
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [IN_N*LANE_W-1:0] s_data,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [OUT_N*LANE_W-1:0] m_data;
  hwq_dwc #(.LANE_W(LANE_W), .IN_N(IN_N), .OUT_N(OUT_N), .CHANNELS(CHANNELS)) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(s_data),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  (* anyconst *) logic [7:0] channel;
  always_comb a_channel: assume (channel < CHANNELS);
  logic [7:0] in_channel, out_channel;  // of lane 0 of the beat
  initial {in_channel, out_channel} = '0;
  wire take = s_valid && s_ready;
  wire give = m_valid && m_ready;
  always_ff @(posedge clk)
    if (rst) {in_channel, out_channel} <= '0;
    else begin
      if (take) in_channel <= (in_channel + IN_N >= CHANNELS) ? '0 : in_channel + IN_N;
      if (give) out_channel <= (out_channel + OUT_N >= CHANNELS) ? '0 : out_channel + OUT_N;
    end
  wire [7:0] in_lane = channel - in_channel;
  wire [7:0] out_lane = channel - out_channel;
  logic [1:0] held, ahead;
  logic picked;
  logic [LANE_W-1:0] data;
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(IN_N * LANE_W)) u_source (.clk(clk), .rst(rst), .valid(s_valid), .ready(s_ready), .data(s_data));
  formal_sink #(.W(OUT_N * LANE_W)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  formal_order #(.W(LANE_W), .CAPACITY(2), .WIRE(WIRE)) u_order (
      .clk(clk), .rst(rst), .in(take && in_lane < IN_N), .in_data(s_data[in_lane*LANE_W+:LANE_W]),
      .out(give && out_lane < OUT_N), .out_data(m_data[out_lane*LANE_W+:LANE_W]),
      .held(held), .picked(picked), .ahead(ahead), .data(data)
  );
  formal_progress #(.LIMIT(0)) u_moves (.clk(clk), .rst(rst), .wants(s_valid && m_ready), .moves(take || give));
  logic begun_q = 1'b0;
  always_ff @(posedge clk) begun_q <= 1'b1;
  always_comb begin
    if (begun_q && !rst) begin
      in_range: assert (in_channel < CHANNELS && out_channel < CHANNELS);
      // Nothing stays inside: with less than a beat's channels in it, it takes more.
      if (!m_valid) open: assert (s_ready || WIRE);
    end
    wrap: cover (!rst && give && out_channel + OUT_N >= CHANNELS);
    both: cover (!rst && give && take);
  end
endmodule
