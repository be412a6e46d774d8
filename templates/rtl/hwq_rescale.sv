// Change of scale, lane by lane: y = clamp(round((x + BIAS) * MUL / 2^SHIFT) + ZERO, QMIN, QMAX)  (rules S1, R1)
//
//   MUL         as hwq_requant reads it: the factor itself only with MANT_W = 0
//   latency     LATENCY from a beat to the output FIFO
//   throughput  one beat a cycle while the output is taken; free running, on credit
module hwq_rescale #(
    parameter int LANES = 1,
    parameter int ACT_W = 8,
    parameter bit ACT_SIGNED = 1,
    parameter signed [63:0] BIAS = 0,
    parameter int MUL = 1,
    parameter int ACC_W = 16,
    parameter bit MUL_EN = 1,
    parameter int MANT_W = 0,
    parameter int M_W = 16,
    parameter int SHIFT = 0,
    parameter int ROUND = 1,
    parameter int OUT_W = 8,
    parameter signed [63:0] ZERO = 0,
    parameter signed [63:0] QMIN = -128,
    parameter signed [63:0] QMAX = 127,
    localparam int LATENCY = MUL_EN ? 6 : 4,
    parameter int FIFO_DEPTH = LATENCY + 2
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   s_axis_tvalid,
    output logic                   s_axis_tready,
    input  logic [LANES*ACT_W-1:0] s_axis_tdata,
    output logic                   m_axis_tvalid,
    input  logic                   m_axis_tready,
    output logic [LANES*OUT_W-1:0] m_axis_tdata
);
  wire room;
  wire fire = s_axis_tvalid && room;
  assign s_axis_tready = room;

  logic valid_q;
  always_ff @(posedge clk) valid_q <= fire && !rst;

  wire [LANES*ACC_W-1:0] sums;
  generate
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
      wire [ACT_W-1:0] lane = s_axis_tdata[l*ACT_W+:ACT_W];
      wire signed [ACT_W:0] x = {ACT_SIGNED && lane[ACT_W-1], lane};
      logic signed [ACC_W-1:0] sum_q;
      always_ff @(posedge clk) sum_q <= ACC_W'(x) + ACC_W'(BIAS);
      assign sums[l*ACC_W+:ACC_W] = sum_q;
`ifndef SYNTHESIS
      wire signed [63:0] exact = 64'(x) + BIAS;
      always @(posedge clk)
        if (fire && !rst && exact != 64'(ACC_W'(exact)))
          $fatal(1, "hwq_rescale: %m accumulator %0d does not fit ACC_W=%0d", exact, ACC_W);
`endif
    end
  endgenerate

  wire y_valid;
  wire [LANES*OUT_W-1:0] y;
  hwq_requant #(
      .LANES(LANES), .ACC_W(ACC_W), .MUL_EN(MUL_EN), .MANT_W(MANT_W), .M_W(M_W), .SHIFT(SHIFT), .ROUND(ROUND),
      .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX)
  ) u_requant (
      .clk(clk), .rst(rst), .valid_i(valid_q), .acc(sums), .mul({LANES{M_W'(MUL)}}), .valid_o(y_valid), .y(y)
  );
  hwq_credit #(.W(LANES * OUT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire), .take_n(1'b1), .room(room),
      .valid_i(y_valid), .data_i(y),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );
endmodule
