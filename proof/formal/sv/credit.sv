// hwq_credit: whoever takes credit by the rule never meets a full FIFO, and beats leave in the order in which they come.
module formal_credit #(
    parameter int W = 1,
    parameter int DEPTH = 4,
    parameter int GROUP = 1,
    parameter bit LATE = 0,
    localparam int TAKE_W = $clog2(GROUP + 1),
    localparam int N_W = $clog2(DEPTH + 2)
) (
    input logic clk,
    input logic rst,
    input logic take,
    input logic [TAKE_W-1:0] take_n,
    input logic valid,
    input logic [W-1:0] data_i,
    input logic m_ready
);
  logic room, m_valid, picked;
  logic [W-1:0] m_data, data;
  logic [N_W-1:0] held, ahead;
  hwq_credit #(.W(W), .DEPTH(DEPTH), .GROUP(GROUP), .LATE(LATE)) u_dut (
      .clk(clk), .rst(rst), .take(take), .take_n(take_n), .room(room), .valid_i(valid), .data_i(data_i),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  // The rule: credit only with room; LATE: room in the cycle before, and two takes in a row need GROUP at most. As many
  // beats come as were promised, whenever they like.
  logic room_q = 1'b0;
  logic [TAKE_W:0] before_q = '0;
  logic [N_W-1:0] promised;
  initial promised = '0;
  always_ff @(posedge clk) begin
    room_q <= room && !rst;
    before_q <= (take && !rst) ? (TAKE_W + 1)'(take_n) : '0;
    if (rst) promised <= '0;
    else promised <= promised + (take ? N_W'(take_n) : '0) - N_W'(valid);
  end
  always_comb begin
    if (take) rule: assume (!rst && (LATE ? room_q : room) && take_n >= 1 && take_n <= GROUP);
    if (take && LATE) two: assume (take_n + before_q <= GROUP);
    if (valid) comes: assume (!rst && promised != '0);
  end
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_sink #(.W(W)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  formal_order #(.W(W), .CAPACITY(DEPTH)) u_order (
      .clk(clk), .rst(rst), .in(valid), .in_data(data_i), .out(m_valid && m_ready), .out_data(m_data),
      .held(held), .picked(picked), .ahead(ahead), .data(data)
  );
  formal_progress #(.LIMIT(2)) u_room (
      .clk(clk), .rst(rst), .wants(promised + held + GROUP <= DEPTH && !take), .moves(room)
  );
  always_comb begin
    all_promised: cover (!rst && promised == DEPTH - DEPTH % GROUP && held == '0);
    full: cover (!rst && held == DEPTH - DEPTH % GROUP);
  end

  (* hierconn *) logic [$clog2(DEPTH + 1)-1:0] \u_dut.u_fifo.count_q ;
  (* hierconn *) logic [$clog2(DEPTH + 1)-1:0] \u_dut.formal_promised ;
  always_comb if (!rst) counts: assert (\u_dut.u_fifo.count_q == held && \u_dut.formal_promised == promised);
endmodule
