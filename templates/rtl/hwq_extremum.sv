// The larger (LARGEST = 1) or the smaller of two streams, lane by lane (rule A4).
//
//   latency     LATENCY from a pair of beats to the output FIFO
//   throughput  one pair of beats a cycle while the output is taken; free running, on credit
module hwq_extremum #(
    parameter int LANES = 1,
    parameter int ACT_W = 8,
    parameter bit ACT_SIGNED = 1,
    parameter bit LARGEST = 1,
    localparam int LATENCY = 1,
    parameter int FIFO_DEPTH = LATENCY + 2
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   a_axis_tvalid,
    output logic                   a_axis_tready,
    input  logic [LANES*ACT_W-1:0] a_axis_tdata,
    input  logic                   b_axis_tvalid,
    output logic                   b_axis_tready,
    input  logic [LANES*ACT_W-1:0] b_axis_tdata,
    output logic                   m_axis_tvalid,
    input  logic                   m_axis_tready,
    output logic [LANES*ACT_W-1:0] m_axis_tdata
);
  wire room;
  wire fire = a_axis_tvalid && b_axis_tvalid && room;
  assign a_axis_tready = b_axis_tvalid && room;
  assign b_axis_tready = a_axis_tvalid && room;

  logic valid_q;
  always_ff @(posedge clk) valid_q <= fire && !rst;

  wire [LANES*ACT_W-1:0] y;
  generate
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
      wire [ACT_W-1:0] a = a_axis_tdata[l*ACT_W+:ACT_W];
      wire [ACT_W-1:0] b = b_axis_tdata[l*ACT_W+:ACT_W];
      wire signed [ACT_W:0] a_wide = {ACT_SIGNED && a[ACT_W-1], a};
      wire signed [ACT_W:0] b_wide = {ACT_SIGNED && b[ACT_W-1], b};
      logic [ACT_W-1:0] y_q;
      always_ff @(posedge clk) y_q <= ((a_wide > b_wide) == LARGEST) ? a : b;
      assign y[l*ACT_W+:ACT_W] = y_q;
    end
  endgenerate

  hwq_credit #(.W(LANES * ACT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire), .take_n(1'b1), .room(room),
      .valid_i(valid_q), .data_i(y),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial if (LANES < 1 || ACT_W < 1) $fatal(1, "hwq_extremum: LANES=%0d ACT_W=%0d", LANES, ACT_W);
`endif
endmodule
