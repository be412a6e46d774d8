// hwq_share: a beat of one layer each cycle, in order within each layer, with its place in that layer's folds; the last
// beat of a fold only with room, and GROUP cycles behind another; none waits for ever.
module formal_share #(
    parameter int LAYERS = 2,
    parameter int W = 1,
    parameter int SF = 2,
    parameter int NF = 2,
    parameter int GROUP = 2,
    localparam int LAYER_W = (LAYERS > 1) ? $clog2(LAYERS) : 1,
    localparam int WORD_W = (LAYERS * NF * SF > 1) ? $clog2(LAYERS * NF * SF) : 1
) (
    input logic clk,
    input logic rst,
    input logic [LAYERS-1:0] s_valid,
    input logic [LAYERS*W-1:0] s_data,
    input logic [LAYERS-1:0] room
);
  logic [LAYERS-1:0] s_ready, take, take_last;
  logic valid, first, last;
  logic [LAYER_W-1:0] layer;
  logic [WORD_W-1:0] word;
  logic [W-1:0] data;
  hwq_share #(.LAYERS(LAYERS), .W(W), .SF(SF), .NF(NF), .GROUP(GROUP)) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(s_data), .room(room),
      .take(take), .take_last(take_last), .valid(valid), .first(first), .last(last), .layer(layer), .word(word),
      .data(data)
  );
  formal_reset u_reset (.clk(clk), .rst(rst));
  logic [7:0] gap;  // cycles since a last beat went
  logic [LAYERS-1:0] room_q;
  initial gap = '1;
  wire [LAYERS-1:0] go = s_valid & s_ready;
  always_ff @(posedge clk) begin
    room_q <= room;
    if (rst) gap <= '1;
    else if (valid && last) gap <= 8'd1;
    else if (gap != '1) gap <= gap + 8'd1;
  end
  always_comb
    if (!rst) begin
      one: assert ((go & (go - LAYERS'(1))) == '0);
      if (valid && last) spaced: assert (gap >= GROUP && room_q[layer] && take == LAYERS'(1) << layer);
      if (!(valid && last)) none: assert (take == '0);
    end
  generate
    for (genvar l = 0; l < LAYERS; l = l + 1) begin : g_layer
      logic [7:0] fold, beat;
      initial {fold, beat} = '0;
      wire mine = valid && layer == l;
      always_ff @(posedge clk)
        if (rst) {fold, beat} <= '0;
        else if (mine) begin
          beat <= (beat == SF - 1) ? '0 : beat + 8'd1;
          if (beat == SF - 1) fold <= (fold == NF - 1) ? '0 : fold + 8'd1;
        end
      always_comb
        if (!rst) begin
          assert (fold < NF && beat < SF);
          if (mine) assert (word == l * NF * SF + fold * SF + beat);
          if (mine) assert (first == (beat == '0) && last == (beat == SF - 1));
          if (mine && last) assert (take_last[l] == (fold == NF - 1));
        end
      logic [1:0] held, ahead;
      logic picked;
      logic [W-1:0] own;
      formal_source #(.W(W)) u_source (
          .clk(clk), .rst(rst), .valid(s_valid[l]), .ready(s_ready[l]), .data(s_data[l*W+:W])
      );
      formal_order #(.W(W), .CAPACITY(1)) u_order (
          .clk(clk), .rst(rst), .in(go[l]), .in_data(s_data[l*W+:W]), .out(mine), .out_data(data),
          .held(held), .picked(picked), .ahead(ahead), .data(own)
      );
      formal_progress #(.LIMIT(LAYERS * (GROUP + 1))) u_fair (
          .clk(clk), .rst(rst), .wants(s_valid[l] && room == '1), .moves(go[l])
      );
    end
  endgenerate
  always_comb begin
    all_wait: cover (!rst && s_valid == '1 && valid && last);
    over: cover (!rst && valid && word == LAYERS * NF * SF - 1);
  end
endmodule
