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
    parameter int ZERO = 0,
    parameter int QMIN = -128,
    parameter int QMAX = 127,
    localparam int GROUP = PE / RQ,
    localparam int OPERAND_STAGE = (ENTRIES > 0) ? 3 : 2,
    localparam int LANE_STAGE = !BINARY ? 3 : (SIMD > 2) ? 1 : 3 - $clog2(SIMD),
    localparam int LATENCY = OPERAND_STAGE + LANE_STAGE + $clog2(SIMD) + ((GROUP > 1) ? 2 : 1) + (MUL_EN ? 5 : 3),
    parameter int FIFO_DEPTH = LATENCY + GROUP + 1,
    localparam int IN_LANES = (DEPTHWISE ? PE : 1) * SIMD
) (
    input  logic                      clk,
    input  logic                      rst,
    input  logic                      s_axis_tvalid,
    output logic                      s_axis_tready,
    input  logic [IN_LANES*ACT_W-1:0] s_axis_tdata,
    output logic                      m_axis_tvalid,
    input  logic                      m_axis_tready,
    output logic [RQ*OUT_W-1:0]       m_axis_tdata
);
  localparam int WORDS = NF * SF;
  localparam int OUT_BEATS = (CHANNELS + RQ - 1) / RQ;
  localparam int LAST_GROUP = OUT_BEATS - (NF - 1) * GROUP;
  localparam int LANE_W = (TERMS > 0) ? CODE_W : WGT_W;
  localparam int SF_W = (SF > 1) ? $clog2(SF) : 1;
  localparam int NF_W = (NF > 1) ? $clog2(NF) : 1;
  localparam int WORD_W = (WORDS > 1) ? $clog2(WORDS) : 1;
  localparam int BEAT_W = (OUT_BEATS > 1) ? $clog2(OUT_BEATS) : 1;
  localparam int GROUP_W = $clog2(GROUP + 1);

  // Fold counters. The last beat of a fold needs room for the whole fold's output.
  logic [SF_W-1:0] sf_q;
  logic [NF_W-1:0] nf_q;
  logic [WORD_W-1:0] word_q;
  logic last_sf_q;
  wire room;
  wire go = room || !last_sf_q;
  wire last_nf = nf_q == NF_W'(NF - 1);
  wire fire = s_axis_tvalid && go;
  wire take = fire && last_sf_q;
  assign s_axis_tready = go && (!HOLD || last_nf);

  always_ff @(posedge clk)
    if (rst) begin
      sf_q <= '0;
      nf_q <= '0;
      word_q <= '0;
      last_sf_q <= SF == 1;
    end else if (fire) begin
      sf_q <= last_sf_q ? '0 : sf_q + SF_W'(1);
      last_sf_q <= (SF == 1) || (sf_q == SF_W'(SF - 2));
      word_q <= (last_sf_q && last_nf) ? '0 : word_q + WORD_W'(1);
      if (last_sf_q) nf_q <= last_nf ? '0 : nf_q + NF_W'(1);
    end

  // Flags of a beat k cycles after it was taken, in bit k: valid, first and last of its fold.
  logic [OPERAND_STAGE:1] valid_q;
  logic [OPERAND_STAGE:1] first_q;
  logic [OPERAND_STAGE:1] last_q;
  always_ff @(posedge clk) begin
    if (rst) valid_q <= '0;
    else valid_q <= {valid_q[OPERAND_STAGE-1:1], fire};
    first_q <= {first_q[OPERAND_STAGE-1:1], sf_q == '0};
    last_q <= {last_q[OPERAND_STAGE-1:1], last_sf_q};
  end

  // Operands: activations wait for the weights. A XOR with what is don't care would count.
  wire [IN_LANES*ACT_W-1:0] beat;
  generate
    if (BINARY && LIVE < IN) begin : g_mask
      localparam int PART_W = (GROUPS > 1) ? $clog2(GROUPS) : 1;
      localparam [SIMD-1:0] KEPT = {(SIMD / IN) {{(IN - LIVE) {1'b0}}, {LIVE{1'b1}}}};
      logic [PART_W-1:0] part_q;
      wire last_part = part_q == PART_W'(GROUPS - 1);
      always_ff @(posedge clk)
        if (rst) part_q <= '0;
        else if (fire) part_q <= last_part ? '0 : part_q + PART_W'(1);
      assign beat = last_part ? s_axis_tdata & KEPT : s_axis_tdata;
    end else begin : g_whole
      assign beat = s_axis_tdata;
    end
  endgenerate
  logic [IN_LANES*ACT_W-1:0] act1_q, act2_q;
  wire [IN_LANES*ACT_W-1:0] acts;
  wire [PE*SIMD*LANE_W-1:0] weights;
  always_ff @(posedge clk) begin
    act1_q <= beat;
    act2_q <= act1_q;
  end
  generate
    if (ENTRIES > 0) begin : g_act3
      logic [IN_LANES*ACT_W-1:0] act3_q;
      always_ff @(posedge clk) act3_q <= act2_q;
      assign acts = act3_q;
    end else begin : g_act2
      assign acts = act2_q;
    end
  endgenerate
  hwq_weights #(
      .PE(PE), .SIMD(SIMD), .WGT_W(LANE_W), .CODE_W(CODE_W), .ENTRIES(ENTRIES), .CHANNEL_TABLES(CHANNEL_TABLES),
      .SF(SF), .NF(NF), .FILE(WGT_FILE), .TABLE_FILE(TABLE_FILE), .STYLE(WGT_STYLE)
  ) u_weights (
      .clk(clk), .step(word_q), .nf(nf_q), .weights(weights)
  );

  wire [NF_W-1:0] bias_nf;
  wire [PE*ACC_W-1:0] biases;
  hwq_rom #(.W(PE * ACC_W), .DEPTH(NF), .FILE(BIAS_FILE)) u_biases (
      .clk(clk), .addr(bias_nf), .data(biases)
  );

  wire acc_early, acc_valid;
  wire [RQ*ACC_W-1:0] acc;
  hwq_macs #(
      .PE(PE), .SIMD(SIMD), .ACT_W(ACT_W), .ACT_SIGNED(ACT_SIGNED), .WGT_W(WGT_W), .CODE_W(LANE_W), .TERMS(TERMS),
      .BINARY(BINARY), .PACK(PACK), .LOWEST(LOWEST), .LOGIC(LOGIC), .ACC_W(ACC_W), .NF(NF), .CHANNELS(CHANNELS),
      .DEPTHWISE(DEPTHWISE), .RQ(RQ)
  ) u_macs (
      .clk(clk), .rst(rst),
      .valid(valid_q[OPERAND_STAGE]), .first(first_q[OPERAND_STAGE]), .last(last_q[OPERAND_STAGE]),
      .acts(acts), .weights(weights), .fold(bias_nf), .start(biases),
      .early(acc_early), .valid_o(acc_valid), .acc_o(acc)
  );

  // The multiplier ROM wants its address two cycles before the sums.
  wire [RQ*M_W-1:0] muls;
  generate
    if (MUL_EN) begin : g_muls
      logic [BEAT_W-1:0] beat_addr_q;
      always_ff @(posedge clk)
        if (rst) beat_addr_q <= '0;
        else if (acc_early)
          beat_addr_q <= (beat_addr_q == BEAT_W'(OUT_BEATS - 1)) ? '0 : beat_addr_q + BEAT_W'(1);
      hwq_rom #(.W(RQ * M_W), .DEPTH(OUT_BEATS), .FILE(MUL_FILE)) u_muls (
          .clk(clk), .addr(beat_addr_q), .data(muls)
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
  hwq_credit #(.W(RQ * OUT_W), .DEPTH(FIFO_DEPTH), .GROUP(GROUP)) u_credit (
      .clk(clk), .rst(rst),
      .take(take), .take_n(last_nf ? GROUP_W'(LAST_GROUP) : GROUP_W'(GROUP)), .room(room),
      .valid_i(y_valid), .data_i(y),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial begin
    if (RQ < 1 || PE % RQ != 0 || GROUP > SF)
      $fatal(1, "hwq_mvau: PE=%0d RQ=%0d SF=%0d, expected RQ to divide PE and PE / RQ <= SF", PE, RQ, SF);
    if (NF != (CHANNELS + PE - 1) / PE) $fatal(1, "hwq_mvau: NF=%0d CHANNELS=%0d PE=%0d", NF, CHANNELS, PE);
    if (BINARY && (SIMD % IN != 0 || SF % GROUPS != 0 || LIVE < 1 || LIVE > IN || (DEPTHWISE && LIVE != IN)))
      $fatal(1, "hwq_mvau: BINARY with SIMD=%0d IN=%0d LIVE=%0d SF=%0d GROUPS=%0d", SIMD, IN, LIVE, SF, GROUPS);
    if (HOLD && SF != 1) $fatal(1, "hwq_mvau: HOLD with SF=%0d, expected 1", SF);
  end
`endif
endmodule
