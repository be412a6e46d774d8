// Global average pool: for each channel of a frame of PIXELS pixels,
//   y = clamp(round((sum over the pixels + BIAS) * MUL / 2^SHIFT) + ZERO, QMIN, QMAX)  (rules P2, R1)
//
//   beats in    for each pixel, ceil(CHANNELS / LANES) beats of LANES channels
//   beats out   ceil(CHANNELS / LANES) a frame, while the last pixel comes in
//   MUL         as hwq_requant reads it: the factor itself only with MANT_W = 0
//   latency     LATENCY from a beat of the last pixel to the output FIFO
//   throughput  one input beat a cycle while the output is taken; free running, on credit
module hwq_gap #(
    parameter int LANES = 1,
    parameter int CHANNELS = 4,
    parameter int PIXELS = 4,
    parameter int ACT_W = 8,
    parameter bit ACT_SIGNED = 1,
    parameter signed [63:0] BIAS = 0,
    parameter int MUL = 1,
    parameter int ACC_W = 16,
    parameter bit MUL_EN = 1,
    parameter int MANT_W = 0,
    parameter int M_W = 16,
    parameter int SHIFT = 2,
    parameter int ROUND = 1,
    parameter int OUT_W = 8,
    parameter signed [63:0] ZERO = 0,
    parameter signed [63:0] QMIN = -128,
    parameter signed [63:0] QMAX = 127,
    localparam int LATENCY = MUL_EN ? 7 : 5,
    parameter int FIFO_DEPTH = LATENCY + 2
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   s_axis_tvalid,
    output logic                   s_axis_tready,
    input  logic [LANES*ACT_W-1:0] s_axis_tdata,
    output logic                   m_axis_tvalid,
    input  logic                   m_axis_tready,
    output logic [LANES*OUT_W-1:0] m_axis_tdata
);
  localparam int CF = (CHANNELS + LANES - 1) / LANES;
  localparam int CF_W = (CF > 1) ? $clog2(CF) : 1;
  localparam int PIXEL_W = (PIXELS > 1) ? $clog2(PIXELS) : 1;

  logic [CF_W-1:0] cf_q;
  logic [PIXEL_W-1:0] pixel_q;
  wire last_cf = cf_q == CF_W'(CF - 1);
  wire last_pixel = pixel_q == PIXEL_W'(PIXELS - 1);
  wire room;
  assign s_axis_tready = room || !last_pixel;
  wire fire = s_axis_tvalid && s_axis_tready;

  // Stage 1 holds the beat, its group, its place in the frame and the sums of the group so far; stage 2 adds the beat to
  // them. The group that stage 2 writes is never the one that stage 1 reads, unless there is only one.
  logic valid1_q;
  logic first1_q;
  logic last1_q;
  logic [CF_W-1:0] cf1_q;
  logic done_q;
  always_ff @(posedge clk)
    if (rst) begin
      cf_q <= '0;
      pixel_q <= '0;
      valid1_q <= 1'b0;
      done_q <= 1'b0;
    end else begin
      if (fire) begin
        cf_q <= last_cf ? '0 : cf_q + CF_W'(1);
        if (last_cf) pixel_q <= last_pixel ? '0 : pixel_q + PIXEL_W'(1);
      end
      valid1_q <= fire;
      done_q <= valid1_q && last1_q;
    end
  always_ff @(posedge clk) begin
    cf1_q <= cf_q;
    first1_q <= pixel_q == '0;
    last1_q <= last_pixel;
  end

  wire [LANES*ACC_W-1:0] sums;
  generate
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
      wire [ACT_W-1:0] lane = s_axis_tdata[l*ACT_W+:ACT_W];
      logic signed [ACT_W:0] x_q;
      logic signed [ACC_W-1:0] sum_q;
      wire signed [ACC_W-1:0] previous;
      wire signed [ACC_W-1:0] sum = previous + ACC_W'(x_q);
      if (CF == 1) begin : g_one  // no memory: Icarus 11 can miss changes of a word that is read by a constant index
        logic signed [ACC_W-1:0] kept_q;
        always_ff @(posedge clk) if (valid1_q) kept_q <= sum;
        assign previous = first1_q ? ACC_W'(BIAS) : kept_q;
      end else begin : g_several
        logic signed [ACC_W-1:0] mem[0:CF-1];
        logic signed [ACC_W-1:0] previous_q;
        always_ff @(posedge clk) if (valid1_q) mem[cf1_q] <= sum;
        always_ff @(posedge clk) previous_q <= (pixel_q == '0) ? ACC_W'(BIAS) : mem[cf_q];
        assign previous = previous_q;
      end
      always_ff @(posedge clk) begin
        x_q <= {ACT_SIGNED && lane[ACT_W-1], lane};
        sum_q <= sum;
      end
      assign sums[l*ACC_W+:ACC_W] = sum_q;
`ifndef SYNTHESIS
      logic signed [63:0] exact[0:CF-1];
      wire signed [63:0] exact_sum = (first1_q ? BIAS : exact[cf1_q]) + 64'(x_q);
      always @(posedge clk)
        if (valid1_q) begin
          exact[cf1_q] <= exact_sum;
          if (last1_q && exact_sum != 64'(sum))
            $fatal(1, "hwq_gap: %m accumulator %0d does not fit ACC_W=%0d", exact_sum, ACC_W);
        end
`endif
    end
  endgenerate

  wire y_valid;
  wire [LANES*OUT_W-1:0] y;
  hwq_requant #(
      .LANES(LANES), .ACC_W(ACC_W), .MUL_EN(MUL_EN), .MANT_W(MANT_W), .M_W(M_W), .SHIFT(SHIFT), .ROUND(ROUND),
      .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX)
  ) u_requant (
      .clk(clk), .rst(rst), .valid_i(done_q), .acc(sums), .mul({LANES{M_W'(MUL)}}), .valid_o(y_valid), .y(y)
  );
  hwq_credit #(.W(LANES * OUT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire && last_pixel), .take_n(1'b1), .room(room),
      .valid_i(y_valid), .data_i(y),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial if (LANES < 1 || CHANNELS < 1 || PIXELS < 1)
    $fatal(1, "hwq_gap: LANES=%0d CHANNELS=%0d PIXELS=%0d", LANES, CHANNELS, PIXELS);
`endif
endmodule
