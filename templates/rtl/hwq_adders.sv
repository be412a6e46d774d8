// Stream around a graph of adders (rules L1, R1): y[n] = requantise(bias[n] + sum w[n][k] * x[k])
//
// The graph is a module of its own, made for its weights, that stands beside this one: `x`, a beat in a register, goes
// there and `acc` comes back, STAGES - 1 cycles later. There are no multipliers and no memories. The graph has no stall;
// it starts when the output FIFO has a place for the result.
//   beats in    a whole window each; x[k] as they come
//   acc         signed, lane n at acc[n*ACC_W +: ACC_W]: the sum times the multiplier of output n
//   beats out   all LANES outputs of a pixel
//   ROUND, ZERO what the graph has not added to its sums itself
//   latency     STAGES + 3; throughput one beat a cycle
module hwq_adders #(
    parameter int IN_W = 8,
    parameter int STAGES = 2,
    parameter int LANES = 2,
    parameter int ACC_W = 20,
    parameter int SHIFT = 8,
    parameter int ROUND = 0,
    parameter int OUT_W = 8,
    parameter signed [63:0] ZERO = 0,
    parameter signed [63:0] QMIN = -128,
    parameter signed [63:0] QMAX = 127
) (
    input  logic                   clk,
    input  logic                   rst,
    output logic [IN_W-1:0]        x,
    input  logic [LANES*ACC_W-1:0] acc,
    input  logic                   s_axis_tvalid,
    output logic                   s_axis_tready,
    input  logic [IN_W-1:0]        s_axis_tdata,
    output logic                   m_axis_tvalid,
    input  logic                   m_axis_tready,
    output logic [LANES*OUT_W-1:0] m_axis_tdata
);
  localparam int LATENCY = STAGES + 3;  // from a beat to its result at the FIFO: the requantiser has the last register

  wire room;
  wire fire = s_axis_tvalid && room;
  assign s_axis_tready = room;

  // A register, so that the first stage is adders alone and not the way out of the FIFO before.
  logic [IN_W-1:0] x_q;
  logic fire_q;
  always_ff @(posedge clk) begin
    x_q <= s_axis_tdata;
    fire_q <= fire && !rst;
  end
  assign x = x_q;

  // A beat that was taken k + 1 cycles ago, in bit k.
  wire [STAGES-1:0] valid;
  assign valid[0] = fire_q;
  generate
    for (genvar k = 1; k < STAGES; k = k + 1) begin : g_stage
      logic valid_q;
      always_ff @(posedge clk)
        if (rst) valid_q <= 1'b0;
        else valid_q <= valid[k-1];
      assign valid[k] = valid_q;
    end
  endgenerate

  wire y_valid;
  wire [LANES*OUT_W-1:0] y;
  hwq_requant #(
      .LANES(LANES), .ACC_W(ACC_W), .MUL_EN(0), .M_W(1), .SHIFT(SHIFT), .ROUND(ROUND), .OUT_W(OUT_W), .ZERO(ZERO),
      .QMIN(QMIN), .QMAX(QMAX)
  ) u_requant (
      .clk(clk), .rst(rst), .valid_i(valid[STAGES-1]), .acc(acc), .mul('0), .valid_o(y_valid), .y(y)
  );
  hwq_credit #(.W(LANES * OUT_W), .DEPTH(LATENCY + 2)) u_credit (
      .clk(clk), .rst(rst),
      .take(fire), .take_n(1'b1), .room(room), .valid_i(y_valid), .data_i(y),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial if (STAGES < 1) $fatal(1, "hwq_adders: STAGES=%0d, expected at least 1", STAGES);
`endif
endmodule
