// Product of two tensors, head by head: for T rows t of a and N rows n of b, of K channels each,
//   y[t][n] = clamp(round((sum over k of (a[t][k] - ZERO_A) * (b[n][k] - ZERO_B)) * MUL / 2^SHIFT) + ZERO, QMIN, QMAX)
// Rules L7, R1.
//
// PE outputs at once, SIMD products each: NF = ceil(N / PE) folds of SF = ceil(K / SIMD) beats; the last fold and the
// last beat of a row may be partial.
//   beats in    a_axis: for each head, for t < T: SF beats; b_axis: for each head, for n < N: SF beats
//   beats out   for each head, for t < T: ceil(N / RQ), in order of n; lanes past N are don't care
//   memory      two heads of b, one comes in while the other is used: PE RAMs of 2*NF*SF words; a few rows of a
//   MUL         as hwq_requant reads it: the factor itself only with MANT_W = 0
//   folding     RQ divides PE, PE / RQ <= SF
//   latency     LATENCY + 6 from the last beat of a row of a to the output FIFO, if its head of b has come before;
//               LATENCY + SF from the last beat of a head of b, if its first row of a has
//   throughput  a head in max(T*NF*SF, N*SF, T*ceil(N / RQ)) cycles while the output is taken; free running, on credit
module hwq_matmul #(
    parameter int PE = 2,
    parameter int SIMD = 2,
    parameter int T = 3,
    parameter int N = 5,
    parameter int K = 4,
    parameter int A_W = 8,
    parameter bit A_SIGNED = 1,
    parameter int ZERO_A = 0,
    parameter int B_W = 8,
    parameter bit B_SIGNED = 1,
    parameter int ZERO_B = 0,
    parameter int ACC_W = 20,
    parameter int RQ = 1,
    parameter int MUL = 1,
    parameter bit MUL_EN = 1,
    parameter int MANT_W = 0,
    parameter int M_W = 16,
    parameter int SHIFT = 15,
    parameter int ROUND = 1,
    parameter int OUT_W = 8,
    parameter signed [63:0] ZERO = 0,
    parameter signed [63:0] QMIN = -128,
    parameter signed [63:0] QMAX = 127,
    localparam int SF = (K + SIMD - 1) / SIMD,
    localparam int NF = (N + PE - 1) / PE,
    localparam int GROUP = PE / RQ,
    localparam int LATENCY = 6 + $clog2(SIMD) + ((GROUP > 1) ? 2 : 1) + (MUL_EN ? 5 : 3),
    parameter int FIFO_DEPTH = LATENCY + GROUP + 1
) (
    input  logic                clk,
    input  logic                rst,
    input  logic                a_axis_tvalid,
    output logic                a_axis_tready,
    input  logic [SIMD*A_W-1:0] a_axis_tdata,
    input  logic                b_axis_tvalid,
    output logic                b_axis_tready,
    input  logic [SIMD*B_W-1:0] b_axis_tdata,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic [RQ*OUT_W-1:0] m_axis_tdata
);
  localparam int WORDS = NF * SF;
  localparam int LAST_GROUP = (N + RQ - 1) / RQ - (NF - 1) * GROUP;
  localparam int LIVE = K - (SF - 1) * SIMD;  // lanes of the last beat of a row
  localparam int MA_W = (A_SIGNED && ZERO_A == 0) ? A_W : A_W + 1;
  localparam int MB_W = (B_SIGNED && ZERO_B == 0) ? B_W : B_W + 1;
  localparam int SF_W = (SF > 1) ? $clog2(SF) : 1;
  localparam int NF_W = (NF > 1) ? $clog2(NF) : 1;
  localparam int T_W = (T > 1) ? $clog2(T) : 1;
  localparam int N_W = (N > 1) ? $clog2(N) : 1;
  localparam int ADDR_W = $clog2(2 * WORDS);
  localparam int GROUP_W = $clog2(GROUP + 1);

  // Heads of b that are in memory as a whole; the one that comes in is not counted.
  logic [1:0] heads_q;
  wire loaded, used;
  always_ff @(posedge clk)
    if (rst) heads_q <= '0;
    else heads_q <= heads_q + 2'(loaded) - 2'(used);

  // ---------------------------------------------------------------- a head of b comes in, row by row
  // A row is written to its PE and to those after it, which later rows overwrite: so idle PEs of the last fold hold
  // known words.
  logic [SF_W-1:0] load_sf_q;
  logic [N_W-1:0] load_n_q;
  logic [PE-1:0] load_pes_q;
  logic [ADDR_W-1:0] load_q;
  wire load = b_axis_tvalid && b_axis_tready;
  wire load_last_sf = load_sf_q == SF_W'(SF - 1);
  wire load_last_n = load_n_q == N_W'(N - 1);
  wire [PE-1:0] next_pes = load_pes_q << 1;
  wire load_last_pe = next_pes == '0 || load_last_n;
  assign b_axis_tready = !heads_q[1];
  assign loaded = load && load_last_sf && load_last_n;

  always_ff @(posedge clk)
    if (rst) begin
      load_sf_q <= '0;
      load_n_q <= '0;
      load_pes_q <= '1;
      load_q <= '0;
    end else if (load) begin
      load_sf_q <= load_last_sf ? '0 : load_sf_q + SF_W'(1);
      if (load_last_sf) begin
        load_n_q <= load_last_n ? '0 : load_n_q + N_W'(1);
        load_pes_q <= load_last_pe ? '1 : next_pes;
      end
      if (load_last_sf && !load_last_pe) load_q <= load_q - ADDR_W'(SF - 1);
      else load_q <= (load_q == ADDR_W'(2 * WORDS - 1)) ? '0 : load_q + ADDR_W'(1);
    end

  logic [PE-1:0] write_q;
  logic [ADDR_W-1:0] write_addr_q;
  always_ff @(posedge clk) begin
    write_q <= (load && !rst) ? load_pes_q : '0;
    write_addr_q <= load_q;
  end

  // ---------------------------------------------------------------- each row of a meets all folds of the head
  wire act_valid, act_ready;
  wire [SIMD*A_W-1:0] act_data;
  hwq_swu_ser #(
      .DATA_W(SIMD * A_W), .H(1), .W(1), .CF(SF), .KH(1), .KW(1), .PT(0), .PL(0), .OH(1), .OW(1), .NF(NF),
      .ROWS(1 + (SF + 2) / SF)
  ) u_rows (
      .clk(clk), .rst(rst),
      .s_axis_tvalid(a_axis_tvalid), .s_axis_tready(a_axis_tready), .s_axis_tdata(a_axis_tdata),
      .m_axis_tvalid(act_valid), .m_axis_tready(act_ready), .m_axis_tdata(act_data)
  );

  logic [SF_W-1:0] sf_q;
  logic [NF_W-1:0] nf_q;
  logic [T_W-1:0] t_q;
  logic [ADDR_W-1:0] read_q;
  logic last_sf_q;
  wire room;
  wire last_nf = nf_q == NF_W'(NF - 1);
  wire last_t = t_q == T_W'(T - 1);
  assign act_ready = heads_q != '0 && (room || !last_sf_q);
  wire fire = act_valid && act_ready;
  wire take = fire && last_sf_q;
  assign used = take && last_nf && last_t;

  always_ff @(posedge clk)
    if (rst) begin
      sf_q <= '0;
      nf_q <= '0;
      t_q <= '0;
      read_q <= '0;
      last_sf_q <= SF == 1;
    end else if (fire) begin
      sf_q <= last_sf_q ? '0 : sf_q + SF_W'(1);
      last_sf_q <= (SF == 1) || (sf_q == SF_W'(SF - 2));
      if (last_sf_q) begin
        nf_q <= last_nf ? '0 : nf_q + NF_W'(1);
        if (last_nf) t_q <= last_t ? '0 : t_q + T_W'(1);
      end
      if (last_sf_q && last_nf && !last_t) read_q <= read_q - ADDR_W'(WORDS - 1);
      else read_q <= (read_q == ADDR_W'(2 * WORDS - 1)) ? '0 : read_q + ADDR_W'(1);
    end

  // Flags of a beat k cycles after it was taken, in bit k: valid, first and last of its fold.
  logic [3:1] valid_q, first_q, last_q;
  logic [ADDR_W-1:0] read1_q;
  always_ff @(posedge clk) begin
    if (rst) valid_q <= '0;
    else valid_q <= {valid_q[2:1], fire};
    first_q <= {first_q[2:1], sf_q == '0};
    last_q <= {last_q[2:1], last_sf_q};
    read1_q <= read_q;
  end

  // ---------------------------------------------------------------- operands without zero points, lanes past K are 0
  wire [MA_W-1:0] a_moved[0:SIMD-1];
  wire [MB_W-1:0] b_moved[0:SIMD-1];
  generate
    for (genvar l = 0; l < SIMD; l = l + 1) begin : g_lane
      wire signed [A_W:0] a = {A_SIGNED && act_data[l*A_W+A_W-1], act_data[l*A_W+:A_W]};
      wire signed [B_W:0] b = {B_SIGNED && b_axis_tdata[l*B_W+B_W-1], b_axis_tdata[l*B_W+:B_W]};
      logic [MA_W-1:0] a_q;
      logic [MB_W-1:0] b_q;
      always_ff @(posedge clk) begin
        a_q <= (l >= LIVE && last_sf_q) ? '0 : MA_W'(a - (A_W + 1)'(ZERO_A));
        b_q <= (l >= LIVE && load_last_sf) ? '0 : MB_W'(b - (B_W + 1)'(ZERO_B));
      end
      assign a_moved[l] = a_q;
      assign b_moved[l] = b_q;
    end
  endgenerate

  // Gathered in one process and passed on whole: Icarus is quadratic on a wide bus that is driven in slices.
  logic [SIMD*MA_W-1:0] a_gathered, a2_q, a3_q;
  logic [SIMD*MB_W-1:0] b_gathered, b_word;
  always_comb begin
    for (int l = 0; l < SIMD; l = l + 1) begin
      a_gathered[l*MA_W+:MA_W] = a_moved[l];
      b_gathered[l*MB_W+:MB_W] = b_moved[l];
    end
    b_word = b_gathered;
  end
  always_ff @(posedge clk) begin
    a2_q <= a_gathered;
    a3_q <= a2_q;
  end

  wire [SIMD*MB_W-1:0] word[0:PE-1];
  logic [PE*SIMD*MB_W-1:0] words_gathered, words;
  generate
    for (genvar p = 0; p < PE; p = p + 1) begin : g_memory
      (* no_rw_check *) logic [SIMD*MB_W-1:0] mem[0:2*WORDS-1];
      logic [SIMD*MB_W-1:0] word2_q, word3_q;
      always_ff @(posedge clk) begin
        if (write_q[p]) mem[write_addr_q] <= b_word;
        word2_q <= mem[read1_q];
        word3_q <= word2_q;
      end
      assign word[p] = word3_q;
    end
  endgenerate
  always_comb begin
    for (int p = 0; p < PE; p = p + 1) words_gathered[p*SIMD*MB_W+:SIMD*MB_W] = word[p];
    words = words_gathered;
  end

  // ---------------------------------------------------------------- products, sums, requantiser
  wire acc_valid, unused_early, unused_layer;
  wire [NF_W-1:0] unused_fold;
  wire [RQ*ACC_W-1:0] acc;
  hwq_macs #(
      .PE(PE), .SIMD(SIMD), .ACT_W(MA_W), .ACT_SIGNED(1'b1), .WGT_W(MB_W), .ACC_W(ACC_W), .NF(NF), .CHANNELS(N),
      .RQ(RQ)
  ) u_macs (
      .clk(clk), .rst(rst),
      .valid(valid_q[3]), .first(first_q[3]), .last(last_q[3]), .layer(1'b0), .acts(a3_q), .weights(words),
      .fold(unused_fold), .start({(PE * ACC_W) {1'b0}}), .early(unused_early), .early_layer(unused_layer),
      .valid_o(acc_valid), .acc_o(acc)
  );

  wire y_valid;
  wire [RQ*OUT_W-1:0] y;
  hwq_requant #(
      .LANES(RQ), .ACC_W(ACC_W), .MUL_EN(MUL_EN), .MANT_W(MANT_W), .M_W(M_W), .SHIFT(SHIFT), .ROUND(ROUND),
      .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX)
  ) u_requant (
      .clk(clk), .rst(rst), .valid_i(acc_valid), .acc(acc), .mul({RQ{M_W'(MUL)}}), .valid_o(y_valid), .y(y)
  );
  hwq_credit #(.W(RQ * OUT_W), .DEPTH(FIFO_DEPTH), .GROUP(GROUP)) u_credit (
      .clk(clk), .rst(rst),
      .take(take), .take_n(last_nf ? GROUP_W'(LAST_GROUP) : GROUP_W'(GROUP)), .room(room),
      .valid_i(y_valid), .data_i(y),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial begin
    if (T < 1 || N < 1 || K < 1 || SIMD < 1) $fatal(1, "hwq_matmul: T=%0d N=%0d K=%0d SIMD=%0d", T, N, K, SIMD);
    if (RQ < 1 || PE % RQ != 0 || GROUP > SF)
      $fatal(1, "hwq_matmul: PE=%0d RQ=%0d SF=%0d, expected RQ to divide PE and PE / RQ <= SF", PE, RQ, SF);
  end
`endif
endmodule
