// A function of one value, by table, lane by lane (rule F1); the equation is in hwq_interpolate.sv.
//
//   FILE        as hwq_interpolate reads it; each lane has a memory of its own with the same contents
//   latency     LATENCY from a beat to the output FIFO
//   throughput  one beat a cycle while the output is taken; free running, on credit
module hwq_table #(
    parameter int LANES = 1,
    parameter int IN_W = 8,
    parameter bit IN_SIGNED = 1,
    parameter int OUT_W = 8,
    parameter bit OUT_SIGNED = 1,
    parameter int STEP = 2,
    parameter int FRACTION = 0,
    parameter int ENTRY_W = 8,
    parameter int DELTA_W = 9,
    parameter FILE = "",
    parameter STYLE = "auto",
    localparam int LATENCY = (STEP > 0) ? 8 : 5,
    parameter int FIFO_DEPTH = LATENCY + 2
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   s_axis_tvalid,
    output logic                   s_axis_tready,
    input  logic [LANES*IN_W-1:0]  s_axis_tdata,
    output logic                   m_axis_tvalid,
    input  logic                   m_axis_tready,
    output logic [LANES*OUT_W-1:0] m_axis_tdata
);
  wire room;
  wire fire = s_axis_tvalid && room;
  assign s_axis_tready = room;

  wire [LANES-1:0] y_valid;
  wire [LANES*OUT_W-1:0] y;
  generate
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
      hwq_interpolate #(
          .IN_W(IN_W), .IN_SIGNED(IN_SIGNED), .OUT_W(OUT_W), .OUT_SIGNED(OUT_SIGNED), .STEP(STEP),
          .FRACTION(FRACTION), .ENTRY_W(ENTRY_W), .DELTA_W(DELTA_W), .FILE(FILE), .STYLE(STYLE)
      ) u_interpolate (
          .clk(clk), .rst(rst), .valid_i(fire), .x(s_axis_tdata[l*IN_W+:IN_W]), .valid_o(y_valid[l]),
          .y(y[l*OUT_W+:OUT_W])
      );
    end
  endgenerate

  hwq_credit #(.W(LANES * OUT_W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire), .take_n(1'b1), .room(room),
      .valid_i(&y_valid), .data_i(y),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );
endmodule
