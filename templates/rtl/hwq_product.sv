// Product of two streams, lane by lane (rules A2, R1):
//   y = clamp(round((a - ZERO_A) * (b - ZERO_B) * MUL / 2^SHIFT) + ZERO, QMIN, QMAX)
//
//   ZERO_A, ZERO_B  values of the types of a and b, so a difference has one bit more
//   MUL             as hwq_requant reads it: the factor itself only with MANT_W = 0
//   latency         LATENCY from a pair of beats to the output FIFO
//   throughput      one pair of beats a cycle while the output is taken; free running, on credit
module hwq_product #(
    parameter int LANES = 1,
    parameter int A_W = 8,
    parameter bit A_SIGNED = 1,
    parameter int B_W = 8,
    parameter bit B_SIGNED = 1,
    parameter int ZERO_A = 0,
    parameter int ZERO_B = 0,
    parameter int MUL = 1,
    parameter bit MUL_EN = 1,
    parameter int MANT_W = 0,
    parameter int M_W = 16,
    parameter int SHIFT = 0,
    parameter int ROUND = 1,
    parameter int OUT_W = 8,
    parameter signed [63:0] ZERO = 0,
    parameter signed [63:0] QMIN = -128,
    parameter signed [63:0] QMAX = 127,
    localparam int LATENCY = MUL_EN ? 7 : 5,
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
  localparam int ACC_W = A_W + B_W + 2;

  wire room;
  wire fire = a_axis_tvalid && b_axis_tvalid && room;
  assign a_axis_tready = b_axis_tvalid && room;
  assign b_axis_tready = a_axis_tvalid && room;

  logic [1:0] valid_q;
  always_ff @(posedge clk)
    if (rst) valid_q <= '0;
    else valid_q <= {valid_q[0], fire};

  wire [LANES*ACC_W-1:0] products;
  generate
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
      wire [A_W-1:0] a = a_axis_tdata[l*A_W+:A_W];
      wire [B_W-1:0] b = b_axis_tdata[l*B_W+:B_W];
      wire [A_W:0] a_less = {A_SIGNED && a[A_W-1], a} - (A_W + 1)'(ZERO_A);
      wire [B_W:0] b_less = {B_SIGNED && b[B_W-1], b} - (B_W + 1)'(ZERO_B);
      hwq_mul #(.A_W(A_W + 1), .B_W(B_W + 1)) u_mul (
          .clk(clk), .a(a_less), .b(b_less), .p(products[l*ACC_W+:ACC_W])
      );
    end
  endgenerate

  wire y_valid;
  wire [LANES*OUT_W-1:0] y;
  hwq_requant #(
      .LANES(LANES), .ACC_W(ACC_W), .MUL_EN(MUL_EN), .MANT_W(MANT_W), .M_W(M_W), .SHIFT(SHIFT), .ROUND(ROUND),
      .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX)
  ) u_requant (
      .clk(clk), .rst(rst), .valid_i(valid_q[1]), .acc(products), .mul({LANES{M_W'(MUL)}}), .valid_o(y_valid), .y(y)
  );
  hwq_credit #(.W(LANES * OUT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire), .take_n(1'b1), .room(room),
      .valid_i(y_valid), .data_i(y),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial begin
    if (ZERO_A < (A_SIGNED ? -(1 << (A_W - 1)) : 0) || ZERO_A >= (1 << (A_SIGNED ? A_W - 1 : A_W)))
      $fatal(1, "hwq_product: ZERO_A=%0d does not fit A_W=%0d", ZERO_A, A_W);
    if (ZERO_B < (B_SIGNED ? -(1 << (B_W - 1)) : 0) || ZERO_B >= (1 << (B_SIGNED ? B_W - 1 : B_W)))
      $fatal(1, "hwq_product: ZERO_B=%0d does not fit B_W=%0d", ZERO_B, B_W);
  end
`endif
endmodule
