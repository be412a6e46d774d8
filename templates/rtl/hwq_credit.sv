// Output end of a free-running engine: a FIFO, and the count of its places that are not promised yet.
//
// An engine has no stall signal: before it begins work that ends in output beats it needs `room`, and it announces
// the beats with `take` (and `take_n`, how many). They arrive later, one a cycle at most, at `valid_i`/`data_i`.
//   room        high when a whole group of GROUP beats still has a place; a register, so no long ready chain
//   rule        take only with room high (LATE: in the cycle before, and GROUP is then what both takes of two cycles in
//               a row need); 1 <= take_n <= GROUP; exactly take_n beats follow
//   full rate   DEPTH >= L + GROUP + 1, where L is the number of cycles from take to the first beat at valid_i
module hwq_credit #(
    parameter int W = 8,
    parameter int DEPTH = 8,
    parameter int GROUP = 1,
    parameter bit LATE = 0,
    localparam int TAKE_W = $clog2(GROUP + 1)
) (
    input  logic              clk,
    input  logic              rst,
    input  logic              take,
    input  logic [TAKE_W-1:0] take_n,
    output logic              room,
    input  logic              valid_i,
    input  logic [W-1:0]      data_i,
    output logic              m_axis_tvalid,
    input  logic              m_axis_tready,
    output logic [W-1:0]      m_axis_tdata
);
  localparam int COUNT_W = $clog2(DEPTH + 1);

  // Free places beyond those of a group: its sign says whether there is room, so nothing is compared.
  logic [COUNT_W:0] spare_q;
  wire returned = m_axis_tvalid && m_axis_tready;
  wire [COUNT_W:0] taken = take ? (COUNT_W + 1)'(take_n) : '0;
  wire [COUNT_W:0] spare_d = spare_q + (COUNT_W + 1)'(returned) - taken;

  always_ff @(posedge clk)
    if (rst) begin
      spare_q <= (COUNT_W + 1)'(DEPTH - GROUP);
      room <= 1'b0;
    end else begin
      spare_q <= spare_d;
      room <= !spare_d[COUNT_W];
    end

  wire fifo_tready;
  hwq_fifo #(
      .W(W),
      .DEPTH(DEPTH)
  ) u_fifo (
      .clk(clk),
      .rst(rst),
      .s_axis_tvalid(valid_i),
      .s_axis_tready(fifo_tready),
      .s_axis_tdata(data_i),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial if (GROUP < 1 || DEPTH < GROUP) $fatal(1, "hwq_credit: DEPTH=%0d GROUP=%0d", DEPTH, GROUP);
  logic room_before_q;
  always @(posedge clk) room_before_q <= room;
  always @(posedge clk)
    if (!rst) begin
      if (valid_i && !fifo_tready) $fatal(1, "hwq_credit: %m lost a beat, it came without credit");
      if (take && !(LATE ? room_before_q : room)) $fatal(1, "hwq_credit: %m took credit without room");
      if (m_axis_tvalid && $isunknown(m_axis_tdata)) $fatal(1, "hwq_credit: %m X in output %h", m_axis_tdata);
    end
`endif
endmodule
