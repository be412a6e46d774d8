// Sum of two streams, lane by lane (rules A1, R1):
//   y = clamp(round((a*MA + b*MB + BIAS) / 2^SHIFT) + ZERO, QMIN, QMAX)
//
//   MA, MB      integer constants; a negative one subtracts
//   latency     LATENCY from a pair of beats to the output FIFO
//   throughput  one pair of beats a cycle while the output is taken; free running, on credit
module hwq_add #(
    parameter int LANES = 1,
    parameter int A_W = 8,
    parameter bit A_SIGNED = 1,
    parameter int B_W = 8,
    parameter bit B_SIGNED = 1,
    parameter int MA = 1,
    parameter int MB = 1,
    parameter signed [63:0] BIAS = 0,
    parameter int SHIFT = 1,
    parameter int ROUND = 1,
    parameter int OUT_W = 8,
    parameter signed [63:0] ZERO = 0,
    parameter signed [63:0] QMIN = -128,
    parameter signed [63:0] QMAX = 127,
    localparam int LATENCY = 6,
    parameter int FIFO_DEPTH = LATENCY + 2
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   a_axis_tvalid,
    output logic                   a_axis_tready,
    input  logic [LANES*A_W-1:0]   a_axis_tdata,
    input  logic                   b_axis_tvalid,
    output logic                   b_axis_tready,
    input  logic [LANES*B_W-1:0]   b_axis_tdata,
    output logic                   m_axis_tvalid,
    input  logic                   m_axis_tready,
    output logic [LANES*OUT_W-1:0] m_axis_tdata
);
  // Bits of a signed constant.
  function automatic int signed_bits(input logic signed [63:0] value);
    logic signed [63:0] rest;
    rest = (value < 0) ? ~value : value;
    signed_bits = 1;
    for (int i = 0; i < 63; i = i + 1)
      if (rest[i]) signed_bits = i + 2;
  endfunction

  localparam int MA_W = signed_bits(64'(MA));
  localparam int MB_W = signed_bits(64'(MB));
  localparam int BIAS_W = signed_bits(BIAS);
  localparam int PA_W = A_W + MA_W;
  localparam int PB_W = B_W + MB_W;
  localparam int P_W = (PA_W > PB_W) ? PA_W : PB_W;
  localparam int ACC_W = ((P_W > BIAS_W) ? P_W : BIAS_W) + 2;

  wire room;
  wire fire = a_axis_tvalid && b_axis_tvalid && room;
  assign a_axis_tready = b_axis_tvalid && room;
  assign b_axis_tready = a_axis_tvalid && room;

  logic [2:0] valid_q;
  always_ff @(posedge clk)
    if (rst) valid_q <= '0;
    else valid_q <= {valid_q[1:0], fire};

  wire [LANES*ACC_W-1:0] sums;
  generate
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
      wire [A_W-1:0] a = a_axis_tdata[l*A_W+:A_W];
      wire [B_W-1:0] b = b_axis_tdata[l*B_W+:B_W];
      logic signed [A_W:0] a_q;
      logic signed [B_W:0] b_q;
      logic signed [PA_W-1:0] pa_q;
      logic signed [PB_W-1:0] pb_q;
      logic signed [ACC_W-1:0] sum_q;
      always_ff @(posedge clk) begin
        a_q <= {A_SIGNED && a[A_W-1], a};
        b_q <= {B_SIGNED && b[B_W-1], b};
        pa_q <= PA_W'(a_q) * PA_W'(MA);
        pb_q <= PB_W'(b_q) * PB_W'(MB);
        sum_q <= ACC_W'(pa_q) + ACC_W'(pb_q) + ACC_W'(BIAS);
      end
      assign sums[l*ACC_W+:ACC_W] = sum_q;
    end
  endgenerate

  wire y_valid;
  wire [LANES*OUT_W-1:0] y;
  hwq_requant #(
      .LANES(LANES), .ACC_W(ACC_W), .MUL_EN(1'b0), .M_W(1), .SHIFT(SHIFT), .ROUND(ROUND),
      .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX)
  ) u_requant (
      .clk(clk), .rst(rst), .valid_i(valid_q[2]), .acc(sums), .mul({LANES{1'b1}}), .valid_o(y_valid), .y(y)
  );
  hwq_credit #(.W(LANES * OUT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire), .take_n(1'b1), .room(room),
      .valid_i(y_valid), .data_i(y),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );
endmodule
