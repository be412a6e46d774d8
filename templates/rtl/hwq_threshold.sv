// Thresholds, lane by lane (rule B1): y = LOW + the number of the N thresholds of its channel that are not above x.
//
//   FILE        thresholds, signed, T_W = ACT_W + (ACT_SIGNED ? 1 : 2) bits each, which also hold what is one beyond
//               the ends of x; BY_CHANNEL: word b is that of beat b of a pixel, ceil(CHANNELS / LANES) beats, threshold
//               k of lane l at [(l*N + k)*T_W +: T_W]. Else one word of N thresholds for all lanes, which synthesis
//               turns into constants
//   hardware    N comparators and an adder tree in each lane
//   latency     LATENCY from a beat to the output FIFO
//   throughput  one beat a cycle while the output is taken; free running, on credit
module hwq_threshold #(
    parameter int LANES = 1,
    parameter int CHANNELS = 4,
    parameter int ACT_W = 8,
    parameter bit ACT_SIGNED = 1,
    parameter int N = 3,
    parameter bit BY_CHANNEL = 0,
    parameter FILE = "",
    parameter int LOW = 0,
    parameter int OUT_W = 2,
    localparam int LATENCY = 4 + $clog2(N),
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
  localparam int T_W = ACT_W + (ACT_SIGNED ? 1 : 2);
  localparam int ROWS = BY_CHANNEL ? LANES : 1;
  localparam int BEATS = BY_CHANNEL ? (CHANNELS + LANES - 1) / LANES : 1;
  localparam int BEAT_W = (BEATS > 1) ? $clog2(BEATS) : 1;

  wire room;
  wire fire = s_axis_tvalid && room;
  assign s_axis_tready = room;

  logic [LATENCY-1:0] valid_q;
  always_ff @(posedge clk)
    if (rst) valid_q <= '0;
    else valid_q <= {valid_q[LATENCY-2:0], fire};

  // The thresholds of a beat, two cycles after it was taken; the beat waits for them.
  logic [BEAT_W-1:0] beat_q;
  always_ff @(posedge clk)
    if (rst) beat_q <= '0;
    else if (fire) beat_q <= (beat_q == BEAT_W'(BEATS - 1)) ? '0 : beat_q + BEAT_W'(1);
  wire [ROWS*N*T_W-1:0] rows;
  hwq_rom #(.W(ROWS * N * T_W), .DEPTH(BEATS), .FILE(FILE)) u_thresholds (
      .clk(clk), .addr(beat_q), .data(rows)
  );
  logic [LANES*ACT_W-1:0] x1_q, x2_q;
  always_ff @(posedge clk) begin
    x1_q <= s_axis_tdata;
    x2_q <= x1_q;
  end

  wire [OUT_W-1:0] count[0:LANES-1];
  generate
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
      localparam int ROW = BY_CHANNEL ? l : 0;
      wire [ACT_W-1:0] lane = x2_q[l*ACT_W+:ACT_W];
      wire signed [T_W-1:0] x = ACT_SIGNED ? T_W'($signed(lane)) : T_W'(lane);
      wire [N*T_W-1:0] row = rows[ROW*N*T_W+:N*T_W];
      // A term of one bit counts as -1 in the signed tree.
      logic [N-1:0] reached_q;
      always_ff @(posedge clk)
        for (int k = 0; k < N; k = k + 1) reached_q[k] <= x >= $signed(row[k*T_W+:T_W]);
      wire signed [OUT_W-1:0] minus;
      hwq_addtree #(.N(N), .IN_W(1), .OUT_W(OUT_W)) u_tree (.clk(clk), .d(reached_q), .sum(minus));
      logic [OUT_W-1:0] y_q;
      always_ff @(posedge clk) y_q <= OUT_W'(LOW) - OUT_W'(minus);
      assign count[l] = y_q;
    end
  endgenerate

  // Gathered in one process and passed on whole: Icarus is quadratic on a wide bus that is driven in slices.
  logic [LANES*OUT_W-1:0] gathered, y;
  always_comb begin
    for (int l = 0; l < LANES; l = l + 1) gathered[l*OUT_W+:OUT_W] = count[l];
    y = gathered;
  end
  hwq_credit #(.W(LANES * OUT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire), .take_n(1'b1), .room(room),
      .valid_i(valid_q[LATENCY-1]), .data_i(y),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial
    if (LANES < 1 || CHANNELS < 1 || N < 1 || N > 255)
      $fatal(1, "hwq_threshold: LANES=%0d CHANNELS=%0d N=%0d", LANES, CHANNELS, N);
`endif
endmodule
