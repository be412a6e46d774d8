// Index of the largest of the CHANNELS channels of each pixel; of equal ones, the lowest index (rule M1).
//
// A registered tree finds the winner of a beat, nodes numbered as in a heap (hwq_addtree); a comparator then keeps
// the winner of the pixel. Lanes past CHANNELS count as the smallest value: they never win, having higher indices.
//   beats in    ceil(CHANNELS / LANES) a pixel; beats out: one a pixel, OUT_W bits, unsigned
//   latency     LATENCY from the last beat of a pixel to the output FIFO
//   throughput  one input beat a cycle while the output is taken; free running, on credit
module hwq_argmax #(
    parameter int LANES = 1,
    parameter int CHANNELS = 10,
    parameter int ACT_W = 8,
    parameter bit ACT_SIGNED = 1,
    parameter int OUT_W = 4,
    localparam int LEVELS = $clog2(LANES),
    localparam int LATENCY = LEVELS + 2,
    parameter int FIFO_DEPTH = LATENCY + 2
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   s_axis_tvalid,
    output logic                   s_axis_tready,
    input  logic [LANES*ACT_W-1:0] s_axis_tdata,
    output logic                   m_axis_tvalid,
    input  logic                   m_axis_tready,
    output logic [OUT_W-1:0]       m_axis_tdata
);
  localparam int LEAVES = 1 << LEVELS;
  localparam int LIVE = CHANNELS - (((CHANNELS + LANES - 1) / LANES) - 1) * LANES;
  localparam logic signed [ACT_W:0] SMALLEST = ACT_SIGNED ? {2'b11, {(ACT_W - 1) {1'b0}}} : '0;

  // The index of lane 0 counts the beats of a pixel: 0, LANES, 2*LANES, ..
  localparam int BASE_MAX = CHANNELS - LIVE;
  logic [OUT_W-1:0] base_q;
  wire last_beat = base_q == OUT_W'(BASE_MAX);
  wire room;
  assign s_axis_tready = room || !last_beat;
  wire fire = s_axis_tvalid && s_axis_tready;
  always_ff @(posedge clk)
    if (rst) base_q <= '0;
    else if (fire) base_q <= last_beat ? '0 : base_q + OUT_W'(LANES);

  // What goes with a beat k + 1 cycles after it was taken, in element k.
  logic [LEVELS:0] valid_q;
  logic [OUT_W-1:0] beat_base[0:LEVELS];
  always_ff @(posedge clk) begin
    if (rst) valid_q <= '0;
    else valid_q <= (LEVELS + 1)'({valid_q, fire});
    beat_base[0] <= base_q;
    for (int k = 1; k <= LEVELS; k = k + 1) beat_base[k] <= beat_base[k-1];
  end

  wire signed [ACT_W:0] value[1:2*LEAVES-1];
  wire [OUT_W-1:0] index[1:2*LEAVES-1];
  generate
    for (genvar i = 0; i < LEAVES; i = i + 1) begin : g_leaf
      assign index[LEAVES+i] = OUT_W'(i);
      if (i < LANES) begin : g_lane
        wire [ACT_W-1:0] lane = s_axis_tdata[i*ACT_W+:ACT_W];
        logic signed [ACT_W:0] value_q;
        always_ff @(posedge clk)
          if (last_beat && i >= LIVE) value_q <= SMALLEST;
          else value_q <= {ACT_SIGNED && lane[ACT_W-1], lane};
        assign value[LEAVES+i] = value_q;
      end else begin : g_none
        assign value[LEAVES+i] = SMALLEST;
      end
    end
    for (genvar k = 1; k < LEAVES; k = k + 1) begin : g_node
      wire right = $signed(value[2*k+1]) > $signed(value[2*k]);
      logic signed [ACT_W:0] value_q;
      logic [OUT_W-1:0] index_q;
      always_ff @(posedge clk) begin
        value_q <= right ? value[2*k+1] : value[2*k];
        index_q <= right ? index[2*k+1] : index[2*k];
      end
      assign value[k] = value_q;
      assign index[k] = index_q;
    end
  endgenerate

  logic signed [ACT_W:0] best_q;
  logic [OUT_W-1:0] best_index_q;
  logic done_q;
  always_ff @(posedge clk) begin
    done_q <= valid_q[LEVELS] && beat_base[LEVELS] == OUT_W'(BASE_MAX) && !rst;
    if (valid_q[LEVELS] && (beat_base[LEVELS] == '0 || $signed(value[1]) > best_q)) begin
      best_q <= value[1];
      best_index_q <= beat_base[LEVELS] + index[1];
    end
  end

  hwq_credit #(.W(OUT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire && last_beat), .take_n(1'b1), .room(room),
      .valid_i(done_q), .data_i(best_index_q),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial if (LANES < 1 || CHANNELS < 1 || CHANNELS > (1 << OUT_W))
    $fatal(1, "hwq_argmax: LANES=%0d CHANNELS=%0d OUT_W=%0d", LANES, CHANNELS, OUT_W);
`endif
endmodule
