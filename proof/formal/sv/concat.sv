// hwq_concat: COUNT0 beats of input 0, then COUNT1 of input 1, ROUNDS times a frame, whose first waits for input START.
module formal_concat #(
    parameter int W = 1,
    parameter int COUNT0 = 2,
    parameter int COUNT1 = 1,
    parameter int ROUNDS = 2,
    parameter int START = 0
) (
    input logic clk,
    input logic rst,
    input logic [1:0] s_valid,
    input logic [2*W-1:0] s_data,
    input logic m_ready
);
  logic [1:0] s_ready;
  logic m_valid;
  logic [W-1:0] m_data;
  hwq_concat #(
      .W(W), .N(2), .ROUNDS(ROUNDS), .START(START), .COUNT_W(3), .COUNTS({3'(COUNT1), 3'(COUNT0)})
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(s_data),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(W)) u_0 (.clk(clk), .rst(rst), .valid(s_valid[0]), .ready(s_ready[0]), .data(s_data[0+:W]));
  formal_source #(.W(W)) u_1 (.clk(clk), .rst(rst), .valid(s_valid[1]), .ready(s_ready[1]), .data(s_data[W+:W]));
  formal_sink #(.W(W)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  logic [7:0] place, round;  // in the round, in the frame
  initial {place, round} = '0;
  wire turn = place >= COUNT0;
  wire [1:0] take = s_valid & s_ready;
  always_ff @(posedge clk)
    if (rst) {place, round} <= '0;
    else if (take != '0) begin
      place <= (place == COUNT0 + COUNT1 - 1) ? '0 : place + 8'd1;
      if (place == COUNT0 + COUNT1 - 1) round <= (round == ROUNDS - 1) ? '0 : round + 8'd1;
    end
  logic [1:0] held, ahead;
  logic picked;
  logic [W-1:0] data;
  formal_order #(.W(W), .CAPACITY(2)) u_order (
      .clk(clk), .rst(rst), .in(take != '0), .in_data(turn ? s_data[W+:W] : s_data[0+:W]),
      .out(m_valid && m_ready), .out_data(m_data), .held(held), .picked(picked), .ahead(ahead), .data(data)
  );
  formal_progress #(.LIMIT(1)) u_moves (
      .clk(clk), .rst(rst), .wants(s_valid == '1 && m_ready), .moves(take != '0)
  );
  formal_progress #(.LIMIT(1)) u_out (.clk(clk), .rst(rst), .wants(held != '0), .moves(m_valid));
  always_comb begin
    if (!rst) begin
      in_range: assert (place < COUNT0 + COUNT1 && round < ROUNDS);
      its_turn: assert (!s_ready[!turn]);
      if (place == '0 && round == '0 && !s_valid[START]) waits: assert (take == '0);
    end
    frame: cover (!rst && round == ROUNDS - 1 && place == COUNT0 + COUNT1 - 1 && take != '0);
  end
  (* hierconn *) logic [1:0] \u_dut.u_fifo.count_q ;
  always_comb if (!rst) count: assert (\u_dut.u_fifo.count_q == held);
endmodule
