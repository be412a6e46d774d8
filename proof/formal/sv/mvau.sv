// hwq_mvau (rules L1, R1): each output of each pixel is its weights times the beats of its fold, plus bias, requantised.
module formal_mvau #(
    parameter int PE = 2,
    parameter int SF = 2,
    parameter int NF = 2,
    parameter int CHANNELS = 3,
    parameter int PACK = 1,
    parameter bit LOGIC = 0,
    parameter int RQ = 1,
    parameter int FIFO_DEPTH = 3,
    localparam int X_W = 2,
    localparam int WGT_W = 2,
    localparam int ACC_W = 6,
    localparam int OUT_W = 3,
    localparam int OUTS = (CHANNELS + RQ - 1) / RQ
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [X_W-1:0] x,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [RQ*OUT_W-1:0] m_data;
  logic [OUT_W-1:0] y;
  hwq_mvau #(
      .PE(PE), .SIMD(1), .ACT_W(X_W), .WGT_W(WGT_W), .PACK(PACK), .LOGIC(LOGIC), .ACC_W(ACC_W), .SF(SF), .NF(NF),
      .CHANNELS(CHANNELS), .WGT_FILE("weights.mem"), .BIAS_FILE("biases.mem"), .RQ(RQ), .MUL_EN(0), .M_W(1),
      .SHIFT(1), .ROUND(2), .OUT_W(OUT_W), .QMIN(-4), .QMAX(3), .FIFO_DEPTH(FIFO_DEPTH)
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(x),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  logic [PE*WGT_W-1:0] weights[0:NF*SF-1];
  logic [PE*ACC_W-1:0] biases[0:NF-1];
  initial $readmemh("weights.mem", weights);
  initial $readmemh("biases.mem", biases);
  // One channel, any, is followed: PE `pe` of fold `nf`.
  (* anyconst *) logic [3:0] pe, nf;
  wire [7:0] channel = nf * PE + pe;
  always_comb a_channel: assume (pe < PE && nf < NF && channel < CHANNELS);
  logic [3:0] beat, fold, place;
  logic signed [15:0] kept;
  wire [3:0] word = fold * SF + beat;
  wire signed [15:0] bias = $signed(biases[fold][pe*ACC_W+:ACC_W]);
  wire signed [15:0] weight = $signed(weights[word][pe*WGT_W+:WGT_W]);
  wire signed [15:0] wide = $signed(x);
  wire signed [15:0] sum = ((beat == '0) ? bias : kept) + weight * wide;
  wire take = s_valid && s_ready;
  wire give = m_valid && m_ready;
  wire done = take && beat == SF - 1 && fold == nf;
  initial {beat, fold, place} = '0;
  always_ff @(posedge clk)
    if (rst) {beat, fold, place} <= '0;
    else begin
      if (take) beat <= (beat == SF - 1) ? '0 : beat + 4'd1;
      if (take && beat == SF - 1) fold <= (fold == NF - 1) ? '0 : fold + 4'd1;
      if (take) kept <= sum;
      if (give) place <= (place == OUTS - 1) ? '0 : place + 4'd1;
    end
  formal_rule_r1 #(.W(16), .SHIFT(1), .ROUND(2), .OUT_W(OUT_W), .QMIN(-4), .QMAX(3)) u_y (.p(sum), .y(y));
  logic [2:0] held, ahead;
  logic picked;
  logic [OUT_W-1:0] data;
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(X_W)) u_source (.clk(clk), .rst(rst), .valid(s_valid), .ready(s_ready), .data(x));
  // Lanes past CHANNELS are don't care, but stay as they are while they wait.
  formal_sink #(.W(RQ * OUT_W)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  wire [7:0] lane = channel - place * RQ;
  formal_order #(.W(OUT_W), .CAPACITY(6)) u_order (
      .clk(clk), .rst(rst), .in(done), .in_data(y), .out(give && lane < RQ), .out_data(m_data[lane*OUT_W+:OUT_W]),
      .held(held), .picked(picked), .ahead(ahead), .data(data)
  );
  formal_progress #(.LIMIT(16)) u_in (.clk(clk), .rst(rst), .wants(s_valid && m_ready), .moves(s_ready));
  always_comb begin
    if (!rst) in_range: assert (beat < SF && fold < NF && place < OUTS);
    pixel: cover (!rst && give && place == OUTS - 1);
    stalled: cover (!rst && s_valid && !s_ready && m_valid);
  end
endmodule
