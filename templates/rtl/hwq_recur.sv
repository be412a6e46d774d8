// Pre-activations of a recurrent layer, row by row, and the vector that they are made of (rules S2, R1):
//   p[r] = requantise(reset(bias[r] + sum over j of w[r][j] * vector[j]) + factor[r] * x[r])
//
// A step is one pass over ROWS0 rows, or two, the second over ROWS1 rows. In each pass the user of the rows hands in
// the vector of the next one, and that pass begins when its last element is there. The first vector of a frame of STEPS
// steps is zero.
//   x, rows     s_axis brings x[r] in the order of the rows; `go` lets a row begin, `fire` says that one does, and its
//               p comes 7 cycles later, 9 with MUL_EN
//   gain        RESET: reset(v) = floor((v * gain + half) / 2^FRACTION), gain one cycle after `fire`; else reset(v) = v
//   vector      UNITS elements a pass, at vec_valid/vec
//   WGT_FILE    word nf*SF + sf: weight of PE p, product s at [(p*SIMD + s)*WGT_W +: WGT_W]; row r of a pass is PE r mod
//               PE of its fold r / PE, element j is product j mod SIMD of beat j / SIMD; the folds of the second pass
//               follow those of the first
//   BIAS_FILE   word nf: [p*ACC_W +: ACC_W]
//   ROW_FILE    word r: {factor, multiplier of hwq_requant}
//   folding     SF = ceil(UNITS / SIMD), PE <= SF; PE divides ROWS0 where there is a second pass
//   cycles      a pass with F folds, the last of R rows: F * SF + R + clog2(SIMD) + 10 + (1 if PE > 1) + (5 with
//               MUL_EN, else 3), and from p of its last row to the last element of the vector
module hwq_recur #(
    parameter int STEPS = 4,
    parameter int UNITS = 4,
    parameter int ROWS0 = 16,
    parameter int ROWS1 = 0,
    parameter int PE = 2,
    parameter int SIMD = 2,
    parameter int VEC_W = 8,
    parameter bit VEC_SIGNED = 1,
    parameter int WGT_W = 8,
    parameter int ACC_W = 24,
    parameter int X_W = 16,
    parameter bit X_SIGNED = 1,
    parameter int FACTOR_W = 4,
    parameter bit RESET = 0,
    parameter int FRACTION = 14,
    parameter int GAIN_W = 16,
    parameter WGT_FILE = "",
    parameter BIAS_FILE = "",
    parameter ROW_FILE = "",
    parameter bit MUL_EN = 1,
    parameter int MANT_W = 0,
    parameter int M_W = 16,
    parameter int SHIFT = 15,
    parameter int ROUND = 1,
    parameter int P_W = 12,
    parameter int ZERO = 0,
    parameter int QMIN = -2048,
    parameter int QMAX = 2047
) (
    input  logic              clk,
    input  logic              rst,
    input  logic              s_axis_tvalid,
    output logic              s_axis_tready,
    input  logic [X_W-1:0]    s_axis_tdata,
    input  logic              go,
    output logic              fire,
    input  logic [GAIN_W-1:0] gain,
    output logic              p_valid,
    output logic [P_W-1:0]    p,
    input  logic              vec_valid,
    input  logic [VEC_W-1:0]  vec
);
  localparam int SF = (UNITS + SIMD - 1) / SIMD;
  localparam int LAST_LANES = UNITS - (SF - 1) * SIMD;
  localparam int ROWS = ROWS0 + ROWS1;
  localparam int NF0 = (ROWS0 + PE - 1) / PE;
  localparam int NF = (ROWS + PE - 1) / PE;
  localparam int LAST_ROWS = ROWS - (NF - 1) * PE;
  localparam int FACTOR_STAGE = 4;
  localparam int SF_W = (SF > 1) ? $clog2(SF) : 1;
  localparam int NF_W = (NF > 1) ? $clog2(NF) : 1;
  localparam int WORD_W = (NF * SF > 1) ? $clog2(NF * SF) : 1;
  localparam int LANE_W = (SIMD > 1) ? $clog2(SIMD) : 1;
  localparam int STEP_W = (STEPS > 1) ? $clog2(STEPS) : 1;
  localparam int PE_W = $clog2(PE + 1);
  localparam int ROW_W = (ROWS > 1) ? $clog2(ROWS) : 1;
  localparam int SCALED_W = X_W + FACTOR_W + 2;

  // The vector is written to one bank while the other one is read, a lane for each product. `zero_q` stands for the
  // first vector of a frame; a pass runs until its folds are issued.
  logic bank_q, zero_q, active_q;
  logic [LANE_W-1:0] lane_q;
  logic [SF_W-1:0] place_q;
  logic [STEP_W-1:0] step_q;
  logic [SF_W-1:0] sf_q;
  logic [NF_W-1:0] nf_q;
  logic [WORD_W-1:0] word_q;
  wire last_place = place_q == SF_W'(SF - 1);
  wire last_lane = lane_q == (last_place ? LANE_W'(LAST_LANES - 1) : LANE_W'(SIMD - 1));
  wire vec_done = vec_valid && last_place && last_lane;
  wire last_sf = sf_q == SF_W'(SF - 1);
  wire last_nf = nf_q == NF_W'(NF - 1);
  wire room;
  wire issue = active_q && (room || !last_sf);
  wire take = issue && last_sf;

  always_ff @(posedge clk)
    if (rst) begin
      bank_q <= 1'b0;
      zero_q <= 1'b1;
      active_q <= 1'b1;
      lane_q <= '0;
      place_q <= '0;
      step_q <= '0;
      sf_q <= '0;
      nf_q <= '0;
      word_q <= '0;
    end else begin
      if (vec_valid) begin
        lane_q <= last_lane ? '0 : lane_q + LANE_W'(1);
        if (last_lane) place_q <= last_place ? '0 : place_q + SF_W'(1);
      end
      if (issue) begin
        sf_q <= last_sf ? '0 : sf_q + SF_W'(1);
        word_q <= (last_sf && last_nf) ? '0 : word_q + WORD_W'(1);
      end
      if (take) nf_q <= last_nf ? '0 : nf_q + NF_W'(1);
      if (take && (last_nf || (ROWS1 > 0 && nf_q == NF_W'(NF0 - 1)))) active_q <= 1'b0;
      else if (vec_done) active_q <= 1'b1;
      if (vec_done) begin
        bank_q <= !bank_q;
        zero_q <= nf_q == '0 && step_q == STEP_W'(STEPS - 1);
        if (nf_q == '0) step_q <= (step_q == STEP_W'(STEPS - 1)) ? '0 : step_q + STEP_W'(1);
      end
    end

  wire [VEC_W-1:0] lane[0:SIMD-1];
  generate
    for (genvar s = 0; s < SIMD; s = s + 1) begin : g_lane
      logic [VEC_W-1:0] mem[0:2*SF-1];
      logic [VEC_W-1:0] lane_read_q;
      wire [SF_W:0] write_addr = {1'b0, place_q} + (bank_q ? '0 : (SF_W + 1)'(SF));
      wire [SF_W:0] read_addr = {1'b0, sf_q} + (bank_q ? (SF_W + 1)'(SF) : '0);
      wire none = zero_q || (last_sf && s >= LAST_LANES);
      always_ff @(posedge clk) begin
        if (vec_valid && lane_q == LANE_W'(s)) mem[write_addr] <= vec;
        lane_read_q <= none ? '0 : mem[read_addr];
      end
      assign lane[s] = lane_read_q;
    end
  endgenerate

  // Operands reach the array two cycles after they are asked for.
  logic [SIMD*VEC_W-1:0] gathered, acts_q;
  logic [2:1] valid_q, first_q, last_q;
  always_comb for (int s = 0; s < SIMD; s = s + 1) gathered[s*VEC_W+:VEC_W] = lane[s];
  always_ff @(posedge clk) begin
    acts_q <= gathered;
    valid_q <= rst ? '0 : {valid_q[1], issue};
    first_q <= {first_q[1], sf_q == '0};
    last_q <= {last_q[1], last_sf};
  end
  wire [PE*SIMD*WGT_W-1:0] weights;
  hwq_rom #(.W(PE * SIMD * WGT_W), .DEPTH(NF * SF), .FILE(WGT_FILE)) u_weights (
      .clk(clk), .addr(word_q), .data(weights)
  );
  wire [NF_W-1:0] bias_nf;
  wire [PE*ACC_W-1:0] biases;
  hwq_rom #(.W(PE * ACC_W), .DEPTH(NF), .FILE(BIAS_FILE)) u_biases (.clk(clk), .addr(bias_nf), .data(biases));

  wire acc_early, acc_valid;
  wire [ACC_W-1:0] acc;
  wire unused_layer;  // of one layer
  hwq_macs #(
      .PE(PE), .SIMD(SIMD), .ACT_W(VEC_W), .ACT_SIGNED(VEC_SIGNED), .WGT_W(WGT_W), .ACC_W(ACC_W), .NF(NF),
      .CHANNELS(ROWS), .RQ(1)
  ) u_macs (
      .clk(clk), .rst(rst),
      .valid(valid_q[2]), .first(first_q[2]), .last(last_q[2]), .layer(1'b0), .acts(acts_q),
      .weights(weights), .fold(bias_nf), .start(biases),
      .early(acc_early), .early_layer(unused_layer), .valid_o(acc_valid), .acc_o(acc)
  );
  localparam int ACC_LATENCY = 6 + $clog2(SIMD) + ((PE > 1) ? 1 : 0);
  wire sum_valid;
  wire [ACC_W-1:0] sum;
  hwq_credit #(.W(ACC_W), .DEPTH(ACC_LATENCY + PE + 1), .GROUP(PE)) u_sums (
      .clk(clk), .rst(rst),
      .take(take), .take_n(last_nf ? PE_W'(LAST_ROWS) : PE_W'(PE)), .room(room),
      .valid_i(acc_valid), .data_i(acc),
      .m_axis_tvalid(sum_valid), .m_axis_tready(s_axis_tvalid && go), .m_axis_tdata(sum)
  );

  // A row begins when its sum and its x are there. Factor and multiplier come out of their ROM after two cycles.
  assign fire = sum_valid && s_axis_tvalid && go;
  assign s_axis_tready = sum_valid && go;
  logic [ROW_W-1:0] row_q;
  logic [FACTOR_STAGE:1] fired_q;
  logic signed [X_W:0] x1_q, x2_q;
  logic signed [ACC_W-1:0] sum1_q;
  logic [M_W-1:0] mul3_q, mul4_q;
  wire [FACTOR_W+M_W-1:0] row;
  wire signed [SCALED_W-1:0] scaled;
  wire signed [ACC_W-1:0] kept;
  hwq_rom #(.W(FACTOR_W + M_W), .DEPTH(ROWS), .FILE(ROW_FILE)) u_rows (.clk(clk), .addr(row_q), .data(row));
  hwq_mul #(.A_W(X_W + 1), .B_W(FACTOR_W + 1)) u_factor (
      .clk(clk), .a(x2_q), .b({1'b0, row[M_W+:FACTOR_W]}), .p(scaled)
  );
  always_ff @(posedge clk) begin
    if (rst) begin
      row_q <= '0;
      fired_q <= '0;
    end else begin
      if (fire) row_q <= (row_q == ROW_W'(ROWS - 1)) ? '0 : row_q + ROW_W'(1);
      fired_q <= {fired_q[FACTOR_STAGE-1:1], fire};
    end
    x1_q <= {X_SIGNED && s_axis_tdata[X_W-1], s_axis_tdata};
    x2_q <= x1_q;
    sum1_q <= sum;
    mul3_q <= row[M_W-1:0];
    mul4_q <= mul3_q;
  end

  generate
    if (RESET) begin : g_reset
      localparam int PROD_W = ACC_W + GAIN_W;
      wire signed [PROD_W-1:0] product;
      logic signed [ACC_W-1:0] kept_q;
      hwq_mul #(.A_W(ACC_W), .B_W(GAIN_W)) u_reset (.clk(clk), .a(sum1_q), .b(gain), .p(product));
      always_ff @(posedge clk) kept_q <= ACC_W'((product + (PROD_W'(1) <<< (FRACTION - 1))) >>> FRACTION);
      assign kept = kept_q;
    end else begin : g_whole
      logic signed [ACC_W-1:0] sum2_q, sum3_q, sum4_q;
      always_ff @(posedge clk) begin
        sum2_q <= sum1_q;
        sum3_q <= sum2_q;
        sum4_q <= sum3_q;
      end
      assign kept = sum4_q;
    end
  endgenerate

  wire signed [ACC_W-1:0] total = kept + ACC_W'(scaled);
  hwq_requant #(
      .LANES(1), .ACC_W(ACC_W), .MUL_EN(MUL_EN), .MANT_W(MANT_W), .M_W(M_W), .SHIFT(SHIFT), .ROUND(ROUND),
      .OUT_W(P_W), .ZERO(64'(ZERO)), .QMIN(64'(QMIN)), .QMAX(64'(QMAX))
  ) u_requant (
      .clk(clk), .rst(rst), .valid_i(fired_q[FACTOR_STAGE]), .acc(total), .mul(mul4_q), .valid_o(p_valid), .y(p)
  );

`ifndef SYNTHESIS
  initial begin
    if (STEPS < 1 || UNITS < 1 || SIMD > UNITS || PE > SF)
      $fatal(1, "hwq_recur: UNITS=%0d SIMD=%0d PE=%0d, expected SIMD <= UNITS and PE <= UNITS / SIMD", UNITS, SIMD, PE);
    if (ROWS1 > 0 && ROWS0 % PE != 0) $fatal(1, "hwq_recur: PE=%0d does not divide ROWS0=%0d", PE, ROWS0);
    if (RESET && FRACTION < 1) $fatal(1, "hwq_recur: FRACTION=%0d", FRACTION);
  end
  always @(posedge clk)
    if (fired_q[FACTOR_STAGE] && 64'(kept) + 64'(scaled) != 64'(total))
      $fatal(1, "hwq_recur: %m accumulator %0d does not fit ACC_W=%0d", 64'(kept) + 64'(scaled), ACC_W);
`endif
endmodule
