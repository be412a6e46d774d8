// N streams to one: some beats of input 0, then of input 1, and so on to input N - 1, round after round (rule C1).
//
//   COUNTS      beats that a round takes of input i, at [i*COUNT_W +: COUNT_W]: a pixel of each tensor where channels
//               are joined, a row of each where columns are, a frame of each where rows are
//   frame       ROUNDS rounds; its first beat waits for one of input START, the first whose frames have to come (others
//               before it are constants, which are there at any time)
//   beats       are moved as they stand; where channels are joined, the lanes divide the channels of every input
//   latency     1, a FIFO of two words
//   throughput  one beat a cycle; input i is not ready before the beats of the inputs ahead of it are through
module hwq_concat #(
    parameter int W = 8,        // bits of a beat
    parameter int N = 2,        // inputs
    parameter int ROUNDS = 1,   // rounds of a frame
    parameter int START = 0,    // input without which no frame begins
    parameter int COUNT_W = 8,  // bits of a count
    parameter [N*COUNT_W-1:0] COUNTS = {N{COUNT_W'(1)}}
) (
    input  logic           clk,
    input  logic           rst,
    input  logic [  N-1:0] s_axis_tvalid,
    output logic [  N-1:0] s_axis_tready,
    input  logic [N*W-1:0] s_axis_tdata,
    output logic           m_axis_tvalid,
    input  logic           m_axis_tready,
    output logic [  W-1:0] m_axis_tdata
);
  localparam int TURN_W = (N > 1) ? $clog2(N) : 1;
  localparam int ROUND_W = (ROUNDS > 1) ? $clog2(ROUNDS) : 1;

  logic [TURN_W-1:0] turn_q;   // the input that is read
  logic [COUNT_W-1:0] beat_q;  // its beats that are through in this round
  logic [ROUND_W-1:0] round_q;
  logic begun_q;               // the first beat of the frame is through
  wire [N*COUNT_W-1:0] counts = COUNTS;
  wire last_beat = beat_q == counts[turn_q*COUNT_W+:COUNT_W] - COUNT_W'(1);
  wire last_turn = last_beat && turn_q == TURN_W'(N - 1);
  wire last_round = round_q == ROUND_W'(ROUNDS - 1);
  wire open = begun_q || s_axis_tvalid[START];
  wire valid = s_axis_tvalid[turn_q] && open;
  wire ready;
  assign s_axis_tready = (ready && open) ? N'(1) << turn_q : '0;

  always_ff @(posedge clk)
    if (rst) begin
      turn_q <= '0;
      beat_q <= '0;
      round_q <= '0;
      begun_q <= 1'b0;
    end else if (valid && ready) begin
      beat_q <= last_beat ? '0 : beat_q + COUNT_W'(1);
      if (last_beat) turn_q <= last_turn ? '0 : turn_q + TURN_W'(1);
      if (last_turn) round_q <= last_round ? '0 : round_q + ROUND_W'(1);
      begun_q <= !(last_turn && last_round);
    end

  hwq_fifo #(
      .W(W),
      .DEPTH(2)
  ) u_fifo (
      .clk(clk),
      .rst(rst),
      .s_axis_tvalid(valid),
      .s_axis_tready(ready),
      .s_axis_tdata(s_axis_tdata[turn_q*W+:W]),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial begin
    if (W < 1 || N < 1 || ROUNDS < 1 || START < 0 || START >= N)
      $fatal(1, "hwq_concat: W=%0d N=%0d ROUNDS=%0d START=%0d", W, N, ROUNDS, START);
    for (int i = 0; i < N; i = i + 1)
      if (COUNTS[i*COUNT_W+:COUNT_W] == '0) $fatal(1, "hwq_concat: COUNTS[%0d] is 0, expected at least 1", i);
  end
`endif
endmodule
