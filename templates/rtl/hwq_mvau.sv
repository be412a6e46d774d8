// Matrix-vector engine: y[n] = requantise(bias[n] + sum_k w[n][k] * x[k]) for CHANNELS outputs n of each pixel.
// Rules L1, L5, L6, R1.
//
// PE outputs at once, SIMD products each: NF = ceil(CHANNELS / PE) folds of SF beats; the last fold may be partial.
//   beats in    for each output pixel, for nf < NF, for sf < SF. Lane s of a dense beat feeds product s of each PE;
//               DEPTHWISE: lane s*PE + p feeds product s of PE p. HOLD (SF = 1): a beat is kept for all NF folds.
//   beats out   ceil(CHANNELS / RQ) a pixel, RQ lanes each, in channel order; lanes past CHANNELS are don't care
//   WGT_FILE    word nf*SF + sf: code of PE p, product s at [(p*SIMD + s)*CODE_W +: CODE_W]. It is the weight itself;
//               with ENTRIES its place in the tables of TABLE_FILE (see hwq_weights); with TERMS a sum of powers of
//               two, for which shifts and adders multiply (see hwq_shift_add); BINARY: one bit (see hwq_macs)
//   PACK        outputs that share multipliers; LOGIC: products from LUTs (see hwq_macs for both)
//   BIAS_FILE   word nf: [p*ACC_W +: ACC_W]; BINARY: bias + number of weights that are 1
//   BINARY      a pixel comes in GROUPS beats of IN channels, the last of which has LIVE; lanes past them read as 0
//   MUL_FILE    word b, the output beat of the pixel: [l*M_W +: M_W] (see hwq_requant); not read with MUL_EN = 0
//   LAYERS      layers of equal shape that share the array, each with a stream in and a stream out, beat by beat as they
//               come (see hwq_share); words of the files: those of all layers, one layer behind the other. Not with
//               ENTRIES, BINARY or HOLD
//   folding     RQ divides PE, PE / RQ <= SF; unused products have the weight 0 (BINARY: code 0), unused PEs any
//   latency     LATENCY from the last beat of a fold to the output FIFO
//   throughput  one input beat a cycle (HOLD: a fold a cycle) while the output is taken; free running, on credit
module hwq_mvau #(
    parameter int PE = 2,
    parameter int SIMD = 2,
    parameter int ACT_W = 8,
    parameter bit ACT_SIGNED = 1,
    parameter int WGT_W = 8,
    parameter int CODE_W = WGT_W,
    parameter int ENTRIES = 0,
    parameter bit CHANNEL_TABLES = 0,
    parameter int TERMS = 0,
    parameter bit BINARY = 0,
    parameter int PACK = 1,
    parameter bit LOWEST = 1,
    parameter bit LOGIC = 0,
    parameter int GROUPS = 1,
    parameter int IN = SIMD,
    parameter int LIVE = IN,
    parameter int ACC_W = 24,
    parameter int SF = 4,
    parameter int NF = 2,
    parameter int CHANNELS = 4,
    parameter bit DEPTHWISE = 0,
    parameter bit HOLD = 0,
    parameter WGT_FILE = "",
    parameter TABLE_FILE = "",
    parameter BIAS_FILE = "",
    parameter MUL_FILE = "",
    parameter WGT_STYLE = "auto",
    parameter int RQ = 1,
    parameter bit MUL_EN = 1,
    parameter int MANT_W = 0,
    parameter int M_W = 16,
    parameter int SHIFT = 15,
    parameter int ROUND = 1,
    parameter int OUT_W = 8,
    parameter signed [63:0] ZERO = 0,
    parameter signed [63:0] QMIN = -128,
    parameter signed [63:0] QMAX = 127,
    parameter int LAYERS = 1,
    localparam int GROUP = PE / RQ,
    localparam int OPERAND_STAGE = (ENTRIES > 0) ? 3 : 2,
    localparam int LANE_STAGE = !BINARY ? 3 : (SIMD > 2) ? 1 : 3 - $clog2(SIMD),
    localparam int OUT_STAGE = MUL_EN ? 5 : 3,
    localparam int SHARE_STAGE = (LAYERS > 1) ? 1 : 0,
    localparam int LATENCY = SHARE_STAGE + OPERAND_STAGE + LANE_STAGE + $clog2(SIMD) + ((GROUP > 1) ? 2 : 1) + OUT_STAGE,
    parameter int FIFO_DEPTH = LATENCY + GROUP + 1 + SHARE_STAGE,
    localparam int IN_W = (DEPTHWISE ? PE : 1) * SIMD * ACT_W
) (
    input  logic                         clk,
    input  logic                         rst,
    input  logic [           LAYERS-1:0] s_axis_tvalid,
    output logic [           LAYERS-1:0] s_axis_tready,
    input  logic [      LAYERS*IN_W-1:0] s_axis_tdata,
    output logic [           LAYERS-1:0] m_axis_tvalid,
    input  logic [           LAYERS-1:0] m_axis_tready,
    output logic [LAYERS*RQ*OUT_W-1:0]   m_axis_tdata
);
  localparam int FOLDS = LAYERS * NF;  // of all layers
  localparam int OUT_BEATS = (CHANNELS + RQ - 1) / RQ;
  localparam int LAST_GROUP = OUT_BEATS - (NF - 1) * GROUP;
  localparam int LANE_W = (TERMS > 0) ? CODE_W : WGT_W;
  localparam int FOLD_W = (FOLDS > 1) ? $clog2(FOLDS) : 1;
  localparam int WORD_W = (FOLDS * SF > 1) ? $clog2(FOLDS * SF) : 1;
  localparam int BEAT_W = (LAYERS * OUT_BEATS > 1) ? $clog2(LAYERS * OUT_BEATS) : 1;
  localparam int LAYER_W = (LAYERS > 1) ? $clog2(LAYERS) : 1;
  localparam int CREDIT = (LAYERS > 1 && SF == 1) ? 2 * GROUP : GROUP;  // takes of two cycles in a row
  localparam int GROUP_W = $clog2(CREDIT + 1);

  // A beat and its place in the folds. The last beat of a fold needs room for the whole fold's output.
  wire fire, first, last;
  wire [FOLD_W-1:0] fold;
  wire [WORD_W-1:0] word;
  wire [LAYER_W-1:0] layer;
  wire [IN_W-1:0] data;
  wire [LAYERS-1:0] room, take, take_last;
  generate
    if (LAYERS == 1) begin : g_own
      wire go = room || !last;
      hwq_folds #(.SF(SF), .NF(NF)) u_folds (
          .clk(clk), .rst(rst), .fire(fire), .first(first), .last(last), .nf(fold), .last_nf(take_last), .word(word)
      );
      assign fire = s_axis_tvalid && go;
      assign take = fire && last;
      assign s_axis_tready = go && (!HOLD || take_last);
      assign layer = '0;
      assign data = s_axis_tdata;
    end else begin : g_shared
      hwq_share #(.LAYERS(LAYERS), .W(IN_W), .SF(SF), .NF(NF), .GROUP(GROUP)) u_share (
          .clk(clk), .rst(rst),
          .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready), .s_axis_tdata(s_axis_tdata),
          .room(room), .take(take), .take_last(take_last),
          .valid(fire), .first(first), .last(last), .layer(layer), .word(word), .data(data)
      );
      assign fold = '0;
    end
  endgenerate

  // Flags of a beat k cycles after it was taken, in bit k: valid, first and last of its fold.
  logic [OPERAND_STAGE:1] valid_q;
  logic [OPERAND_STAGE:1] first_q;
  logic [OPERAND_STAGE:1] last_q;
  always_ff @(posedge clk) begin
    if (rst) valid_q <= '0;
    else valid_q <= {valid_q[OPERAND_STAGE-1:1], fire};
    first_q <= {first_q[OPERAND_STAGE-1:1], first};
    last_q <= {last_q[OPERAND_STAGE-1:1], last};
  end

  // Operands: activations wait for the weights. A XOR with what is don't care would count.
  wire [IN_W-1:0] beat;
  generate
    if (BINARY && LIVE < IN) begin : g_mask
      localparam int PART_W = (GROUPS > 1) ? $clog2(GROUPS) : 1;
      localparam [SIMD-1:0] KEPT = {(SIMD / IN) {{(IN - LIVE) {1'b0}}, {LIVE{1'b1}}}};
      logic [PART_W-1:0] part_q;
      wire last_part = part_q == PART_W'(GROUPS - 1);
      always_ff @(posedge clk)
        if (rst) part_q <= '0;
        else if (fire) part_q <= last_part ? '0 : part_q + PART_W'(1);
      assign beat = last_part ? data & KEPT : data;
    end else begin : g_whole
      assign beat = data;
    end
  endgenerate
  logic [IN_W-1:0] act1_q, act2_q;
  wire [IN_W-1:0] acts;
  wire [PE*SIMD*LANE_W-1:0] weights;
  always_ff @(posedge clk) begin
    act1_q <= beat;
    act2_q <= act1_q;
  end
  generate
    if (ENTRIES > 0) begin : g_act3
      logic [IN_W-1:0] act3_q;
      always_ff @(posedge clk) act3_q <= act2_q;
      assign acts = act3_q;
    end else begin : g_act2
      assign acts = act2_q;
    end
  endgenerate
  hwq_weights #(
      .PE(PE), .SIMD(SIMD), .WGT_W(LANE_W), .CODE_W(CODE_W), .ENTRIES(ENTRIES), .CHANNEL_TABLES(CHANNEL_TABLES),
      .SF(SF), .NF(FOLDS), .FILE(WGT_FILE), .TABLE_FILE(TABLE_FILE), .STYLE(WGT_STYLE)
  ) u_weights (
      .clk(clk), .step(word), .nf(fold), .weights(weights)
  );

  wire [FOLD_W-1:0] bias_fold;
  wire [PE*ACC_W-1:0] biases;
  hwq_rom #(.W(PE * ACC_W), .DEPTH(FOLDS), .FILE(BIAS_FILE)) u_biases (
      .clk(clk), .addr(bias_fold), .data(biases)
  );

  wire [LAYER_W-1:0] operand_layer, acc_layer, y_layer;
  generate
    if (LAYERS == 1) begin : g_one_layer
      assign operand_layer = layer;
      assign y_layer = acc_layer;
    end else begin : g_layers
      hwq_delay #(.W(LAYER_W), .N(OPERAND_STAGE)) u_operand_layer (
          .clk(clk), .rst(rst), .en(1'b1), .d(layer), .q(operand_layer)
      );
      hwq_delay #(.W(LAYER_W), .N(2 + OUT_STAGE)) u_layer (
          .clk(clk), .rst(rst), .en(1'b1), .d(acc_layer), .q(y_layer)
      );
    end
  endgenerate
  wire acc_early, acc_valid;
  wire [RQ*ACC_W-1:0] acc;
  hwq_macs #(
      .PE(PE), .SIMD(SIMD), .ACT_W(ACT_W), .ACT_SIGNED(ACT_SIGNED), .WGT_W(WGT_W), .CODE_W(LANE_W), .TERMS(TERMS),
      .BINARY(BINARY), .PACK(PACK), .LOWEST(LOWEST), .LOGIC(LOGIC), .ACC_W(ACC_W), .NF(NF), .CHANNELS(CHANNELS),
      .DEPTHWISE(DEPTHWISE), .RQ(RQ), .LAYERS(LAYERS)
  ) u_macs (
      .clk(clk), .rst(rst),
      .valid(valid_q[OPERAND_STAGE]), .first(first_q[OPERAND_STAGE]), .last(last_q[OPERAND_STAGE]),
      .layer(operand_layer), .acts(acts), .weights(weights), .fold(bias_fold), .start(biases),
      .early(acc_early), .early_layer(acc_layer), .valid_o(acc_valid), .acc_o(acc)
  );

  // The multiplier ROM wants its address two cycles before the sums.
  wire [RQ*M_W-1:0] muls;
  generate
    if (MUL_EN) begin : g_muls
      wire [LAYERS*BEAT_W-1:0] addresses;
      for (genvar l = 0; l < LAYERS; l = l + 1) begin : g_layer
        localparam int FIRST = l * OUT_BEATS;
        logic [BEAT_W-1:0] beat_addr_q;
        always_ff @(posedge clk)
          if (rst) beat_addr_q <= BEAT_W'(FIRST);
          else if (acc_early && (LAYERS == 1 || acc_layer == LAYER_W'(l)))
            beat_addr_q <= (beat_addr_q == BEAT_W'(FIRST + OUT_BEATS - 1)) ? BEAT_W'(FIRST) : beat_addr_q + BEAT_W'(1);
        assign addresses[l*BEAT_W+:BEAT_W] = beat_addr_q;
      end
      hwq_rom #(.W(RQ * M_W), .DEPTH(LAYERS * OUT_BEATS), .FILE(MUL_FILE)) u_muls (
          .clk(clk), .addr(addresses[acc_layer*BEAT_W+:BEAT_W]), .data(muls)
      );
    end else begin : g_no_muls
      assign muls = '0;
    end
  endgenerate

  wire y_valid;
  wire [RQ*OUT_W-1:0] y;
  hwq_requant #(
      .LANES(RQ), .ACC_W(ACC_W), .MUL_EN(MUL_EN), .MANT_W(MANT_W), .M_W(M_W), .SHIFT(SHIFT), .ROUND(ROUND),
      .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX)
  ) u_requant (
      .clk(clk), .rst(rst), .valid_i(acc_valid), .acc(acc), .mul(muls), .valid_o(y_valid), .y(y)
  );
  generate
    for (genvar l = 0; l < LAYERS; l = l + 1) begin : g_out
      hwq_credit #(.W(RQ * OUT_W), .DEPTH(FIFO_DEPTH), .GROUP(CREDIT), .LATE(LAYERS > 1)) u_credit (
          .clk(clk), .rst(rst),
          .take(take[l]), .take_n(take_last[l] ? GROUP_W'(LAST_GROUP) : GROUP_W'(GROUP)), .room(room[l]),
          .valid_i(y_valid && (LAYERS == 1 || y_layer == LAYER_W'(l))), .data_i(y),
          .m_axis_tvalid(m_axis_tvalid[l]), .m_axis_tready(m_axis_tready[l]),
          .m_axis_tdata(m_axis_tdata[l*RQ*OUT_W+:RQ*OUT_W])
      );
    end
  endgenerate

`ifndef SYNTHESIS
  initial begin
    if (RQ < 1 || PE % RQ != 0 || GROUP > SF)
      $fatal(1, "hwq_mvau: PE=%0d RQ=%0d SF=%0d, expected RQ to divide PE and PE / RQ <= SF", PE, RQ, SF);
    if (NF != (CHANNELS + PE - 1) / PE) $fatal(1, "hwq_mvau: NF=%0d CHANNELS=%0d PE=%0d", NF, CHANNELS, PE);
    if (BINARY && (SIMD % IN != 0 || SF % GROUPS != 0 || LIVE < 1 || LIVE > IN || (DEPTHWISE && LIVE != IN)))
      $fatal(1, "hwq_mvau: BINARY with SIMD=%0d IN=%0d LIVE=%0d SF=%0d GROUPS=%0d", SIMD, IN, LIVE, SF, GROUPS);
    if (LAYERS < 1 || (LAYERS > 1 && (ENTRIES > 0 || BINARY || HOLD)))
      $fatal(1, "hwq_mvau: LAYERS=%0d with ENTRIES=%0d BINARY=%0d HOLD=%0d", LAYERS, ENTRIES, BINARY, HOLD);
    if (HOLD && SF != 1) $fatal(1, "hwq_mvau: HOLD with SF=%0d, expected 1", SF);
  end
`endif
endmodule
