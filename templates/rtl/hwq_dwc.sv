// Width converter: a stream of IN_N lanes to a stream of OUT_N lanes, pixel by pixel.
//
// A pixel of CHANNELS channels is ceil(CHANNELS / lanes) beats on each side (rule T3); the last beat of a pixel may be
// partly filled, and its other lanes are "don't care". The wider side must be a multiple of the narrower one, or hold
// the whole pixel. Other ratios take two converters: up to the least common multiple or the whole pixel, then down.
// Latency 1 cycle (none if both sides have the same beats); the narrower side moves a beat every cycle.
module hwq_dwc #(
    parameter int LANE_W = 8,    // bits of a lane
    parameter int IN_N = 1,      // lanes of an input beat
    parameter int OUT_N = 4,     // lanes of an output beat
    parameter int CHANNELS = 4   // channels of a pixel
) (
    input  logic                    clk,
    input  logic                    rst,
    input  logic                    s_axis_tvalid,
    output logic                    s_axis_tready,
    input  logic [ IN_N*LANE_W-1:0] s_axis_tdata,
    output logic                    m_axis_tvalid,
    input  logic                    m_axis_tready,
    output logic [OUT_N*LANE_W-1:0] m_axis_tdata
);
  localparam int IN_BEATS = (CHANNELS + IN_N - 1) / IN_N;
  localparam int OUT_BEATS = (CHANNELS + OUT_N - 1) / OUT_N;
  localparam bit UP = IN_BEATS > OUT_BEATS;
  localparam int NARROW_W = LANE_W * (UP ? IN_N : OUT_N);
  localparam int NARROW_BEATS = UP ? IN_BEATS : OUT_BEATS;
  localparam int WIDE_N = UP ? OUT_N : IN_N;
  localparam int WIDE_BEATS = UP ? OUT_BEATS : IN_BEATS;
  // A wide beat is PARTS narrow ones, the last of a pixel PARTS_LAST.
  localparam int PARTS = (WIDE_BEATS == 1) ? NARROW_BEATS : WIDE_N / (UP ? IN_N : OUT_N);
  localparam int PARTS_LAST = NARROW_BEATS - (WIDE_BEATS - 1) * PARTS;
  localparam int PART_W = (PARTS > 1) ? $clog2(PARTS) : 1;
  localparam int BUFFER_W = PARTS * NARROW_W;

  generate
    if (IN_BEATS == OUT_BEATS) begin : g_same
      localparam int SHARED_W = LANE_W * ((IN_N < OUT_N) ? IN_N : OUT_N);

      logic unused;
      assign unused = &{clk, rst, s_axis_tdata};
      assign s_axis_tready = m_axis_tready;
      assign m_axis_tvalid = s_axis_tvalid;
      assign m_axis_tdata = (OUT_N * LANE_W)'(s_axis_tdata[SHARED_W-1:0]);
    end else begin : g_convert
      logic full_q;                  // up: an output beat waits; down: an input beat is being sent
      logic [PART_W-1:0] part_q;     // narrow beat within the wide one
      logic last_wide;               // the wide beat is the last of its pixel
      logic last_part;
      logic step;                    // a narrow beat moves

      assign last_part = (part_q == PART_W'(PARTS - 1)) || (last_wide && part_q == PART_W'(PARTS_LAST - 1));

      always_ff @(posedge clk) begin
        if (rst) part_q <= '0;
        else if (step) part_q <= last_part ? '0 : part_q + 1'b1;
      end

      if (PARTS == PARTS_LAST) begin : g_even
        assign last_wide = 1'b0;
      end else begin : g_partial
        localparam int BEAT_W = $clog2(WIDE_BEATS);

        logic [BEAT_W-1:0] beat_q;

        assign last_wide = (beat_q == BEAT_W'(WIDE_BEATS - 1));
        always_ff @(posedge clk) begin
          if (rst) beat_q <= '0;
          else if (step && last_part) beat_q <= last_wide ? '0 : beat_q + 1'b1;
        end
      end

      if (UP) begin : g_up
        logic [BUFFER_W-1:0] word;

        for (genvar i = 0; i < PARTS; i = i + 1) begin : g_part
          logic [NARROW_W-1:0] data_q;
          always_ff @(posedge clk) begin
            if (step && part_q == PART_W'(i)) data_q <= s_axis_tdata;
            else if (rst && i >= PARTS_LAST) data_q <= '0;  // may be read before it is written: known in simulation
          end
          assign word[i*NARROW_W +: NARROW_W] = data_q;
        end

        assign step = s_axis_tvalid && s_axis_tready;
        assign s_axis_tready = !full_q || m_axis_tready;
        assign m_axis_tvalid = full_q;
        if (BUFFER_W >= OUT_N * LANE_W) begin : g_cut
          assign m_axis_tdata = word[OUT_N*LANE_W-1:0];
        end else begin : g_extend
          assign m_axis_tdata = (OUT_N * LANE_W)'(word);
        end

        always_ff @(posedge clk) begin
          if (rst) full_q <= 1'b0;
          else if (step && last_part) full_q <= 1'b1;
          else if (m_axis_tready) full_q <= 1'b0;
        end
      end else begin : g_down
        logic [BUFFER_W-1:0] word_q, word;
        logic load;

        if (BUFFER_W > IN_N * LANE_W) begin : g_extend
          assign word = BUFFER_W'(s_axis_tdata);
        end else begin : g_cut
          assign word = s_axis_tdata[BUFFER_W-1:0];
        end

        assign step = full_q && m_axis_tready;
        assign load = s_axis_tvalid && s_axis_tready;
        assign s_axis_tready = !full_q || (m_axis_tready && last_part);
        assign m_axis_tvalid = full_q;
        assign m_axis_tdata = word_q[NARROW_W-1:0];

        always_ff @(posedge clk) begin
          if (load) word_q <= word;
          else if (step) word_q <= word_q >> NARROW_W;
        end
        always_ff @(posedge clk) begin
          if (rst) full_q <= 1'b0;
          else if (load) full_q <= 1'b1;
          else if (step && last_part) full_q <= 1'b0;
        end
      end
    end
  endgenerate

`ifndef SYNTHESIS
  initial begin
    if (LANE_W < 1 || IN_N < 1 || OUT_N < 1 || CHANNELS < 1)
      $fatal(1, "hwq_dwc: LANE_W, IN_N, OUT_N and CHANNELS must be at least 1");
    if (OUT_N % IN_N != 0 && IN_N % OUT_N != 0 && IN_N < CHANNELS && OUT_N < CHANNELS)
      $fatal(1, "hwq_dwc: IN_N=%0d OUT_N=%0d, expected a multiple or the whole pixel of %0d", IN_N, OUT_N, CHANNELS);
  end
`endif
endmodule
