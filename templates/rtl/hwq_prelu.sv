// Two slopes, lane by lane (rules A3, R1): with d = x + BIAS
//   y = clamp(round(d * (d < 0 ? negative : POSITIVE) / 2^SHIFT) + ZERO, QMIN, QMAX)
//
//   negative    NEGATIVE, or with BY_CHANNEL one factor for each channel: word b of FILE is that of beat b of a pixel,
//               lane l at [l*FACTOR_W +: FACTOR_W], signed; a pixel is ceil(CHANNELS / LANES) beats
//   D_W         bits of d; FACTOR_W: bits of a factor, POSITIVE too. Both are signed
//   latency     LATENCY from a beat to the output FIFO
//   throughput  one beat a cycle while the output is taken; free running, on credit
module hwq_prelu #(
    parameter int LANES = 1,
    parameter int CHANNELS = 4,
    parameter int ACT_W = 8,
    parameter bit ACT_SIGNED = 1,
    parameter int BIAS = 0,
    parameter int D_W = 9,
    parameter int POSITIVE = 4,
    parameter int NEGATIVE = 1,
    parameter bit BY_CHANNEL = 0,
    parameter FILE = "",
    parameter int FACTOR_W = 17,
    parameter int SHIFT = 2,
    parameter int ROUND = 1,
    parameter int OUT_W = 8,
    parameter signed [63:0] ZERO = 0,
    parameter signed [63:0] QMIN = -128,
    parameter signed [63:0] QMAX = 127,
    localparam int LATENCY = BY_CHANNEL ? 7 : 6,
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
  localparam int ACC_LATENCY = LATENCY - 3;
  localparam int ACC_W = D_W + FACTOR_W;

  wire room;
  wire fire = s_axis_tvalid && room;
  assign s_axis_tready = room;

  logic [ACC_LATENCY-1:0] valid_q;
  always_ff @(posedge clk)
    if (rst) valid_q <= '0;
    else valid_q <= {valid_q[ACC_LATENCY-2:0], fire};

  // The factors of a beat, two cycles after it was taken.
  wire [LANES*FACTOR_W-1:0] negative;
  generate
    if (BY_CHANNEL) begin : g_rom
      localparam int BEATS = (CHANNELS + LANES - 1) / LANES;
      localparam int BEAT_W = (BEATS > 1) ? $clog2(BEATS) : 1;
      logic [BEAT_W-1:0] beat_q;
      always_ff @(posedge clk)
        if (rst) beat_q <= '0;
        else if (fire) beat_q <= (beat_q == BEAT_W'(BEATS - 1)) ? '0 : beat_q + BEAT_W'(1);
      hwq_rom #(.W(LANES * FACTOR_W), .DEPTH(BEATS), .FILE(FILE)) u_negative (
          .clk(clk), .addr(beat_q), .data(negative)
      );
    end else begin : g_constant
      assign negative = {LANES{FACTOR_W'(NEGATIVE)}};
    end
  endgenerate

  wire [LANES*ACC_W-1:0] acc;
  generate
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
      wire [ACT_W-1:0] lane = s_axis_tdata[l*ACT_W+:ACT_W];
      wire signed [ACT_W:0] x = {ACT_SIGNED && lane[ACT_W-1], lane};
      logic signed [D_W-1:0] d1_q;
      wire signed [D_W-1:0] d;
      always_ff @(posedge clk) d1_q <= D_W'(x) + D_W'(BIAS);
      if (BY_CHANNEL) begin : g_wait
        logic signed [D_W-1:0] d2_q;
        always_ff @(posedge clk) d2_q <= d1_q;
        assign d = d2_q;
      end else begin : g_now
        assign d = d1_q;
      end
      wire [FACTOR_W-1:0] factor = d[D_W-1] ? negative[l*FACTOR_W+:FACTOR_W] : FACTOR_W'(POSITIVE);
      hwq_mul #(.A_W(D_W), .B_W(FACTOR_W)) u_mul (.clk(clk), .a(d), .b(factor), .p(acc[l*ACC_W+:ACC_W]));
`ifndef SYNTHESIS
      wire signed [63:0] exact = 64'(x) + 64'(BIAS);
      always @(posedge clk)
        if (fire && !rst && exact != 64'(D_W'(exact)))
          $fatal(1, "hwq_prelu: %m distance %0d does not fit D_W=%0d", exact, D_W);
`endif
    end
  endgenerate

  wire y_valid;
  wire [LANES*OUT_W-1:0] y;
  hwq_requant #(
      .LANES(LANES), .ACC_W(ACC_W), .MUL_EN(1'b0), .M_W(1), .SHIFT(SHIFT), .ROUND(ROUND),
      .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX)
  ) u_requant (
      .clk(clk), .rst(rst), .valid_i(valid_q[ACC_LATENCY-1]), .acc(acc), .mul({LANES{1'b1}}), .valid_o(y_valid), .y(y)
  );
  hwq_credit #(.W(LANES * OUT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire), .take_n(1'b1), .room(room),
      .valid_i(y_valid), .data_i(y),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial begin
    if (LANES < 1 || CHANNELS < 1 || D_W < 1)
      $fatal(1, "hwq_prelu: LANES=%0d CHANNELS=%0d D_W=%0d", LANES, CHANNELS, D_W);
    if (POSITIVE < 1 || POSITIVE >>> (FACTOR_W - 1) != 0 || (NEGATIVE ^ (NEGATIVE >>> 31)) >>> (FACTOR_W - 1) != 0)
      $fatal(1, "hwq_prelu: POSITIVE=%0d NEGATIVE=%0d do not fit FACTOR_W=%0d", POSITIVE, NEGATIVE, FACTOR_W);
  end
`endif
endmodule
