// hwq_swu_ser (rule L4): any tap of any window of a frame is the pixel that the rule names, of that frame, or PAD.
module formal_swu_ser #(
    parameter int H = 2,
    parameter int W = 2,
    parameter int CF = 1,
    parameter int KH = 2,
    parameter int KW = 2,
    parameter int SH = 1,
    parameter int SW = 1,
    parameter int DH = 1,
    parameter int DW = 1,
    parameter int PT = 1,
    parameter int PL = 0,
    parameter int OH = 2,
    parameter int OW = 1,
    parameter int GROUPS = 1,
    parameter int NF = 1,
    parameter int ROWS = 3
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [1:0] s_data,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [1:0] m_data;
  hwq_swu_ser #(
      .DATA_W(2), .H(H), .W(W), .CF(CF), .KH(KH), .KW(KW), .SH(SH), .SW(SW), .DH(DH), .DW(DW), .PT(PT), .PL(PL),
      .OH(OH), .OW(OW), .GROUPS(GROUPS), .NF(NF), .ROWS(ROWS), .PAD(2'd1)
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(s_data),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  localparam int CF_N = CF / GROUPS;
  localparam int FRAME = H * W * CF;
  localparam int BEATS = OH * OW * GROUPS * NF * KH * KW * CF_N;
  (* anyconst *) logic signed [7:0] oh, ow, group, nf, kh, kw, cf;
  always_comb
    a_tap: assume (oh >= 0 && oh < OH && ow >= 0 && ow < OW && group >= 0 && group < GROUPS && nf >= 0 && nf < NF &&
                   kh >= 0 && kh < KH && kw >= 0 && kw < KW && cf >= 0 && cf < CF_N);
  wire signed [7:0] row = oh * SH - PT + kh * DH;
  wire signed [7:0] column = ow * SW - PL + kw * DW;
  wire pad = row < 0 || row >= H || column < 0 || column >= W;
  wire [7:0] source = (row * W + column) * CF + group * CF_N + cf;
  wire [7:0] place = (((((oh * OW + ow) * GROUPS + group) * NF + nf) * KH + kh) * KW + kw) * CF_N + cf;
  logic [7:0] in, out;  // beats of the frame that are through
  initial {in, out} = '0;
  wire take = s_valid && s_ready;
  wire give = m_valid && m_ready;
  always_ff @(posedge clk)
    if (rst) {in, out} <= '0;
    else begin
      if (take) in <= (in == FRAME - 1) ? '0 : in + 8'd1;
      if (give) out <= (out == BEATS - 1) ? '0 : out + 8'd1;
    end
  logic [2:0] held, ahead;
  logic [1:0] data;
  logic picked;
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(2)) u_source (.clk(clk), .rst(rst), .valid(s_valid), .ready(s_ready), .data(s_data));
  formal_sink #(.W(2)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  formal_order #(.W(2), .CAPACITY(6)) u_order (
      .clk(clk), .rst(rst), .in(take && !pad && in == source), .in_data(s_data),
      .out(give && !pad && out == place), .out_data(m_data),
      .held(held), .picked(picked), .ahead(ahead), .data(data)
  );
  formal_progress #(.LIMIT(12)) u_moves (
      .clk(clk), .rst(rst), .wants(s_valid && m_ready), .moves(take || give)
  );
  always_comb begin
    if (!rst) in_range: assert (in < FRAME && out < BEATS);
    if (!rst && m_valid && pad && out == place) border: assert (m_data == 2'd1);
    frame: cover (!rst && give && out == BEATS - 1);
    next_frame: cover (!rst && held == 1 && picked && ahead == '0 && in < source && give && out == place);
  end
endmodule
