// Parallel sliding window: the whole KH x KW window of a channel group in one beat.
//
//   Tap (kh, kw) of output pixel (oh, ow) is the input pixel (oh*SH - PT + kh*DH, ow*SW - PL + kw*DW),
//   or the constant PAD where that lies outside the image (rule L4). Its place is
//   m_axis_tdata[(kh*KW+kw)*DATA_W +: DATA_W].
//   Order: for oh, ow: for cf < CF.
// H*W*CF cycles a frame, frames back to back, whatever the padding. The taps hang on one delay line, borders are
// masked, and the last windows of a frame come out while the next frame enters, or by themselves if no beat is waiting.
// Latency: 3 cycles from the beat in of the last tap to the window out. Memory: (KH-1)*DH*W*CF beats.
//
// Needs padding that keeps the windows in stream order; anything else takes hwq_swu_ser:
//   PT <= (KH-1)*DH, PL <= (KW-1)*DW; at stride 1 also PL + PR <= (KW-1)*DW and PT + PB <= (KH-1)*DH, where PR and PB
//   are how far the last window reaches beyond the image; and a frame that holds the beats of its first window.
//
// How: `missing` counts the shifts until the taps hold the next window, minus 1: -1 when they do. `beyond` is
// the same for the first window of the next frame, and counts beats only, not the empty shifts that let a frame out.
// The taps do a cycle later what the counts say, so that what moves all of them at once comes from registers.
module hwq_swu_par #(
    parameter int DATA_W = 8,  // bits of a beat
    parameter int H = 4,       // input rows
    parameter int W = 4,       // input columns
    parameter int CF = 1,      // beats of a pixel
    parameter int KH = 3,      // kernel rows
    parameter int KW = 3,
    parameter int SH = 1,      // stride
    parameter int SW = 1,
    parameter int DH = 1,      // dilation
    parameter int DW = 1,
    parameter int PT = 1,      // padding above
    parameter int PL = 1,      // padding to the left
    parameter int OH = 4,      // output rows
    parameter int OW = 4,
    parameter [DATA_W-1:0] PAD = '0
) (
    input  logic                    clk,
    input  logic                    rst,
    input  logic                    s_axis_tvalid,
    output logic                    s_axis_tready,
    input  logic [      DATA_W-1:0] s_axis_tdata,
    output logic                    m_axis_tvalid,
    input  logic                    m_axis_tready,
    output logic [KH*KW*DATA_W-1:0] m_axis_tdata
);
  localparam int FRAME = H * W * CF;
  localparam int FIRST = (((KH - 1) * DH - PT) * W + (KW - 1) * DW - PL) * CF + 1;
  localparam int LAST = FIRST + ((OH - 1) * SH * W + (OW - 1) * SW) * CF + CF - 1;

  // Shifts from a window to the next one, by level: 0 next cf, 1 next output column, 2 next output row.
  localparam int STEP_0 = 1;
  localparam int STEP_1 = SW * CF - (CF - 1);
  localparam int STEP_2 = (SH * W - (OW - 1) * SW) * CF - (CF - 1);
  localparam int SHIFT_W = $clog2(FIRST + 2 * FRAME + STEP_2 + 1) + 1;
  localparam int Y_W = $clog2(H + OH * SH + PT + KH * DH) + 2;
  localparam int X_W = $clog2(W + OW * SW + PL + KW * DW) + 2;

  // ---------------------------------------------------------------- when to shift and when to emit
  logic emit, shift, beat, room, last, frame_end, flush_q;
  logic [2:0] level;
  logic unused_outer;
  logic signed [SHIFT_W-1:0] missing_q, beyond_q, next, next_less;

  assign emit = missing_q[SHIFT_W-1] && room;
  assign s_axis_tready = !missing_q[SHIFT_W-1] || room;
  assign beat = s_axis_tvalid && s_axis_tready;
  assign shift = s_axis_tready && (s_axis_tvalid || flush_q);
  assign last = level == 3'd7;
  assign frame_end = emit && last;

  hwq_loops #(.N0(CF), .N1(OW), .N2(OH), .N6(1)) u_loops (
      .clk(clk),
      .rst(rst),
      .en(emit),
      .level(level),
      .outer(unused_outer)
  );

  // A window is emitted with `missing` at -1, so what comes then is known before. That a window leaves and that a beat
  // comes are known late in a cycle, so they only choose: numbers and comparisons with and without them are there.
  wire signed [SHIFT_W-1:0] beyond_less = beyond_q - SHIFT_W'(1);
  always_comb begin
    case (level)
      3'd0: begin
        next = SHIFT_W'(STEP_0 - 1);
        next_less = SHIFT_W'(STEP_0 - 2);
      end
      3'd1: begin
        next = SHIFT_W'(STEP_1 - 1);
        next_less = SHIFT_W'(STEP_1 - 2);
      end
      3'd7: begin
        next = beyond_q;
        next_less = beyond_less;
      end
      default: begin
        next = SHIFT_W'(STEP_2 - 1);
        next_less = SHIFT_W'(STEP_2 - 2);
      end
    endcase
  end
  wire signed [SHIFT_W-1:0] missing_less = missing_q - SHIFT_W'(1);
  wire signed [SHIFT_W-1:0] beyond_more = beyond_q + SHIFT_W'(FRAME);
  wire signed [SHIFT_W-1:0] beyond_more_less = beyond_q + SHIFT_W'(FRAME - 1);
  wire full = beyond_q == SHIFT_W'(FIRST - 1);  // the frame to emit is in, and no beat of the next one
  wire full_beat = beyond_q == SHIFT_W'(FIRST);
  wire full_end = beyond_q == SHIFT_W'(FIRST - 1 - FRAME);
  wire full_end_beat = beyond_q == SHIFT_W'(FIRST - FRAME);

  always_ff @(posedge clk) begin
    if (rst) begin
      missing_q <= SHIFT_W'(FIRST - 1);
      beyond_q <= SHIFT_W'(FIRST - 1 + FRAME);
      flush_q <= 1'b0;
    end else begin
      if (emit) missing_q <= (last ? beat : shift) ? next_less : next;
      else if (shift) missing_q <= missing_less;
      if (beat) beyond_q <= frame_end ? beyond_more_less : beyond_less;
      else if (frame_end) beyond_q <= beyond_more;
      flush_q <= beat ? (frame_end ? full_end_beat : full_beat) : (frame_end ? full_end : full);
    end
  end

  // ---------------------------------------------------------------- row and column of the window's first tap
  // Whether each row and column of taps lies in the image is in registers, found while the window before is there.
  logic signed [Y_W-1:0] y_q;
  logic signed [X_W-1:0] x_q;
  logic [KH-1:0] row_ok_q, row_first, row_next;
  logic [KW-1:0] column_ok_q, column_first, column_next;

  generate
    for (genvar kh = 0; kh < KH; kh = kh + 1) begin : g_row_ok
      assign row_first[kh] = kh * DH >= PT && kh * DH < H + PT;
      assign row_next[kh] = y_q >= Y_W'(-kh * DH - SH) && y_q < Y_W'(H - kh * DH - SH);
    end
    for (genvar kw = 0; kw < KW; kw = kw + 1) begin : g_column_ok
      assign column_first[kw] = kw * DW >= PL && kw * DW < W + PL;
      assign column_next[kw] = x_q >= X_W'(-kw * DW - SW) && x_q < X_W'(W - kw * DW - SW);
    end
  endgenerate

  always_ff @(posedge clk) begin
    if (rst) begin
      y_q <= Y_W'(-PT);
      x_q <= X_W'(-PL);
      row_ok_q <= row_first;
      column_ok_q <= column_first;
    end else if (emit && level != 3'd0) begin
      x_q <= (level == 3'd1) ? x_q + X_W'(SW) : X_W'(-PL);
      column_ok_q <= (level == 3'd1) ? column_next : column_first;
      if (level != 3'd1) begin
        y_q <= (level == 3'd2) ? y_q + Y_W'(SH) : Y_W'(-PT);
        row_ok_q <= (level == 3'd2) ? row_next : row_first;
      end
    end
  end

  // ---------------------------------------------------------------- taps
  logic shift_q, emit_q;
  logic [DATA_W-1:0] data_q, newest_q;
  logic [KH*KW-1:0] tap_ok_q;
  logic [KH*KW*DATA_W-1:0] window;
  wire [DATA_W-1:0] head[0:KH-1];  // newest tap of each kernel row; row KH-1 is the live one

  always_ff @(posedge clk) begin
    shift_q <= shift && !rst;
    emit_q <= emit && !rst;
    data_q <= s_axis_tdata;
    if (shift_q) newest_q <= data_q;
  end
  assign head[KH-1] = newest_q;

  generate
    if (KH > 1) begin : g_lines
      wire [(KH-1)*DATA_W-1:0] line_d, line_q;

      hwq_delay #(.W((KH - 1) * DATA_W), .N(DH * W * CF)) u_lines (
          .clk(clk),
          .rst(rst),
          .en(shift_q),
          .d(line_d),
          .q(line_q)
      );
      for (genvar kh = 0; kh < KH - 1; kh = kh + 1) begin : g_line
        assign line_d[kh*DATA_W +: DATA_W] = head[kh+1];
        assign head[kh] = line_q[kh*DATA_W +: DATA_W];
      end
    end
    for (genvar kh = 0; kh < KH; kh = kh + 1) begin : g_row
      wire [DATA_W-1:0] tap[0:KW-1];

      assign tap[KW-1] = head[kh];
      for (genvar kw = 0; kw < KW; kw = kw + 1) begin : g_tap
        if (kw < KW - 1) begin : g_delay
          hwq_delay #(.W(DATA_W), .N(DW * CF)) u_tap (
              .clk(clk),
              .rst(rst),
              .en(shift_q),
              .d(tap[kw+1]),
              .q(tap[kw])
          );
        end
        always_ff @(posedge clk) tap_ok_q[kh*KW+kw] <= row_ok_q[kh] && column_ok_q[kw];
        assign window[(kh*KW+kw)*DATA_W +: DATA_W] = tap_ok_q[kh*KW+kw] ? tap[kw] : PAD;
      end
    end
  endgenerate

  hwq_credit #(.W(KH * KW * DATA_W), .DEPTH(3)) u_output (
      .clk(clk),
      .rst(rst),
      .take(emit),
      .take_n(1'b1),
      .room(room),
      .valid_i(emit_q),
      .data_i(window),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial begin
    if (DATA_W < 1 || H < 1 || W < 1 || CF < 1 || KH < 1 || KW < 1 || OH < 1 || OW < 1)
      $fatal(1, "hwq_swu_par: sizes must be at least 1");
    if (SH < 1 || SW < 1 || DH < 1 || DW < 1 || PT < 0 || PL < 0)
      $fatal(1, "hwq_swu_par: strides and dilations must be at least 1, paddings at least 0");
    if (FIRST < 1 || FIRST > FRAME || LAST >= FRAME + FIRST || (OH > 1 && STEP_2 < 1))
      $fatal(1, "hwq_swu_par: padding too wide for windows in stream order; use hwq_swu_ser");
  end
  always @(posedge clk)
    if (!rst && missing_q[SHIFT_W-1] && !(&missing_q)) $fatal(1, "hwq_swu_par: %m missed a window");
`endif
endmodule
