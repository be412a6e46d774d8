// hwq_requant (rules R1, R2), for every accumulator and every factor: a floored division and what its remainder says.
module formal_requant #(
    parameter int ACC_W = 6,
    parameter bit MUL_EN = 1,
    parameter int MANT_W = 0,
    parameter int M_W = 3,
    parameter int SHIFT = 3,
    parameter int ROUND = 1,
    parameter int OUT_W = 4,
    parameter int ZERO = 0,
    parameter int QMIN = -8,
    parameter int QMAX = 7,
    parameter int W = 24,
    localparam int LATENCY = MUL_EN ? 5 : 3
) (
    input logic clk,
    input logic rst,
    input logic valid,
    input logic [ACC_W-1:0] acc,
    input logic [M_W-1:0] mul
);
  logic valid_o;
  logic [OUT_W-1:0] y, wanted;
  hwq_requant #(
      .LANES(1), .ACC_W(ACC_W), .MUL_EN(MUL_EN), .MANT_W(MANT_W), .M_W(M_W), .SHIFT(SHIFT), .ROUND(ROUND),
      .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX)
  ) u_dut (
      .clk(clk), .rst(rst), .valid_i(valid), .acc(acc), .mul(mul), .valid_o(valid_o), .y(y)
  );
  formal_reset u_reset (.clk(clk), .rst(rst));
  wire [M_W:0] word = {mul, 1'b1};  // with MANT_W: exponent and mantissa
  wire [W-1:0] mantissa = word & ((W'(1) << MANT_W) - W'(1));
  wire [W-1:0] factor = !MUL_EN ? W'(1) : (MANT_W > 0) ? mantissa << (word >> MANT_W) : W'(mul);
  formal_rule_r1 #(.W(W), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(OUT_W), .ZERO(ZERO), .QMIN(QMIN), .QMAX(QMAX)) u_y (
      .p(W'($signed(acc)) * $signed(factor)), .y(wanted)
  );
  formal_pipe #(.W(OUT_W), .LATENCY(LATENCY)) u_pipe (.clk(clk), .y(wanted), .out(y));
  // A beat that is in the pipe at a reset is gone.
  logic [LATENCY-1:0] valid_q = '0;
  always_ff @(posedge clk) valid_q <= rst ? '0 : {valid_q[LATENCY-2:0], valid};
  always_comb begin
    if (!rst) in_time: assert (valid_o == valid_q[LATENCY-1]);
    lowest: cover (valid_o && y == OUT_W'(QMIN));
    highest: cover (valid_o && y == OUT_W'(QMAX));
  end
endmodule
