// Softmax over the CHANNELS channels of each pixel (rule N1):
//   e[c] = the table at (max - x[c]) / 2^STEP, between its entries along straight lines
//   y[c] = min(floor((e[c] * r + 2^(n-1)) / 2^n), 2^OUT_W - 1)   with r = floor(2^RECIP_W / sum of e), n = RECIP_W - OUT_W
//
// Four stages, each working on a pixel of its own: the maximum of the beats that enter; exponentials and their sum;
// the quotient, a bit a cycle; products. Beats wait between the stages in FIFOs that just cover the latencies.
//   FILE        ENTRIES words {entry - next entry, entry} of 2 x 16 bits, the last with difference 0; with STEP = 0 the
//               entries alone. A distance beyond the table reads its last entry
//   divider     sums are at least 2^15, the first entry, so r is at most 2^(RECIP_W - 15): RECIP_W - 14 bits
//   beats       ceil(CHANNELS / LANES) a pixel, in and out
//   latency     from the last beat of a pixel to its first one in the output FIFO, beats of a pixel +
//               2 * clog2(LANES) + RECIP_W + 1, and 3 more with STEP > 0
//   throughput  a pixel every max(beats of a pixel, RECIP_W - 13) cycles while the output is taken
module hwq_softmax #(
    parameter int LANES = 2,
    parameter int CHANNELS = 3,
    parameter int ACT_W = 8,
    parameter bit ACT_SIGNED = 1,
    parameter int STEP = 2,
    parameter int ENTRIES = 65,
    parameter FILE = "",
    parameter int RECIP_W = 24,
    parameter int OUT_W = 8,
    localparam int EXP_W = 16,
    localparam int LEVELS = $clog2(LANES),
    localparam int BEATS = (CHANNELS + LANES - 1) / LANES,
    localparam int QUOT_W = RECIP_W - 14,
    localparam int PERIOD = (BEATS > QUOT_W + 1) ? BEATS : QUOT_W + 1,
    localparam int MAX_LATENCY = LEVELS + 2,
    localparam int EXP_LATENCY = (STEP > 0) ? 7 : 4,
    localparam int SUM_LATENCY = LEVELS + 1,
    parameter int FIFO_DEPTH = 7
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
  localparam int LEAVES = 1 << LEVELS;
  localparam int LIVE = CHANNELS - (BEATS - 1) * LANES;
  localparam int BEAT_W = (BEATS > 1) ? $clog2(BEATS) : 1;
  localparam int SUM_W = EXP_W + $clog2(CHANNELS + 1);
  localparam logic signed [ACT_W:0] SMALLEST = ACT_SIGNED ? {2'b11, {(ACT_W - 1) {1'b0}}} : '0;

  // Beats that enter in `span` cycles, at most, and a few more.
  function automatic int held(input int span);
    held = (span / PERIOD) * BEATS + ((span % PERIOD < BEATS) ? span % PERIOD : BEATS) + 2;
  endfunction

  localparam int X_DEPTH = held(BEATS + MAX_LATENCY + 2);
  localparam int E_DEPTH = held(BEATS + EXP_LATENCY + SUM_LATENCY + QUOT_W + 4);

  // Stage 1: a beat goes into a FIFO, and through a tree into the maximum of its pixel.
  logic [BEAT_W-1:0] beat_q;
  wire last_beat = beat_q == BEAT_W'(BEATS - 1);
  wire fire = s_axis_tvalid && s_axis_tready;
  always_ff @(posedge clk)
    if (rst) beat_q <= '0;
    else if (fire) beat_q <= last_beat ? '0 : beat_q + BEAT_W'(1);

  wire x_valid, x_take, x_last;
  wire [LANES*ACT_W-1:0] x_beat;
  hwq_fifo #(.W(LANES * ACT_W + 1), .DEPTH(X_DEPTH)) u_x (
      .clk(clk), .rst(rst),
      .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready), .s_axis_tdata({last_beat, s_axis_tdata}),
      .m_axis_tvalid(x_valid), .m_axis_tready(x_take), .m_axis_tdata({x_last, x_beat})
  );

  // Of a beat k + 1 cycles after it was taken, in bit k: whether there is one, and whether it ends its pixel.
  logic [LEVELS:0] in_valid_q, in_last_q;
  always_ff @(posedge clk) begin
    in_valid_q <= rst ? '0 : (LEVELS + 1)'({in_valid_q, fire});
    in_last_q <= (LEVELS + 1)'({in_last_q, last_beat});
  end

  wire signed [ACT_W:0] value[1:2*LEAVES-1];
  generate
    for (genvar i = 0; i < LEAVES; i = i + 1) begin : g_leaf
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
      logic signed [ACT_W:0] value_q;
      always_ff @(posedge clk) value_q <= ($signed(value[2*k+1]) > $signed(value[2*k])) ? value[2*k+1] : value[2*k];
      assign value[k] = value_q;
    end
  endgenerate

  logic signed [ACT_W:0] max_q;
  logic max_first_q, max_done_q;
  always_ff @(posedge clk) begin
    max_done_q <= !rst && in_valid_q[LEVELS] && in_last_q[LEVELS];
    if (rst) max_first_q <= 1'b1;
    else if (in_valid_q[LEVELS]) max_first_q <= in_last_q[LEVELS];
    if (in_valid_q[LEVELS] && (max_first_q || $signed(value[1]) > max_q)) max_q <= value[1];
  end

  wire max_ready, max_valid;
  wire signed [ACT_W:0] max;
  hwq_fifo #(.W(ACT_W + 1), .DEPTH(X_DEPTH / BEATS + 1)) u_max (
      .clk(clk), .rst(rst),
      .s_axis_tvalid(max_done_q), .s_axis_tready(max_ready), .s_axis_tdata(max_q),
      .m_axis_tvalid(max_valid), .m_axis_tready(x_take && x_last), .m_axis_tdata(max)
  );

  // Stage 2: exponentials go into a FIFO, and their sum to the divider.
  wire e_room;
  assign x_take = x_valid && max_valid && e_room;

  // Of a beat k + 1 cycles after it was taken, in bit k.
  localparam int STAGES = EXP_LATENCY + SUM_LATENCY - 1;
  logic [STAGES-1:0] e_valid_q, e_last_q;
  always_ff @(posedge clk) begin
    e_valid_q <= rst ? '0 : STAGES'({e_valid_q, x_take});
    e_last_q <= STAGES'({e_last_q, x_last});
  end
  wire exp_valid = e_valid_q[EXP_LATENCY-1];
  wire exp_last = e_last_q[EXP_LATENCY-1];

  wire [LANES*EXP_W-1:0] exps;
  wire [LANES*(EXP_W+1)-1:0] terms;
  generate
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_exp
      wire [ACT_W-1:0] lane = x_beat[l*ACT_W+:ACT_W];
      wire [EXP_W-1:0] e;
      hwq_softmax_exp #(
          .ACT_W(ACT_W), .ACT_SIGNED(ACT_SIGNED), .STEP(STEP), .ENTRIES(ENTRIES), .FILE(FILE)
      ) u_exp (
          .clk(clk), .max(max), .x(lane), .e(e)
      );
      assign exps[l*EXP_W+:EXP_W] = (exp_last && l >= LIVE) ? '0 : e;
      assign terms[l*(EXP_W+1)+:EXP_W+1] = {1'b0, exps[l*EXP_W+:EXP_W]};
    end
  endgenerate

  wire e_valid, e_take, e_last;
  wire [LANES*EXP_W-1:0] e_beat;
  hwq_credit #(.W(LANES * EXP_W + 1), .DEPTH(E_DEPTH)) u_e (
      .clk(clk), .rst(rst),
      .take(x_take), .take_n(1'b1), .room(e_room),
      .valid_i(exp_valid), .data_i({exp_last, exps}),
      .m_axis_tvalid(e_valid), .m_axis_tready(e_take), .m_axis_tdata({e_last, e_beat})
  );

  wire [SUM_W-1:0] beat_sum;
  hwq_addtree #(.N(LANES), .IN_W(EXP_W + 1), .OUT_W(SUM_W)) u_sum (.clk(clk), .d(terms), .sum(beat_sum));
  logic [SUM_W-1:0] sum_q;
  logic sum_first_q, sum_done_q;
  always_ff @(posedge clk) begin
    sum_done_q <= !rst && e_valid_q[STAGES-1] && e_last_q[STAGES-1];
    if (rst) sum_first_q <= 1'b1;
    else if (e_valid_q[STAGES-1]) sum_first_q <= e_last_q[STAGES-1];
    if (e_valid_q[STAGES-1]) sum_q <= (sum_first_q ? '0 : sum_q) + beat_sum;
  end

  wire sum_ready, sum_valid, sum_take;
  wire [SUM_W-1:0] sum;
  hwq_fifo #(.W(SUM_W), .DEPTH(E_DEPTH / BEATS + 1)) u_sums (
      .clk(clk), .rst(rst),
      .s_axis_tvalid(sum_done_q), .s_axis_tready(sum_ready), .s_axis_tdata(sum_q),
      .m_axis_tvalid(sum_valid), .m_axis_tready(sum_take), .m_axis_tdata(sum)
  );

  // Stage 3: the restoring divider begins where 2^RECIP_W has brought down its upper 15 bits, less than any sum.
  localparam int COUNT_W = $clog2(QUOT_W + 1);
  logic [COUNT_W-1:0] count_q;
  logic quot_valid_q;
  logic [SUM_W-1:0] divisor_q, rest_q;
  logic [QUOT_W-1:0] quot_q;
  wire quot_take;
  wire [SUM_W:0] rest = {rest_q, 1'b0};
  wire fits = rest >= {1'b0, divisor_q};
  assign sum_take = sum_valid && count_q == '0 && (!quot_valid_q || quot_take);
  always_ff @(posedge clk) begin
    if (rst) begin
      count_q <= '0;
      quot_valid_q <= 1'b0;
    end else begin
      if (sum_take) count_q <= COUNT_W'(QUOT_W);
      else if (count_q != '0) count_q <= count_q - COUNT_W'(1);
      quot_valid_q <= count_q == COUNT_W'(1) || (quot_valid_q && !quot_take);
    end
    if (sum_take) begin
      divisor_q <= sum;
      rest_q <= SUM_W'(1) << 14;
    end else if (count_q != '0) begin
      rest_q <= fits ? SUM_W'(rest) - divisor_q : SUM_W'(rest);
      quot_q <= QUOT_W'({quot_q, fits});
    end
  end

  // Stage 4: every exponential of a pixel times its reciprocal.
  logic recip_valid_q;
  logic [QUOT_W-1:0] recip_q;
  wire room;
  assign e_take = e_valid && recip_valid_q && room;
  assign quot_take = quot_valid_q && (!recip_valid_q || (e_take && e_last));
  always_ff @(posedge clk) begin
    recip_valid_q <= !rst && (quot_take || (recip_valid_q && !(e_take && e_last)));
    if (quot_take) recip_q <= quot_q;
  end

  wire y_valid;
  wire [LANES*OUT_W-1:0] y;
  hwq_requant #(
      .LANES(LANES), .ACC_W(QUOT_W + 1), .M_W(EXP_W), .SHIFT(RECIP_W - OUT_W), .OUT_W(OUT_W), .QMIN(0),
      .QMAX(64'((1 << OUT_W) - 1))
  ) u_requant (
      .clk(clk), .rst(rst), .valid_i(e_take), .acc({LANES{1'b0, recip_q}}), .mul(e_beat), .valid_o(y_valid), .y(y)
  );
  hwq_credit #(.W(LANES * OUT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(e_take), .take_n(1'b1), .room(room),
      .valid_i(y_valid), .data_i(y),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial if (LANES < 1 || CHANNELS < LANES || OUT_W < 1 || RECIP_W < OUT_W + 16 || RECIP_W > 46)
    $fatal(1, "hwq_softmax: LANES=%0d CHANNELS=%0d OUT_W=%0d RECIP_W=%0d", LANES, CHANNELS, OUT_W, RECIP_W);
  always @(posedge clk)
    if (!rst) begin
      if (max_done_q && !max_ready) $fatal(1, "hwq_softmax: %m lost a maximum");
      if (sum_done_q && !sum_ready) $fatal(1, "hwq_softmax: %m lost a sum");
      if (sum_take && sum < SUM_W'(1 << 15)) $fatal(1, "hwq_softmax: %m sum %0d is below the first entry", sum);
    end
`endif
endmodule
