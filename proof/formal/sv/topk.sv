// hwq_topk (rule M2): index j out is that of the channel with j channels ahead of it: larger, or equal and before it.
module formal_topk #(
    parameter int CHANNELS = 3,
    parameter int K = 2,
    parameter int X_W = 2,
    parameter int FIFO_DEPTH = 3,
    localparam int OUT_W = $clog2(CHANNELS)
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [X_W-1:0] x,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [OUT_W-1:0] m_data;
  hwq_topk #(.CHANNELS(CHANNELS), .K(K), .ACT_W(X_W), .OUT_W(OUT_W), .FIFO_DEPTH(FIFO_DEPTH)) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(x),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  // All values of a pixel: the present beat stands behind those that came before.
  logic [3:0] channel, place;
  logic [CHANNELS*X_W-1:0] pixel_q;
  wire [CHANNELS*X_W-1:0] pixel = (channel == CHANNELS - 1) ? {x, pixel_q[(CHANNELS-1)*X_W-1:0]} : '0;
  wire last = channel == CHANNELS - 1;
  logic [K*OUT_W-1:0] best;
  logic [3:0] ahead_of;
  always_comb begin
    best = '0;
    for (int c = 0; c < CHANNELS; c = c + 1) begin
      ahead_of = '0;
      for (int o = 0; o < CHANNELS; o = o + 1)
        if ($signed(pixel[o*X_W+:X_W]) > $signed(pixel[c*X_W+:X_W])) ahead_of = ahead_of + 4'd1;
        else if (pixel[o*X_W+:X_W] == pixel[c*X_W+:X_W] && o < c) ahead_of = ahead_of + 4'd1;
      for (int k = 0; k < K; k = k + 1) if (ahead_of == k) best[k*OUT_W+:OUT_W] = c;
    end
  end
  initial {channel, place} = '0;
  wire take = s_valid && s_ready;
  wire give = m_valid && m_ready;
  always_ff @(posedge clk)
    if (rst) {channel, place} <= '0;
    else begin
      if (take) channel <= last ? '0 : channel + 4'd1;
      if (give) place <= (place == K - 1) ? '0 : place + 4'd1;
    end
  generate
    for (genvar c = 0; c < CHANNELS; c = c + 1) begin : g_channel
      always_ff @(posedge clk) if (take && channel == c) pixel_q[c*X_W+:X_W] <= x;
    end
  endgenerate
  (* anyconst *) logic [3:0] k;
  always_comb a_place: assume (k < K);
  logic [2:0] held, ahead;
  logic picked;
  logic [OUT_W-1:0] data;
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(X_W)) u_source (.clk(clk), .rst(rst), .valid(s_valid), .ready(s_ready), .data(x));
  formal_sink #(.W(OUT_W)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  formal_order #(.W(OUT_W), .CAPACITY(6)) u_order (
      .clk(clk), .rst(rst), .in(take && last), .in_data(best[k*OUT_W+:OUT_W]), .out(give && place == k),
      .out_data(m_data), .held(held), .picked(picked), .ahead(ahead), .data(data)
  );
  formal_progress #(.LIMIT(K + 5)) u_in (.clk(clk), .rst(rst), .wants(s_valid && m_ready), .moves(s_ready));
  always_comb begin
    if (!rst) in_range: assert (channel < CHANNELS && place < K);
    two: cover (!rst && give && place == K - 1 && held == 2);
  end
endmodule
