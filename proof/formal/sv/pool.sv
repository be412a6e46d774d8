// hwq_pool (rules P1, P2, R1): the largest of TAPS beats or their sum, requantised; one beat out for each TAPS in.
module formal_pool #(
    parameter int X_W = 2,
    parameter bit X_SIGNED = 1,
    parameter int TAPS = 3,
    parameter bit MAX = 0,
    parameter int BIAS = 1,
    parameter int MUL = 3,
    parameter bit MUL_EN = 1,
    parameter int SHIFT = 2,
    parameter int ROUND = 1,
    parameter int QMIN = -4,
    parameter int QMAX = 3,
    parameter int FIFO_DEPTH = 2,
    localparam int OUT_W = MAX ? X_W : 3
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [X_W-1:0] x,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [OUT_W-1:0] m_data, sum_y;
  hwq_pool #(
      .ACT_W(X_W), .ACT_SIGNED(X_SIGNED), .TAPS(TAPS), .MAX(MAX), .BIAS(BIAS), .MUL(MUL), .ACC_W(6), .MUL_EN(MUL_EN),
      .M_W(2), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(OUT_W), .QMIN(QMIN), .QMAX(QMAX), .FIFO_DEPTH(FIFO_DEPTH)
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(x),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  // The beats of the present window that are in, and what they make.
  logic [3:0] taps;
  logic signed [15:0] kept;
  wire signed [15:0] wide = $signed({X_SIGNED && x[X_W-1], x});
  wire signed [15:0] largest = (taps == '0 || wide > kept) ? wide : kept;
  wire signed [15:0] sum = ((taps == '0) ? BIAS : kept) + wide;
  wire last = taps == TAPS - 1;
  initial taps = '0;
  always_ff @(posedge clk)
    if (rst) taps <= '0;
    else if (s_valid && s_ready) begin
      taps <= last ? '0 : taps + 4'd1;
      kept <= MAX ? largest : sum;
    end
  formal_rule_r1 #(.W(16), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(OUT_W), .QMIN(QMIN), .QMAX(QMAX)) u_y (
      .p(sum * (MUL_EN ? MUL : 1)), .y(sum_y)
  );
  always_comb if (!rst) in_range: assert (taps < TAPS);
  formal_fold #(.IN_W(X_W), .OUT_W(OUT_W), .CAPACITY(FIFO_DEPTH), .LATENCY(8)) u_fold (
      .clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready), .s_data(x), .last(last),
      .y(MAX ? OUT_W'(largest) : sum_y), .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
  );
endmodule
