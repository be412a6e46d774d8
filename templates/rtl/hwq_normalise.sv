// Zero mean and unit variance over the C = CHANNELS channels of each pixel (rule N2):
//   d[c] = C * x[c] - (sum of x),  V = (sum of d^2) + EPS,  4^(j-1) <= V < 4^j
//   R    = the entry for the upper INDEX_W + 2 bits of V / 4^j
//   y[c] = clamp(floor(d[c] * R / 2^(j + FRACTION) + 1/2), QMIN, QMAX)
//
// Four stages, each working on a pixel of its own: the sum of the beats that enter; differences and the sum of their
// squares; the table; products. Beats wait between the stages in FIFOs that just cover the latencies. As |d| < 2^j, all
// differences are brought to the scale of the largest j, so that the requantiser shifts by a constant.
//   FILE        3 * 2^INDEX_W words of 16 bits, unsigned
//   beats       ceil(CHANNELS / LANES) a pixel, in and out
//   latency     from the last beat of a pixel to its first one in the output FIFO, beats of a pixel +
//               2 * clog2(LANES) + 19
//   throughput  one input beat a cycle while the output is taken
module hwq_normalise #(
    parameter int LANES = 2,
    parameter int CHANNELS = 3,
    parameter int ACT_W = 8,
    parameter bit ACT_SIGNED = 1,
    parameter signed [63:0] EPS = 1,
    parameter int INDEX_W = 9,
    parameter FILE = "",
    parameter int FRACTION = 6,
    parameter int OUT_W = 8,
    parameter int QMIN = -128,
    parameter int QMAX = 127,
    localparam int BEATS = (CHANNELS + LANES - 1) / LANES,
    localparam int LATENCY = 6,
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
  // Bits of an unsigned constant.
  function automatic int bits_of(input logic [63:0] value);
    bits_of = 1;
    for (int i = 1; i < 64; i = i + 1)
      if (value[i]) bits_of = i + 1;
  endfunction

  localparam int LIVE = CHANNELS - (BEATS - 1) * LANES;
  localparam int BEAT_W = (BEATS > 1) ? $clog2(BEATS) : 1;
  localparam int LEVELS = $clog2(LANES);
  localparam int COUNT_W = $clog2(CHANNELS + 1) + 1;
  localparam int SUM_W = ACT_W + $clog2(CHANNELS) + 1;
  localparam int SCALED_W = ACT_W + 1 + COUNT_W;

  // V is largest where half of the channels are lowest and half are highest.
  localparam logic [63:0] SPREAD = (64'd1 << ACT_W) - 64'd1;
  localparam logic [63:0] COUNT = 64'(CHANNELS);
  localparam int D_W = bits_of((COUNT - 64'd1) * SPREAD) + 1;
  localparam int PAIRS = (bits_of(COUNT * ((COUNT * COUNT) >> 2) * SPREAD * SPREAD + EPS) + 1) / 2;
  localparam int V_W = 2 * PAIRS;
  localparam int TOP = (PAIRS > -FRACTION) ? PAIRS : -FRACTION;
  localparam int GAP_W = (PAIRS > 1) ? $clog2(PAIRS) : 1;
  localparam int ADDR_W = INDEX_W + 2;
  localparam int NORM_W = (V_W > ADDR_W) ? V_W : ADDR_W;
  localparam int ENTRY_W = 16;

  localparam int X_DEPTH = BEATS + LEVELS + 6;
  localparam int SQUARE_LATENCY = LEVELS + 6;
  localparam int D_DEPTH = BEATS + SQUARE_LATENCY + 8;

  // Stage 1: a beat goes into a FIFO, and through a tree into the sum of its pixel.
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

  wire [LANES*(ACT_W+1)-1:0] terms;
  wire signed [SUM_W-1:0] beat_sum;
  generate
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_term
      wire [ACT_W-1:0] lane = s_axis_tdata[l*ACT_W+:ACT_W];
      logic [ACT_W:0] term_q;
      always_ff @(posedge clk)
        if (last_beat && l >= LIVE) term_q <= '0;
        else term_q <= {ACT_SIGNED && lane[ACT_W-1], lane};
      assign terms[l*(ACT_W+1)+:ACT_W+1] = term_q;
    end
  endgenerate
  hwq_addtree #(.N(LANES), .IN_W(ACT_W + 1), .OUT_W(SUM_W)) u_sum (.clk(clk), .d(terms), .sum(beat_sum));

  logic signed [SUM_W-1:0] sum_q;
  logic sum_first_q, sum_done_q;
  always_ff @(posedge clk) begin
    sum_done_q <= !rst && in_valid_q[LEVELS] && in_last_q[LEVELS];
    if (rst) sum_first_q <= 1'b1;
    else if (in_valid_q[LEVELS]) sum_first_q <= in_last_q[LEVELS];
    if (in_valid_q[LEVELS]) sum_q <= (sum_first_q ? '0 : sum_q) + beat_sum;
  end

  wire sum_ready, sum_valid;
  wire signed [SUM_W-1:0] sum;
  hwq_fifo #(.W(SUM_W), .DEPTH(X_DEPTH / BEATS + 1)) u_sums (
      .clk(clk), .rst(rst),
      .s_axis_tvalid(sum_done_q), .s_axis_tready(sum_ready), .s_axis_tdata(sum_q),
      .m_axis_tvalid(sum_valid), .m_axis_tready(x_take && x_last), .m_axis_tdata(sum)
  );

  // Stage 2: differences go into a FIFO, and through a tree into the sum of their squares.
  wire d_room;
  assign x_take = x_valid && sum_valid && d_room;

  // Of a beat k + 1 cycles after it was taken, in bit k.
  logic [SQUARE_LATENCY-2:0] d_valid_q, d_last_q;
  logic signed [SUM_W-1:0] sum1_q, sum2_q;
  always_ff @(posedge clk) begin
    d_valid_q <= rst ? '0 : (SQUARE_LATENCY - 1)'({d_valid_q, x_take});
    d_last_q <= (SQUARE_LATENCY - 1)'({d_last_q, x_last});
    sum1_q <= sum;
    sum2_q <= sum1_q;
  end

  wire [LANES*D_W-1:0] differences;
  wire [LANES*2*D_W-1:0] squares;
  generate
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_difference
      wire [ACT_W-1:0] lane = x_beat[l*ACT_W+:ACT_W];
      wire signed [SCALED_W-1:0] scaled;
      hwq_mul #(.A_W(ACT_W + 1), .B_W(COUNT_W)) u_scale (
          .clk(clk), .a({ACT_SIGNED && lane[ACT_W-1], lane}), .b(COUNT_W'(CHANNELS)), .p(scaled)
      );
      logic signed [D_W-1:0] d_q;
      always_ff @(posedge clk)
        if (d_last_q[1] && l >= LIVE) d_q <= '0;
        else d_q <= D_W'(scaled - SCALED_W'(sum2_q));
      assign differences[l*D_W+:D_W] = d_q;
      hwq_mul #(.A_W(D_W), .B_W(D_W)) u_square (.clk(clk), .a(d_q), .b(d_q), .p(squares[l*2*D_W+:2*D_W]));
    end
  endgenerate

  wire d_valid, d_take, d_last;
  wire [LANES*D_W-1:0] d_beat;
  hwq_credit #(.W(LANES * D_W + 1), .DEPTH(D_DEPTH)) u_d (
      .clk(clk), .rst(rst),
      .take(x_take), .take_n(1'b1), .room(d_room),
      .valid_i(d_valid_q[2]), .data_i({d_last_q[2], differences}),
      .m_axis_tvalid(d_valid), .m_axis_tready(d_take), .m_axis_tdata({d_last, d_beat})
  );

  wire [V_W-1:0] beat_square;
  hwq_addtree #(.N(LANES), .IN_W(2 * D_W), .OUT_W(V_W)) u_squares (.clk(clk), .d(squares), .sum(beat_square));
  wire square_valid = d_valid_q[SQUARE_LATENCY-2];
  wire square_last = d_last_q[SQUARE_LATENCY-2];
  logic [V_W-1:0] variance_q;
  logic square_first_q;
  logic [4:0] variance_valid_q;
  always_ff @(posedge clk) begin
    variance_valid_q <= rst ? '0 : {variance_valid_q[3:0], square_valid && square_last};
    if (rst) square_first_q <= 1'b1;
    else if (square_valid) square_first_q <= square_last;
    if (square_valid) variance_q <= (square_first_q ? V_W'(EPS) : variance_q) + beat_square;
  end

  // Stage 3: pairs of zeros above the variance, its upper bits, and the entry for these.
  function automatic [GAP_W-1:0] zero_pairs(input logic [V_W-1:0] value);
    zero_pairs = '0;
    for (int i = 0; i < PAIRS; i = i + 1)
      if (value[2*i] || value[2*i+1]) zero_pairs = GAP_W'(PAIRS - 1 - i);
  endfunction

  logic [V_W-1:0] variance1_q;
  logic [GAP_W-1:0] gap1_q, gap2_q, gap3_q, gap4_q;
  logic [ADDR_W-1:0] addr_q;
  wire [NORM_W-1:0] norm = NORM_W'(variance1_q) << {gap1_q, 1'b0} << (NORM_W - V_W);
  always_ff @(posedge clk) begin
    variance1_q <= variance_q;
    gap1_q <= zero_pairs(variance_q);
    addr_q <= ADDR_W'(norm >> (NORM_W - ADDR_W)) - (ADDR_W'(1) << INDEX_W);
    gap2_q <= gap1_q;
    gap3_q <= gap2_q;
    gap4_q <= gap3_q;
  end
  wire [ENTRY_W-1:0] entry;
  hwq_rom #(.W(ENTRY_W), .DEPTH(3 << INDEX_W), .FILE(FILE)) u_rom (.clk(clk), .addr(addr_q), .data(entry));

  wire scale_ready, scale_valid;
  wire [GAP_W-1:0] gap;
  wire [ENTRY_W-1:0] factor;
  hwq_fifo #(.W(GAP_W + ENTRY_W), .DEPTH(D_DEPTH / BEATS + 1)) u_scales (
      .clk(clk), .rst(rst),
      .s_axis_tvalid(variance_valid_q[4]), .s_axis_tready(scale_ready), .s_axis_tdata({gap4_q, entry}),
      .m_axis_tvalid(scale_valid), .m_axis_tready(d_take && d_last), .m_axis_tdata({gap, factor})
  );

  // Stage 4: the differences of a pixel at the scale of the largest variance, times its entry.
  wire room;
  assign d_take = d_valid && scale_valid && room;
  logic raised_valid_q;
  logic [ENTRY_W-1:0] factor_q;
  always_ff @(posedge clk) begin
    raised_valid_q <= d_take && !rst;
    factor_q <= factor;
  end
  wire [LANES*(TOP+1)-1:0] raised;
  generate
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_raise
      wire signed [D_W-1:0] d = d_beat[l*D_W+:D_W];
      logic signed [TOP:0] raised_q;
      always_ff @(posedge clk) raised_q <= (TOP + 1)'(d) <<< gap <<< (TOP - PAIRS);
      assign raised[l*(TOP+1)+:TOP+1] = raised_q;
    end
  endgenerate

  wire y_valid;
  wire [LANES*OUT_W-1:0] y;
  hwq_requant #(
      .LANES(LANES), .ACC_W(TOP + 1), .M_W(ENTRY_W), .SHIFT(TOP + FRACTION), .OUT_W(OUT_W),
      .QMIN(64'(QMIN)), .QMAX(64'(QMAX))
  ) u_requant (
      .clk(clk), .rst(rst), .valid_i(raised_valid_q), .acc(raised), .mul({LANES{factor_q}}), .valid_o(y_valid), .y(y)
  );
  hwq_credit #(.W(LANES * OUT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(d_take), .take_n(1'b1), .room(room),
      .valid_i(y_valid), .data_i(y),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial if (LANES < 1 || CHANNELS < LANES || V_W > 60 || EPS < 1 || FRACTION < -16 || FRACTION > 30)
    $fatal(1, "hwq_normalise: LANES=%0d CHANNELS=%0d EPS=%0d FRACTION=%0d", LANES, CHANNELS, EPS, FRACTION);
  always @(posedge clk)
    if (!rst) begin
      if (sum_done_q && !sum_ready) $fatal(1, "hwq_normalise: %m lost a sum");
      if (variance_valid_q[4] && !scale_ready) $fatal(1, "hwq_normalise: %m lost a scale");
    end
`endif
endmodule
