// Indices of the K largest of the CHANNELS channels of each pixel, the largest first; of equal ones the lowest index
// first (rule M2).
//
// K registers are kept sorted: a channel takes its place behind those that are not smaller, and moves the smaller ones
// on by one. When a pixel is complete its indices go to a second row of registers, which sends them while the next
// pixel comes in.
//   beats in    CHANNELS a pixel, one channel each; beats out: K a pixel, OUT_W bits, unsigned
//   latency     LATENCY from the last beat of a pixel to its first index in the output FIFO
//   throughput  one input beat a cycle while the output is taken; free running, on credit
module hwq_topk #(
    parameter int CHANNELS = 10,
    parameter int K = 3,
    parameter int ACT_W = 8,
    parameter bit ACT_SIGNED = 1,
    parameter int OUT_W = 4,
    localparam int LATENCY = 3,
    parameter int FIFO_DEPTH = LATENCY + K + 1
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             s_axis_tvalid,
    output logic             s_axis_tready,
    input  logic [ACT_W-1:0] s_axis_tdata,
    output logic             m_axis_tvalid,
    input  logic             m_axis_tready,
    output logic [OUT_W-1:0] m_axis_tdata
);
  localparam int COUNT_W = $clog2(K + 1);
  localparam logic signed [ACT_W:0] SMALLEST = {1'b1, {ACT_W{1'b0}}};  // than every channel

  logic [OUT_W-1:0] channel_q;
  wire last_channel = channel_q == OUT_W'(CHANNELS - 1);
  wire room;
  assign s_axis_tready = room || !last_channel;
  wire fire = s_axis_tvalid && s_axis_tready;
  always_ff @(posedge clk)
    if (rst) channel_q <= '0;
    else if (fire) channel_q <= last_channel ? '0 : channel_q + OUT_W'(1);

  // The beat, its index and its place in the pixel; a cycle later it has its place among the largest.
  logic valid_q, last_q, done_q;
  logic signed [ACT_W:0] x_q;
  logic [OUT_W-1:0] index_q;
  wire first = index_q == '0;
  always_ff @(posedge clk) begin
    valid_q <= fire && !rst;
    last_q <= last_channel;
    done_q <= valid_q && last_q && !rst;
    x_q <= {ACT_SIGNED && s_axis_tdata[ACT_W-1], s_axis_tdata};
    index_q <= channel_q;
  end

  wire signed [ACT_W:0] value[0:K-1];
  wire [OUT_W-1:0] index[0:K-1];
  wire [OUT_W-1:0] leaving[0:K-1];
  wire [K-1:0] stays;
  generate
    for (genvar k = 0; k < K; k = k + 1) begin : g_place
      assign stays[k] = !first && value[k] >= x_q;
      wire signed [ACT_W:0] value_above;
      wire [OUT_W-1:0] index_above;
      wire [OUT_W-1:0] leaving_next;
      if (k == 0) begin : g_largest
        assign value_above = x_q;
        assign index_above = index_q;
      end else begin : g_next
        assign value_above = first ? SMALLEST : stays[k-1] ? x_q : value[k-1];
        assign index_above = stays[k-1] ? index_q : index[k-1];
      end
      if (k == K - 1) begin : g_last
        assign leaving_next = leaving[k];
      end else begin : g_shift
        assign leaving_next = leaving[k+1];
      end
      logic signed [ACT_W:0] value_q;
      logic [OUT_W-1:0] number_q;
      logic [OUT_W-1:0] leaving_q;
      always_ff @(posedge clk) begin
        if (valid_q && !stays[k]) begin
          value_q <= value_above;
          number_q <= index_above;
        end
        leaving_q <= done_q ? number_q : leaving_next;
      end
      assign value[k] = value_q;
      assign index[k] = number_q;
      assign leaving[k] = leaving_q;
    end
  endgenerate

  logic [COUNT_W-1:0] left_q;
  always_ff @(posedge clk)
    if (rst) left_q <= '0;
    else if (done_q) left_q <= COUNT_W'(K);
    else if (left_q != '0) left_q <= left_q - COUNT_W'(1);

  hwq_credit #(.W(OUT_W), .DEPTH(FIFO_DEPTH), .GROUP(K)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire && last_channel), .take_n(COUNT_W'(K)), .room(room),
      .valid_i(left_q != '0), .data_i(leaving[0]),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial if (K < 1 || K > CHANNELS || CHANNELS > (1 << OUT_W))
    $fatal(1, "hwq_topk: K=%0d CHANNELS=%0d OUT_W=%0d", K, CHANNELS, OUT_W);
`endif
endmodule
