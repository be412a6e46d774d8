// Cells of Lattice iCE40 UltraPlus, as far as the library uses them, for simulation.
//
// SB_MAC16 is written by the names of its parameters and ports: the 16 x 16 product of A and B, each signed or not, with
// registers that parameters turn on. C and D, the adders, holds, resets and loads are left out: the library ties them off.
module SB_MAC16 #(
    parameter bit A_REG = 0,
    parameter bit B_REG = 0,
    parameter bit A_SIGNED = 0,
    parameter bit B_SIGNED = 0,
    parameter bit TOP_8x8_MULT_REG = 0,
    parameter bit BOT_8x8_MULT_REG = 0,
    parameter bit PIPELINE_16x16_MULT_REG1 = 0,
    parameter bit PIPELINE_16x16_MULT_REG2 = 0,
    parameter bit [1:0] TOPOUTPUT_SELECT = 0,
    parameter bit [1:0] BOTOUTPUT_SELECT = 0
) (
    input  logic        CLK, CE, AHOLD, BHOLD, CHOLD, DHOLD, OHOLDTOP, OHOLDBOT, IRSTTOP, IRSTBOT, ORSTTOP, ORSTBOT,
    input  logic        OLOADTOP, OLOADBOT, ADDSUBTOP, ADDSUBBOT, CI, ACCUMCI, SIGNEXTIN,
    input  logic [15:0] A, B, C, D,
    output logic [31:0] O
);
  logic [15:0] a_q, b_q;
  logic [31:0] pipeline_q, output_q;
  wire [15:0] a = A_REG ? a_q : A;
  wire [15:0] b = B_REG ? b_q : B;
  wire [31:0] product = 32'($signed({A_SIGNED && a[15], a})) * 32'($signed({B_SIGNED && b[15], b}));
  wire [31:0] piped = PIPELINE_16x16_MULT_REG1 ? pipeline_q : product;
  always_ff @(posedge CLK) begin
    a_q <= A;
    b_q <= B;
    pipeline_q <= product;
    output_q <= piped;
  end
  assign O = PIPELINE_16x16_MULT_REG2 ? output_q : piped;

  initial begin
    if (TOPOUTPUT_SELECT != 2'b11 || BOTOUTPUT_SELECT != 2'b11) $fatal(1, "SB_MAC16: expected the product as output");
    if (TOP_8x8_MULT_REG != PIPELINE_16x16_MULT_REG1 || BOT_8x8_MULT_REG != PIPELINE_16x16_MULT_REG1)
      $fatal(1, "SB_MAC16: expected all pipeline registers or none");
  end
endmodule
