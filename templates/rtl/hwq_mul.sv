// Signed multiplier: p = a * b, LATENCY cycles later: 2 (operand registers, product register) or 3 (and one more).
//
// The one place for a vendor's multiplier primitive. The synthesisers of Xilinx and Intel pack the registers of plain
// code into their DSP blocks. Yosys does not do so for Lattice ECP5: with the macro HWQ_ECP5 factors of up to 18 bits
// name the block, with its own registers; the third one is the pipeline register inside it. For iCE40 its pass ice40_dsp
// (Yosys 0.70, synth_ice40 -dsp) loses products that are added up. With HWQ_ICE40 products of at least 11 bits name the
// block, so that nothing is left for that pass; what a factor has beyond 16 bits is multiplied beside it.
//   throughput  one product a cycle, no stall
module hwq_mul #(
    parameter int A_W = 8,
    parameter int B_W = 8,
    parameter int LATENCY = 2
) (
    input  logic                      clk,
    input  logic signed [A_W-1:0]     a,
    input  logic signed [B_W-1:0]     b,
    output logic signed [A_W+B_W-1:0] p
);
`ifdef HWQ_ECP5
  localparam bit PRIMITIVE = A_W <= 18 && B_W <= 18;
`elsif HWQ_ICE40
  localparam bit PRIMITIVE = A_W >= 2 && B_W >= 2 && A_W + B_W >= 11;
`else
  localparam bit PRIMITIVE = 0;
`endif

  generate
    if (PRIMITIVE) begin : g_block
`ifdef HWQ_ECP5
      wire [17:0] aw = 18'(a);
      wire [17:0] bw = 18'(b);
      wire [35:0] pw;
      assign p = pw[A_W+B_W-1:0];
      MULT18X18D #(
          .REG_INPUTA_CLK("CLK0"), .REG_INPUTB_CLK("CLK0"), .REG_PIPELINE_CLK((LATENCY == 3) ? "CLK0" : "NONE"),
          .REG_OUTPUT_CLK("CLK0"), .GSR("DISABLED")
      ) u_block (
          .CLK0(clk), .CLK1(1'b0), .CLK2(1'b0), .CLK3(1'b0), .CE0(1'b1), .CE1(1'b1), .CE2(1'b1), .CE3(1'b1),
          .RST0(1'b0), .RST1(1'b0), .RST2(1'b0), .RST3(1'b0),
          .SIGNEDA(1'b1), .SIGNEDB(1'b1), .SOURCEA(1'b0), .SOURCEB(1'b0),
          .C0(1'b0), .C1(1'b0), .C2(1'b0), .C3(1'b0), .C4(1'b0), .C5(1'b0), .C6(1'b0), .C7(1'b0), .C8(1'b0),
          .C9(1'b0), .C10(1'b0), .C11(1'b0), .C12(1'b0), .C13(1'b0), .C14(1'b0), .C15(1'b0), .C16(1'b0), .C17(1'b0),
          .A0(aw[0]), .A1(aw[1]), .A2(aw[2]), .A3(aw[3]), .A4(aw[4]), .A5(aw[5]), .A6(aw[6]), .A7(aw[7]), .A8(aw[8]),
          .A9(aw[9]), .A10(aw[10]), .A11(aw[11]), .A12(aw[12]), .A13(aw[13]), .A14(aw[14]), .A15(aw[15]),
          .A16(aw[16]), .A17(aw[17]), .B0(bw[0]), .B1(bw[1]), .B2(bw[2]), .B3(bw[3]), .B4(bw[4]), .B5(bw[5]),
          .B6(bw[6]), .B7(bw[7]), .B8(bw[8]), .B9(bw[9]), .B10(bw[10]), .B11(bw[11]), .B12(bw[12]), .B13(bw[13]),
          .B14(bw[14]), .B15(bw[15]), .B16(bw[16]), .B17(bw[17]), .P0(pw[0]), .P1(pw[1]), .P2(pw[2]), .P3(pw[3]),
          .P4(pw[4]), .P5(pw[5]), .P6(pw[6]), .P7(pw[7]), .P8(pw[8]), .P9(pw[9]), .P10(pw[10]), .P11(pw[11]),
          .P12(pw[12]), .P13(pw[13]), .P14(pw[14]), .P15(pw[15]), .P16(pw[16]), .P17(pw[17]), .P18(pw[18]),
          .P19(pw[19]), .P20(pw[20]), .P21(pw[21]), .P22(pw[22]), .P23(pw[23]), .P24(pw[24]), .P25(pw[25]),
          .P26(pw[26]), .P27(pw[27]), .P28(pw[28]), .P29(pw[29]), .P30(pw[30]), .P31(pw[31]), .P32(pw[32]),
          .P33(pw[33]), .P34(pw[34]), .P35(pw[35])
      );
`elsif HWQ_ICE40
      // A factor of more than 16 bits is high * 2^15 + low. The block multiplies low parts, which have no sign.
      localparam bit WHOLE = A_W <= 16 && B_W <= 16;
      wire signed [A_W+B_W-1:0] a_high, a_low, b_high;
      wire signed [15:0] a_block, b_block;
      logic signed [A_W-1:0] a_q;
      logic signed [B_W-1:0] b_q;
      always_ff @(posedge clk) begin
        a_q <= a;
        b_q <= b;
      end
      if (A_W > 16) begin : g_split_a
        assign a_block = {1'b0, a[14:0]};
        assign a_low = {1'b0, a_q[14:0]};
        assign a_high = a_q >>> 15;
      end else begin : g_whole_a
        assign a_block = a;
        assign a_low = a_q;
        assign a_high = '0;
      end
      if (B_W > 16) begin : g_split_b
        assign b_block = {1'b0, b[14:0]};
        assign b_high = b_q >>> 15;
      end else begin : g_whole_b
        assign b_block = b;
        assign b_high = '0;
      end
      wire signed [31:0] pw;
      SB_MAC16 #(
          .A_REG(1'b1), .B_REG(1'b1), .A_SIGNED(1'b1), .B_SIGNED(1'b1), .TOP_8x8_MULT_REG(WHOLE),
          .BOT_8x8_MULT_REG(WHOLE), .PIPELINE_16x16_MULT_REG1(WHOLE), .PIPELINE_16x16_MULT_REG2(WHOLE && LATENCY == 3),
          .TOPOUTPUT_SELECT(2'b11), .BOTOUTPUT_SELECT(2'b11)
      ) u_block (
          .CLK(clk), .CE(1'b1), .A(a_block), .B(b_block), .C(16'd0), .D(16'd0), .O(pw),
          .AHOLD(1'b0), .BHOLD(1'b0), .CHOLD(1'b0), .DHOLD(1'b0), .OHOLDTOP(1'b0), .OHOLDBOT(1'b0),
          .IRSTTOP(1'b0), .IRSTBOT(1'b0), .ORSTTOP(1'b0), .ORSTBOT(1'b0), .OLOADTOP(1'b0), .OLOADBOT(1'b0),
          .ADDSUBTOP(1'b0), .ADDSUBBOT(1'b0), .CI(1'b0), .ACCUMCI(1'b0), .SIGNEXTIN(1'b0)
      );
      if (WHOLE) begin : g_whole
        assign p = pw[A_W+B_W-1:0];
      end else begin : g_split
        logic signed [A_W+B_W-1:0] p_q;
        wire signed [A_W+B_W-1:0] b_all = b_q;
        wire signed [A_W+B_W-1:0] beside = a_high * b_all + a_low * b_high;
        always_ff @(posedge clk) p_q <= pw + (beside <<< 15);
        if (LATENCY == 3) begin : g_third
          always_ff @(posedge clk) p <= p_q;
        end else begin : g_second
          assign p = p_q;
        end
      end
`endif
    end else begin : g_plain
      logic signed [A_W-1:0] a_q;
      logic signed [B_W-1:0] b_q;
      logic signed [A_W+B_W-1:0] p_q;

      always_ff @(posedge clk) begin
        a_q <= a;
        b_q <= b;
        p_q <= (A_W + B_W)'(a_q) * (A_W + B_W)'(b_q);
      end
      if (LATENCY == 3) begin : g_third
        always_ff @(posedge clk) p <= p_q;
      end else begin : g_second
        assign p = p_q;
      end
    end
  endgenerate

`ifndef SYNTHESIS
  initial if (LATENCY < 2 || LATENCY > 3) $fatal(1, "hwq_mul: LATENCY=%0d, expected 2 or 3", LATENCY);
`endif
endmodule
