// hwq_argmax (rule M1): the index of the largest channel, the lowest of equal ones.
module formal_argmax #(
    parameter int LANES = 2,
    parameter int CHANNELS = 3,
    parameter int X_W = 2,
    parameter bit X_SIGNED = 1,
    parameter int FIFO_DEPTH = 2,
    localparam int OUT_W = $clog2(CHANNELS)
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [LANES*X_W-1:0] x,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [OUT_W-1:0] m_data;
  hwq_argmax #(
      .LANES(LANES), .CHANNELS(CHANNELS), .ACT_W(X_W), .ACT_SIGNED(X_SIGNED), .OUT_W(OUT_W), .FIFO_DEPTH(FIFO_DEPTH)
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(x),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  logic [7:0] channel;  // of lane 0
  logic signed [7:0] best, best_q, value;
  logic [7:0] index, index_q;
  always_comb begin
    best = best_q;
    index = index_q;
    for (int l = 0; l < LANES; l = l + 1) begin
      value = $signed({X_SIGNED && x[l*X_W+X_W-1], x[l*X_W+:X_W]});
      if (channel + l < CHANNELS && (channel + l == 0 || value > best)) begin
        best = value;
        index = channel + l;
      end
    end
  end
  wire last = channel + LANES >= CHANNELS;
  initial channel = '0;
  always_ff @(posedge clk)
    if (rst) channel <= '0;
    else if (s_valid && s_ready) begin
      channel <= last ? '0 : channel + LANES;
      best_q <= best;
      index_q <= index;
    end
  always_comb if (!rst) in_range: assert (channel < CHANNELS);
  formal_fold #(.IN_W(LANES * X_W), .OUT_W(OUT_W), .CAPACITY(FIFO_DEPTH), .LATENCY(5)) u_fold (
      .clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready), .s_data(x), .last(last),
      .y(index[OUT_W-1:0]), .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
  );
endmodule
