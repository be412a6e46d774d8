// Serial sliding window: for each output pixel, the beats of its KH x KW window, one tap and channel group a beat.
//
//   Tap (kh, kw) of output pixel (oh, ow) is the input pixel (oh*SH - PT + kh*DH, ow*SW - PL + kw*DW),
//   or the constant PAD where that lies outside the image (rule L4). A pixel is CF beats, the same number for each of
//   GROUPS groups of channels. A group's part of the window is replayed for each fold of the outputs that see it:
//   for oh, ow: for group: for nf < NF: for kh, kw: for cf < CF/GROUPS
// A dense convolution has one group; a depthwise one has a group for each beat (GROUPS = CF), as pools have.
// KH = H, KW = W, OH = OW = 1 is the replay buffer of a dense layer; KH = KW = 1 with padding pads an image.
//
// Memory: a ring of ROWS rows of W*CF beats. A row is given back when the last window that needs it has been read.
// Cycles a frame, frames back to back: max(OH*OW*NF*KH*KW*CF, H*W*CF) + at most KW*CF at the frame boundary, if
//   ROWS >= max(SPAN + SH, 2*SPAN - 1 - PT - PB), where a window spans SPAN = (KH-1)*DH + 1 rows and the last one
//   reaches PB = (OH-1)*SH + SPAN - PT - H rows below the image (negative: rows left unread),
//   and (ROWS - SPAN)*W*CF >= 3 beats, which hide the latency of giving a row back.
// From ROWS >= SPAN + SH each row less costs at most W*CF cycles a frame; from ROWS >= min(SPAN, H) it works, slowly.
// Latency 6 cycles from a beat in to the same beat out. No border leaves before the first beat of its frame has come.
//
// How: the next tap lies a constant number of beats away, which depends only on how many loops wrap at this beat (the
// level). So one adder steps the ring address, and one steps `ahead`, the beats written beyond the present tap: its
// sign says whether the tap is there, as the sign of `fill`, the beats held minus RING, says whether there is room.
// `ahead` takes the first tap of a frame to be the frame's first beat, in the border or not; the next step corrects that.
module hwq_swu_ser #(
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
    parameter int GROUPS = 1,  // groups of channels; they divide CF
    parameter int NF = 1,      // replays of a group
    parameter int ROWS = 4,    // rows of the ring
    parameter [DATA_W-1:0] PAD = '0
) (
    input  logic              clk,
    input  logic              rst,
    input  logic              s_axis_tvalid,
    output logic              s_axis_tready,
    input  logic [DATA_W-1:0] s_axis_tdata,
    output logic              m_axis_tvalid,
    input  logic              m_axis_tready,
    output logic [DATA_W-1:0] m_axis_tdata
);
  localparam int ROW = W * CF;  // beats of a row
  localparam int RING = ROWS * ROW;
  localparam int ADDR_W = (RING > 1) ? $clog2(RING) : 1;
  localparam int JUMP_W = ADDR_W + 1;

  // Loops from the inside: cf, kw, kh, nf, group, ow, oh.
  localparam int CF_N = CF / GROUPS;  // beats of a group

  // Beats from the last tap of a kernel row, window, output pixel and output row back to its first tap.
  localparam int BACK_KW = CF_N - 1 + (KW - 1) * DW * CF;
  localparam int BACK_KH = BACK_KW + (KH - 1) * DH * ROW;
  localparam int BACK_GROUP = BACK_KH + CF - CF_N;
  localparam int BACK_OW = BACK_GROUP + (OW - 1) * SW * CF;

  // Beats from a tap to the next one, by level: the number of loops that wrap.
  localparam int STEP_0 = 1;
  localparam int STEP_1 = DW * CF - (CF_N - 1);
  localparam int STEP_2 = DH * ROW - BACK_KW;
  localparam int STEP_3 = -BACK_KH;
  localparam int STEP_4 = CF_N - BACK_KH;
  localparam int STEP_5 = SW * CF - BACK_GROUP;
  localparam int STEP_6 = SH * ROW - BACK_OW;
  localparam int STEP_7 = (H - (OH - 1) * SH) * ROW - BACK_OW;
  localparam int BACK_Y = (KH - 1) * DH;
  localparam int BACK_X = (KW - 1) * DW;
  localparam int FIRST = -(PT * W + PL) * CF;  // the first tap, from the start of the frame

  // Signed counters: beats between a tap and the newest beat, beats held, row and column of a tap.
  localparam int AHEAD_W = $clog2((H + OH * SH + PT + KH * DH + ROWS) * ROW + (OW * SW + KW * DW + PL) * CF) + 2;
  localparam int FILL_W = $clog2(RING + H * ROW + 1) + 1;
  localparam int Y_W = $clog2(H + OH * SH + PT + KH * DH) + 2;
  localparam int X_W = $clog2(W + OW * SW + PL + KW * DW) + 2;

  // Rows given back after an output row: none above OH_TOP, SH between, none below OH_BOTTOM, the rest at the end.
  localparam int OH_TOP = PT / SH;
  localparam int OH_BOTTOM = (H - 1 + PT) / SH;
  localparam int OH_W = (OH > 1) ? $clog2(OH) : 1;

  function automatic int clamp_row(input int row);
    clamp_row = (row < 0) ? 0 : (row > H) ? H : row;
  endfunction
  function automatic int beats_freed(input int oh);
    beats_freed = (((oh >= OH - 1) ? H : clamp_row((oh + 1) * SH - PT)) - clamp_row(oh * SH - PT)) * ROW;
  endfunction
  function automatic [2*JUMP_W-1:0] in_ring(input int step);  // the step modulo RING, and the same minus RING
    in_ring = {JUMP_W'((step % RING + RING) % RING), JUMP_W'((step % RING + RING) % RING - RING)};
  endfunction

  // ---------------------------------------------------------------- writer and memory
  (* no_rw_check *) logic [DATA_W-1:0] mem[0:RING-1];
  logic [DATA_W-1:0] word_q;
  logic [ADDR_W-1:0] write_q, read_q;
  logic signed [FILL_W-1:0] fill_q, fill_d;  // beats held minus RING: negative while there is room
  logic signed [FILL_W-1:0] freed_q;         // minus the beats given back in this cycle
  logic unused_fill;                         // the adder's lowest bit, which makes push a carry into it
  logic push, push_q;

  assign s_axis_tready = fill_q[FILL_W-1];
  assign push = s_axis_tvalid && s_axis_tready;
  assign {fill_d, unused_fill} = {fill_q, 1'b1} + {freed_q, push};

  always_ff @(posedge clk) begin
    if (push) mem[write_q] <= s_axis_tdata;
    word_q <= mem[read_q];
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      write_q <= '0;
      fill_q <= FILL_W'(-RING);
      push_q <= 1'b0;
    end else begin
      if (push) write_q <= (write_q == ADDR_W'(RING - 1)) ? '0 : write_q + 1'b1;
      fill_q <= fill_d;
      push_q <= push;
    end
  end

  // ---------------------------------------------------------------- stage 1: loops
  logic advance;  // all stages move by one beat
  logic [2:0] level;
  logic [OH_W-1:0] oh;
  logic signed [FILL_W-1:0] freed;

  hwq_loops #(.N0(CF_N), .N1(KW), .N2(KH), .N3(NF), .N4(GROUPS), .N5(OW), .N6(OH)) u_loops (
      .clk(clk), .rst(rst), .en(advance), .level(level), .outer(oh)
  );

  always_comb begin
    if (level < 3'd6) freed = '0;
    else if (32'(oh) == OH - 1) freed = FILL_W'(-beats_freed(OH - 1));
    else if (32'(oh) == OH_TOP) freed = FILL_W'(-beats_freed(OH_TOP));
    else if (32'(oh) == OH_BOTTOM) freed = FILL_W'(-beats_freed(OH_BOTTOM));
    else if (32'(oh) < OH_TOP || 32'(oh) > OH_BOTTOM) freed = '0;
    else freed = FILL_W'(-SH * ROW);
  end

  // ---------------------------------------------------------------- stage 2: row and column of the tap
  logic valid2_q, first2_q;  // first: of its frame
  logic [2:0] level2_q;
  logic signed [FILL_W-1:0] freed2_q;
  logic signed [Y_W-1:0] y_q, y_step;
  logic signed [X_W-1:0] x_q, x_step;
  logic signed [AHEAD_W-1:0] step;              // minus the step
  logic signed [JUMP_W-1:0] jump, jump_back;    // the step in the ring; the same minus RING

  always_comb begin
    case (level2_q)
      3'd1: {y_step, x_step} = {Y_W'(0), X_W'(DW)};
      3'd2: {y_step, x_step} = {Y_W'(DH), X_W'(-BACK_X)};
      3'd3, 3'd4: {y_step, x_step} = {Y_W'(-BACK_Y), X_W'(-BACK_X)};
      3'd5: {y_step, x_step} = {Y_W'(-BACK_Y), X_W'(SW - BACK_X)};
      3'd6: {y_step, x_step} = {Y_W'(SH - BACK_Y), X_W'(-(OW - 1) * SW - BACK_X)};
      3'd7: {y_step, x_step} = {Y_W'(-(OH - 1) * SH - BACK_Y), X_W'(-(OW - 1) * SW - BACK_X)};
      default: {y_step, x_step} = '0;
    endcase
  end
  always_comb begin
    case (level2_q)
      3'd0: {step, jump, jump_back} = {AHEAD_W'(-STEP_0), in_ring(STEP_0)};
      3'd1: {step, jump, jump_back} = {AHEAD_W'(-STEP_1), in_ring(STEP_1)};
      3'd2: {step, jump, jump_back} = {AHEAD_W'(-STEP_2), in_ring(STEP_2)};
      3'd3: {step, jump, jump_back} = {AHEAD_W'(-STEP_3), in_ring(STEP_3)};
      3'd4: {step, jump, jump_back} = {AHEAD_W'(-STEP_4), in_ring(STEP_4)};
      3'd5: {step, jump, jump_back} = {AHEAD_W'(-STEP_5), in_ring(STEP_5)};
      3'd6: {step, jump, jump_back} = {AHEAD_W'(-STEP_6), in_ring(STEP_6)};
      default: {step, jump, jump_back} = {AHEAD_W'(FIRST - STEP_7), in_ring(STEP_7)};
    endcase
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      valid2_q <= 1'b0;
      y_q <= Y_W'(-PT);
      x_q <= X_W'(-PL);
    end else if (advance) begin
      valid2_q <= 1'b1;
      if (valid2_q) begin
        y_q <= y_q + y_step;
        x_q <= x_q + x_step;
      end
    end
  end

  always_ff @(posedge clk) begin
    if (advance) begin
      level2_q <= level;
      first2_q <= !valid2_q || level2_q == 3'd7;
      freed2_q <= freed;
    end
  end

  // ---------------------------------------------------------------- stage 3: issue the read of a tap that is there
  logic valid3_q, first3_q, pad_q, go, room;
  logic signed [FILL_W-1:0] freed3_q;
  logic signed [AHEAD_W-1:0] step_q, ahead_q, ahead_d;  // beats written beyond the tap: negative while it is missing
  logic unused_ahead;
  logic signed [JUMP_W-1:0] jump_q, jump_back_q, read, read_back;

  assign go = valid3_q && ((pad_q && !first3_q) || !ahead_q[AHEAD_W-1]) && room;
  assign advance = go || !valid3_q;
  assign read = $signed({1'b0, read_q}) + jump_q;
  assign read_back = $signed({1'b0, read_q}) + jump_back_q;
  assign {ahead_d, unused_ahead} = {ahead_q, 1'b1} + {go ? step_q : AHEAD_W'(0), push_q};

  always_ff @(posedge clk) begin
    if (rst) begin
      valid3_q <= 1'b0;
      read_q <= ADDR_W'((FIRST % RING + RING) % RING);
      ahead_q <= '1;
      freed_q <= '0;
    end else begin
      if (advance) valid3_q <= valid2_q;
      if (go) read_q <= read_back[ADDR_W] ? read[ADDR_W-1:0] : read_back[ADDR_W-1:0];
      ahead_q <= ahead_d;
      freed_q <= go ? freed3_q : FILL_W'(0);
    end
  end

  always_ff @(posedge clk) begin
    if (advance) begin
      pad_q <= y_q < 0 || y_q >= Y_W'(H) || x_q < 0 || x_q >= X_W'(W);
      freed3_q <= freed2_q;
      first3_q <= first2_q;
      step_q <= first2_q ? step - AHEAD_W'(FIRST) : step;
      jump_q <= jump;
      jump_back_q <= jump_back;
    end
  end

  // ---------------------------------------------------------------- read data, its own register, padding, output
  logic [2:0] issued_q;
  logic pad1_q, pad2_q;
  logic [DATA_W-1:0] read_word_q, out_q;

  always_ff @(posedge clk) begin
    pad1_q <= pad_q;
    pad2_q <= pad1_q;
    read_word_q <= word_q;
    out_q <= pad2_q ? PAD : read_word_q;
    issued_q <= rst ? '0 : {issued_q[1:0], go};
  end

  hwq_credit #(.W(DATA_W), .DEPTH(5)) u_output (
      .clk(clk),
      .rst(rst),
      .take(go),
      .take_n(1'b1),
      .room(room),
      .valid_i(issued_q[2]),
      .data_i(out_q),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial begin
    if (DATA_W < 1 || H < 1 || W < 1 || CF < 1 || KH < 1 || KW < 1 || OH < 1 || OW < 1 || NF < 1 || GROUPS < 1)
      $fatal(1, "hwq_swu_ser: sizes must be at least 1");
    if (CF % GROUPS != 0) $fatal(1, "hwq_swu_ser: GROUPS=%0d does not divide CF=%0d", GROUPS, CF);
    if (SH < 1 || SW < 1 || DH < 1 || DW < 1 || PT < 0 || PL < 0)
      $fatal(1, "hwq_swu_ser: strides and dilations must be at least 1, paddings at least 0");
    if (ROWS < ((KH - 1) * DH + 1 < H ? (KH - 1) * DH + 1 : H))
      $fatal(1, "hwq_swu_ser: ROWS=%0d is less than the rows of a window", ROWS);
  end
`endif
endmodule
