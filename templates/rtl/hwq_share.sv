// Several layers to one MAC array: a beat of one of them each cycle, with its layer and its place in that one's folds.
//
// Whoever has a beat gets its turn, round robin, so a layer waits for another's beat but never for another's input. The
// last beat of a fold, which ends in sums, also waits for room where its layer's results go, and for the sums of the
// fold before it, of whatever layer, to have left.
//   layers      LAYERS, each of NF folds of SF beats (see hwq_folds); GROUP cycles or more from one last beat to the next
//   word        layer * NF * SF + the word of the layer: those of all layers stand one behind the other in memory
//   take        layer by layer, with the last beat of a fold; take_last: the fold is the layer's last
//   room        looked at a cycle before take; of one layer two such cycles in a row, if SF = 1
//   latency     1; throughput one beat a cycle, whichever layer has one
module hwq_share #(
    parameter int LAYERS = 2,
    parameter int W = 8,      // bits of a beat
    parameter int SF = 4,
    parameter int NF = 2,
    parameter int GROUP = 1,
    localparam int LAYER_W = (LAYERS > 1) ? $clog2(LAYERS) : 1,
    localparam int WORD_W = (LAYERS * NF * SF > 1) ? $clog2(LAYERS * NF * SF) : 1
) (
    input  logic                clk,
    input  logic                rst,
    input  logic [  LAYERS-1:0] s_axis_tvalid,
    output logic [  LAYERS-1:0] s_axis_tready,
    input  logic [LAYERS*W-1:0] s_axis_tdata,
    input  logic [  LAYERS-1:0] room,
    output logic [  LAYERS-1:0] take,
    output logic [  LAYERS-1:0] take_last,
    output logic                valid,
    output logic                first,
    output logic                last,
    output logic [ LAYER_W-1:0] layer,
    output logic [  WORD_W-1:0] word,
    output logic [       W-1:0] data
);
  localparam int GAP_W = (GROUP > 1) ? $clog2(GROUP) : 1;

  // Whose turn it is: the first that can go behind the one that went last, or the first of all.
  logic [LAYERS-1:0] behind_q;
  wire [LAYERS-1:0] firsts, lasts, last_nf;
  wire open;
  wire [LAYERS-1:0] able = s_axis_tvalid & (~lasts | (room & {LAYERS{open}}));
  wire [LAYERS-1:0] near = able & behind_q;
  wire any_near = near != '0;
  wire [LAYERS-1:0] turn, behind;
  generate
    for (genvar l = 0; l < LAYERS; l = l + 1) begin : g_turn
      localparam [LAYERS-1:0] BEFORE = (LAYERS'(1) << l) - LAYERS'(1);
      assign turn[l] = able[l] && (any_near ? behind_q[l] && (near & BEFORE) == '0 : (able & BEFORE) == '0);
      assign behind[l] = (turn & BEFORE) != '0;
    end
  endgenerate
  assign s_axis_tready = turn;
  wire [LAYERS-1:0] done = turn & lasts;
  always_ff @(posedge clk)
    if (rst) behind_q <= '0;
    else if (able != '0) behind_q <= behind;

  // Sums of a fold leave in GROUP cycles.
  generate
    if (GROUP == 1) begin : g_open
      assign open = 1'b1;
    end else begin : g_gap
      logic [GAP_W-1:0] gap_q;
      logic open_q;
      always_ff @(posedge clk)
        if (rst) begin
          gap_q <= '0;
          open_q <= 1'b1;
        end else if (done != '0) begin
          gap_q <= GAP_W'(GROUP - 1);
          open_q <= 1'b0;
        end else if (!open_q) begin
          gap_q <= gap_q - GAP_W'(1);
          open_q <= gap_q == GAP_W'(1);
        end
      assign open = open_q;
    end
  endgenerate

  // The beat whose turn it is; of all others zeros are joined to it.
  wire [W-1:0] beat[0:LAYERS];
  wire [WORD_W-1:0] place[0:LAYERS];
  wire [LAYER_W-1:0] number[0:LAYERS];
  assign beat[0] = '0;
  assign place[0] = '0;
  assign number[0] = '0;
  generate
    for (genvar l = 0; l < LAYERS; l = l + 1) begin : g_layer
      localparam int OWN_W = (NF * SF > 1) ? $clog2(NF * SF) : 1;
      localparam int NF_W = (NF > 1) ? $clog2(NF) : 1;
      wire [OWN_W-1:0] own;
      wire [NF_W-1:0] unused_nf;
      hwq_folds #(.SF(SF), .NF(NF)) u_folds (
          .clk(clk), .rst(rst), .fire(turn[l]),
          .first(firsts[l]), .last(lasts[l]), .nf(unused_nf), .last_nf(last_nf[l]), .word(own)
      );
      assign beat[l+1] = beat[l] | (turn[l] ? s_axis_tdata[l*W+:W] : '0);
      assign place[l+1] = place[l] | (turn[l] ? WORD_W'(own) + WORD_W'(l * NF * SF) : '0);
      assign number[l+1] = number[l] | (turn[l] ? LAYER_W'(l) : '0);
    end
  endgenerate

  always_ff @(posedge clk) begin
    valid <= !rst && able != '0;
    first <= (turn & firsts) != '0;
    last <= done != '0;
    take <= rst ? '0 : done;
    take_last <= last_nf;
    layer <= number[LAYERS];
    word <= place[LAYERS];
    data <= beat[LAYERS];
  end

`ifndef SYNTHESIS
  initial
    if (LAYERS < 1 || W < 1 || GROUP < 1 || GROUP > SF)
      $fatal(1, "hwq_share: LAYERS=%0d W=%0d GROUP=%0d SF=%0d", LAYERS, W, GROUP, SF);
`endif
endmodule
