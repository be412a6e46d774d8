// MAC array and its way out: acc[p] = start[p] + sum over the beats of a fold and over s of weight[p][s] * act.
//
// PE sums at once, SIMD products each; CHANNELS sums take NF = ceil(CHANNELS / PE) folds, the last of which may be
// partial. Done sums leave RQ at a time.
//   beats in    valid, with first and last of a fold. Lane s of acts feeds product s of each PE; DEPTHWISE: lane
//               s*PE + p feeds product s of PE p. Weight of PE p, product s at [(p*SIMD + s)*CODE_W +: CODE_W]; with
//               TERMS a sum of powers of two (see hwq_shift_add). BINARY: activations of one bit, unsigned, and weights
//               of one bit, 0 for -1 and 1 for 1: a product is a XOR, whose 1 counts as -1, so that
//               acc = start + sum of w * act - (number of weights that are 1)
//   PACK        PEs whose products of one activation share a multiplier (see hwq_mul_packed), the last of them maybe
//               fewer; not with DEPTHWISE, TERMS or BINARY. LOWEST: a weight may be -2^(WGT_W-1)
//   LOGIC       products from adders and LUTs, those of one activation together (see hwq_mul_logic); not with PACK,
//               TERMS or BINARY
//   start       PE p at [p*ACC_W +: ACC_W]: of the fold whose number was `fold` two cycles before
//   LAYERS      beats belong to one of so many layers, `layer`, in any order, each with sums and folds of its own; those
//               of layer l have the numbers l*NF to l*NF + NF - 1. early_layer: whose sums are early
//   beats out   ceil(CHANNELS / RQ) every NF folds, in order; lanes past CHANNELS are don't care. early is high two
//               cycles before valid_o
//   folding     RQ divides PE; PE / RQ cycles or more from one last beat to the next, of whatever layer
//   latency     4 + clog2(SIMD) from a last beat to valid_o (BINARY: 2 + clog2(SIMD), at least 4), one more with
//               PE > RQ; no stall
module hwq_macs #(
    parameter int PE = 2,
    parameter int SIMD = 2,
    parameter int ACT_W = 8,
    parameter bit ACT_SIGNED = 1,
    parameter int WGT_W = 8,
    parameter int CODE_W = WGT_W,
    parameter int TERMS = 0,
    parameter bit BINARY = 0,
    parameter int PACK = 1,
    parameter bit LOWEST = 1,
    parameter bit LOGIC = 0,
    parameter int ACC_W = 24,
    parameter int NF = 2,
    parameter int CHANNELS = 4,
    parameter bit DEPTHWISE = 0,
    parameter int RQ = 1,
    parameter int LAYERS = 1,
    localparam int IN_LANES = (DEPTHWISE ? PE : 1) * SIMD,
    localparam int FOLD_W = (LAYERS * NF > 1) ? $clog2(LAYERS * NF) : 1,
    localparam int LAYER_W = (LAYERS > 1) ? $clog2(LAYERS) : 1
) (
    input  logic                      clk,
    input  logic                      rst,
    input  logic                      valid,
    input  logic                      first,
    input  logic                      last,
    input  logic [LAYER_W-1:0]        layer,
    input  logic [IN_LANES*ACT_W-1:0] acts,
    input  logic [PE*SIMD*CODE_W-1:0] weights,
    output logic [FOLD_W-1:0]         fold,
    input  logic [PE*ACC_W-1:0]       start,
    output logic                      early,
    output logic [LAYER_W-1:0]        early_layer,
    output logic                      valid_o,
    output logic [RQ*ACC_W-1:0]       acc_o
);
  localparam int GROUP = PE / RQ;
  localparam int GROUP_W = $clog2(GROUP + 1);
  localparam int LAST_GROUP = (CHANNELS + RQ - 1) / RQ - (NF - 1) * GROUP;
  localparam int A_W = ACT_SIGNED ? ACT_W : ACT_W + 1;
  localparam int SHARE = !LOGIC ? PACK : DEPTHWISE ? 1 : PE;  // PEs whose products are made together
  localparam int PROD_W = BINARY ? 1 : A_W + WGT_W;
  localparam int FIELD_W = (ACT_SIGNED && LOWEST) ? PROD_W : PROD_W - 1;
  localparam int TREE_W = PROD_W + $clog2(SIMD);
  localparam int XOR_STAGE = (SIMD > 2) ? 1 : 3 - $clog2(SIMD);  // the start of a fold takes three cycles to come
  localparam int SUM_STAGE = (BINARY ? XOR_STAGE : 3) + $clog2(SIMD);

  // Flags of a beat k cycles after it came, in bit k.
  logic [SUM_STAGE:1] valid_q;
  logic [SUM_STAGE:1] first_q;
  logic [SUM_STAGE:1] last_q;
  always_ff @(posedge clk) begin
    if (rst) valid_q <= '0;
    else valid_q <= {valid_q[SUM_STAGE-1:1], valid};
    first_q <= {first_q[SUM_STAGE-1:1], first};
    last_q <= {last_q[SUM_STAGE-1:1], last};
  end

  // The number of a fold is known in time for a ROM to deliver its start together with its first sum. It has moved on
  // when the sums of a fold are issued, so it is the first one's after those of the last.
  wire step = valid_q[SUM_STAGE-2] && last_q[SUM_STAGE-2];
  wire issued_last;
  wire [LAYER_W-1:0] issue_layer, sum_layer;
  generate
    if (LAYERS == 1) begin : g_fold
      logic [FOLD_W-1:0] fold_q;
      always_ff @(posedge clk)
        if (rst) fold_q <= '0;
        else if (step) fold_q <= (fold_q == FOLD_W'(NF - 1)) ? '0 : fold_q + FOLD_W'(1);
      assign fold = fold_q;
      assign issued_last = fold_q == '0;
      assign issue_layer = layer;
      assign sum_layer = layer;
    end else begin : g_folds
      logic [SUM_STAGE*LAYER_W-1:0] layer_q;
      always_ff @(posedge clk) layer_q <= {layer_q[(SUM_STAGE-1)*LAYER_W-1:0], layer};
      wire [LAYER_W-1:0] fold_layer = layer_q[(SUM_STAGE-3)*LAYER_W+:LAYER_W];
      assign issue_layer = layer_q[(SUM_STAGE-2)*LAYER_W+:LAYER_W];
      assign sum_layer = layer_q[(SUM_STAGE-1)*LAYER_W+:LAYER_W];
      wire [LAYERS*FOLD_W-1:0] folds;
      wire [LAYERS-1:0] firsts;
      for (genvar l = 0; l < LAYERS; l = l + 1) begin : g_layer
        logic [FOLD_W-1:0] fold_q;
        always_ff @(posedge clk)
          if (rst) fold_q <= FOLD_W'(l * NF);
          else if (step && fold_layer == LAYER_W'(l))
            fold_q <= (fold_q == FOLD_W'(l * NF + NF - 1)) ? FOLD_W'(l * NF) : fold_q + FOLD_W'(1);
        assign folds[l*FOLD_W+:FOLD_W] = fold_q;
        assign firsts[l] = fold_q == FOLD_W'(l * NF);
      end
      assign fold = folds[fold_layer*FOLD_W+:FOLD_W];
      assign issued_last = firsts[issue_layer];
    end
  endgenerate

  // Products, adder tree and accumulator of each PE.
  wire sum_valid = valid_q[SUM_STAGE];
  wire sum_first = first_q[SUM_STAGE];

  wire [PROD_W-1:0] term[0:PE*SIMD-1];
  wire signed [ACC_W-1:0] acc[0:PE-1];
`ifndef SYNTHESIS
  localparam int LIVE_LAST = CHANNELS - (NF - 1) * PE;  // PEs that have a channel in the last fold
  int folds_done[0:LAYERS-1];
  always @(posedge clk)
    if (rst) for (int l = 0; l < LAYERS; l = l + 1) folds_done[l] <= 0;
    else if (sum_valid && last_q[SUM_STAGE])
      folds_done[sum_layer] <= (folds_done[sum_layer] == NF - 1) ? 0 : folds_done[sum_layer] + 1;
`endif
  generate
    for (genvar p = 0; p < PE; p = p + 1) begin : g_pe
      for (genvar s = 0; s < SIMD; s = s + 1) begin : g_simd
        localparam int LANE = DEPTHWISE ? s * PE + p : s;
        wire [ACT_W-1:0] lane = acts[LANE*ACT_W+:ACT_W];
        wire [CODE_W-1:0] weight = weights[(p*SIMD+s)*CODE_W+:CODE_W];
        if (BINARY) begin : g_xor
          hwq_delay #(.W(1), .N(XOR_STAGE)) u_term (
              .clk(clk), .rst(rst), .en(1'b1), .d(lane[0] ^ weight[0]), .q(term[p*SIMD+s])
          );
        end else begin : g_product
          wire signed [A_W-1:0] act;
          if (ACT_SIGNED) begin : g_signed
            assign act = lane;
          end else begin : g_unsigned
            assign act = {1'b0, lane};
          end
          if (TERMS > 0) begin : g_shift_add
            hwq_shift_add #(.A_W(A_W), .TERMS(TERMS), .TERM_W(CODE_W / TERMS), .P_W(PROD_W)) u_shift_add (
                .clk(clk), .a(act), .code(weight), .p(term[p*SIMD+s])
            );
          end else if (PACK == 1 && !LOGIC) begin : g_mul
            hwq_mul #(.A_W(A_W), .B_W(WGT_W), .LATENCY(3)) u_mul (
                .clk(clk), .a(act), .b(weight), .p(term[p*SIMD+s])
            );
          end else if (p % SHARE == 0) begin : g_shared
            localparam int COUNT = (PE - p < SHARE) ? PE - p : SHARE;
            wire [COUNT*WGT_W-1:0] factors;
            wire [COUNT*PROD_W-1:0] found;
            for (genvar i = 0; i < COUNT; i = i + 1) begin : g_product
              assign factors[i*WGT_W+:WGT_W] = weights[((p+i)*SIMD+s)*CODE_W+:WGT_W];
              assign term[(p+i)*SIMD+s] = found[i*PROD_W+:PROD_W];
            end
            if (LOGIC) begin : g_logic
              hwq_mul_logic #(.COUNT(COUNT), .A_W(A_W), .B_W(WGT_W)) u_logic (
                  .clk(clk), .a(act), .b(factors), .p(found)
              );
            end else begin : g_packed
              hwq_mul_packed #(.PACK(COUNT), .A_W(A_W), .B_W(WGT_W), .P_W(FIELD_W), .LOWEST(LOWEST)) u_packed (
                  .clk(clk), .a(act), .b(factors), .p(found)
              );
            end
          end
        end
      end
      // Gathered in one process and passed on whole: Icarus is quadratic on a wide bus that is driven in slices.
      logic [SIMD*PROD_W-1:0] gathered, products;
      always_comb begin
        for (int s = 0; s < SIMD; s = s + 1) gathered[s*PROD_W+:PROD_W] = term[p*SIMD+s];
        products = gathered;
      end
      wire signed [TREE_W-1:0] sum;
      hwq_addtree #(.N(SIMD), .IN_W(PROD_W), .OUT_W(TREE_W)) u_tree (.clk(clk), .d(products), .sum(sum));
      wire signed [ACC_W-1:0] start_p = start[p*ACC_W+:ACC_W];
      logic signed [ACC_W-1:0] acc_q;
      wire signed [ACC_W-1:0] kept;  // the sum so far of the layer that the beat is of
      wire signed [ACC_W-1:0] next = (sum_first ? start_p : kept) + ACC_W'(sum);
      always_ff @(posedge clk) if (sum_valid) acc_q <= next;
      assign acc[p] = acc_q;
      if (LAYERS == 1) begin : g_kept
        assign kept = acc_q;
      end else begin : g_each_kept
        wire [LAYERS*ACC_W-1:0] sums;
        for (genvar l = 0; l < LAYERS; l = l + 1) begin : g_layer
          logic [ACC_W-1:0] kept_q;
          always_ff @(posedge clk) if (sum_valid && sum_layer == LAYER_W'(l)) kept_q <= next;
          assign sums[l*ACC_W+:ACC_W] = kept_q;
        end
        assign kept = sums[sum_layer*ACC_W+:ACC_W];
      end
`ifndef SYNTHESIS
      // Sums on the way to a result may leave ACC_W bits, as those wrap; the result may not.
      localparam int EXACT_W = (ACC_W > TREE_W ? ACC_W : TREE_W) + 2;
      wire signed [EXACT_W-1:0] exact = EXACT_W'(sum_first ? start_p : kept) + EXACT_W'(sum);
      wire signed [EXACT_W-1:0] beyond = (exact - EXACT_W'(next)) >>> ACC_W;
      logic signed [EXACT_W-1:0] wraps[0:LAYERS-1];
      wire signed [EXACT_W-1:0] wrapped = (sum_first ? EXACT_W'(0) : wraps[sum_layer]) + beyond;
      always @(posedge clk)
        if (sum_valid) begin
          wraps[sum_layer] <= wrapped;
          if (last_q[SUM_STAGE] && (p < LIVE_LAST || folds_done[sum_layer] != NF - 1) && wrapped != 0)
            $fatal(1, "hwq_macs: %m accumulator does not fit ACC_W=%0d, by %0d times its range", ACC_W, wrapped);
        end
`endif
    end
  endgenerate

  // Sums of a fold leave RQ at a time. Their sequence is known two cycles before them.
  wire issue = valid_q[SUM_STAGE-1] && last_q[SUM_STAGE-1];
  logic [1:0] beat_q;
  always_ff @(posedge clk)
    if (rst) beat_q <= '0;
    else beat_q <= {beat_q[0], early};
  assign valid_o = beat_q[1];

  generate
    if (GROUP == 1) begin : g_all
      assign early = issue;
      assign early_layer = issue_layer;
      for (genvar l = 0; l < RQ; l = l + 1) begin : g_lane
        assign acc_o[l*ACC_W+:ACC_W] = acc[l];
      end
    end else begin : g_serial
      wire [GROUP_W-1:0] issue_n = issued_last ? GROUP_W'(LAST_GROUP) : GROUP_W'(GROUP);
      logic [GROUP_W-1:0] left_q;
      if (LAYERS == 1) begin : g_layer
        assign early_layer = issue_layer;
      end else begin : g_layer
        logic [LAYER_W-1:0] layer_q;
        always_ff @(posedge clk) if (issue) layer_q <= issue_layer;
        assign early_layer = layer_q;
      end
      always_ff @(posedge clk)
        if (rst) left_q <= '0;
        else if (issue) left_q <= issue_n;
        else if (left_q != '0) left_q <= left_q - GROUP_W'(1);
      assign early = left_q != '0;
      logic done_q;
      always_ff @(posedge clk) done_q <= sum_valid && last_q[SUM_STAGE] && !rst;
      wire [ACC_W-1:0] shift[0:PE+RQ-1];
      for (genvar i = 0; i < PE; i = i + 1) begin : g_shift
        logic [ACC_W-1:0] shift_q;
        always_ff @(posedge clk) shift_q <= done_q ? acc[i] : shift[i+RQ];
        assign shift[i] = shift_q;
      end
      for (genvar l = 0; l < RQ; l = l + 1) begin : g_lane
        assign shift[PE+l] = '0;
        assign acc_o[l*ACC_W+:ACC_W] = shift[l];
      end
    end
  endgenerate

`ifndef SYNTHESIS
  initial begin
    if (RQ < 1 || PE % RQ != 0) $fatal(1, "hwq_macs: PE=%0d RQ=%0d, expected RQ to divide PE", PE, RQ);
    if (NF != (CHANNELS + PE - 1) / PE) $fatal(1, "hwq_macs: NF=%0d CHANNELS=%0d PE=%0d", NF, CHANNELS, PE);
    if (PACK > 1 && (DEPTHWISE || TERMS > 0 || BINARY))
      $fatal(1, "hwq_macs: PACK=%0d with DEPTHWISE=%0d TERMS=%0d BINARY=%0d", PACK, DEPTHWISE, TERMS, BINARY);
    if (LOGIC && (PACK > 1 || TERMS > 0 || BINARY))
      $fatal(1, "hwq_macs: LOGIC with PACK=%0d TERMS=%0d BINARY=%0d", PACK, TERMS, BINARY);
    if (BINARY && (ACT_W != 1 || ACT_SIGNED || CODE_W != 1))
      $fatal(1, "hwq_macs: BINARY with ACT_W=%0d ACT_SIGNED=%0d CODE_W=%0d", ACT_W, ACT_SIGNED, CODE_W);
  end
`endif
endmodule
