// Pooling: consumes TAPS beats for each output pixel and group of LANES channels (depthwise window order), emits one.
//
//   MAX = 1     y = max over the taps (OUT_W = ACT_W; rule P1, and P3 with one tap)
//   MAX = 0     y = clamp(round((sum over the taps + BIAS) * MUL / 2^SHIFT) + ZERO, QMIN, QMAX)  (rules P2, R1)
//   MUL         as hwq_requant reads it: the factor itself only with MANT_W = 0
//   latency     LATENCY from the last tap to the output FIFO
//   throughput  one input beat a cycle while the output is taken; free running, on credit
module hwq_pool #(
    parameter int LANES = 1,
    parameter int ACT_W = 8,
    parameter bit ACT_SIGNED = 1,
    parameter int TAPS = 4,
    parameter bit MAX = 0,
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
    localparam int LATENCY = MAX ? 2 : (MUL_EN ? 7 : 5),
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
  localparam int TAP_W = (TAPS > 1) ? $clog2(TAPS) : 1;
  localparam int STATE_W = MAX ? ACT_W + 1 : ACC_W;

  logic [TAP_W-1:0] tap_q;
  logic last_tap_q;
  wire room;
  assign s_axis_tready = room || !last_tap_q;
  wire fire = s_axis_tvalid && s_axis_tready;

  logic valid_q;
  logic first_q;
  logic last_q;
  logic done_q;
  always_ff @(posedge clk)
    if (rst) begin
      tap_q <= '0;
      last_tap_q <= TAPS == 1;
      valid_q <= 1'b0;
      done_q <= 1'b0;
    end else begin
      if (fire) begin
        tap_q <= last_tap_q ? '0 : tap_q + TAP_W'(1);
        last_tap_q <= (TAPS == 1) || (tap_q == TAP_W'(TAPS - 2));
      end
      valid_q <= fire;
      done_q <= valid_q && last_q;
    end
  always_ff @(posedge clk) begin
    first_q <= tap_q == '0;
    last_q <= last_tap_q;
  end

  wire [LANES*STATE_W-1:0] states;
  generate
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
      wire [ACT_W-1:0] lane = s_axis_tdata[l*ACT_W+:ACT_W];
      logic signed [ACT_W:0] x_q;
      logic signed [STATE_W-1:0] state_q;
      always_ff @(posedge clk) x_q <= {ACT_SIGNED && lane[ACT_W-1], lane};
      if (MAX) begin : g_max
        always_ff @(posedge clk) if (valid_q && (first_q || x_q > state_q)) state_q <= x_q;
      end else begin : g_sum
        always_ff @(posedge clk) if (valid_q) state_q <= (first_q ? ACC_W'(BIAS) : state_q) + ACC_W'(x_q);
`ifndef SYNTHESIS
        logic signed [63:0] exact_q;
        always @(posedge clk) begin
          if (valid_q) exact_q <= (first_q ? BIAS : exact_q) + 64'(x_q);
          if (done_q && exact_q != 64'(state_q))
            $fatal(1, "hwq_pool: %m accumulator %0d does not fit ACC_W=%0d", exact_q, ACC_W);
        end
`endif
      end
      assign states[l*STATE_W+:STATE_W] = state_q;
    end
  endgenerate

  wire y_valid;
  wire [LANES*OUT_W-1:0] y;
  generate
    if (MAX) begin : g_direct
      assign y_valid = done_q;
      for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
        assign y[l*OUT_W+:OUT_W] = OUT_W'(states[l*STATE_W+:STATE_W]);
      end
    end else begin : g_requant
      hwq_requant #(
          .LANES(LANES), .ACC_W(ACC_W), .MUL_EN(MUL_EN), .MANT_W(MANT_W), .M_W(M_W), .SHIFT(SHIFT), .ROUND(ROUND),
          .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX)
      ) u_requant (
          .clk(clk), .rst(rst), .valid_i(done_q), .acc(states), .mul({LANES{M_W'(MUL)}}), .valid_o(y_valid), .y(y)
      );
    end
  endgenerate

  hwq_credit #(.W(LANES * OUT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire && last_tap_q), .take_n(1'b1), .room(room),
      .valid_i(y_valid), .data_i(y),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial if (TAPS < 1 || (MAX && OUT_W != ACT_W))
    $fatal(1, "hwq_pool: TAPS=%0d MAX=%0d OUT_W=%0d ACT_W=%0d", TAPS, MAX, OUT_W, ACT_W);
`endif
endmodule
