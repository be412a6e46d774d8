// One stream to N streams in turn: BEATS beats to output 0, then to output 1, and so on, and again from output 0.
//
// No latency, one beat a cycle while the output whose turn it is takes them.
module hwq_deal #(
    parameter int W = 8,     // bits of a beat
    parameter int N = 2,     // outputs
    parameter int BEATS = 1  // beats of a turn
) (
    input  logic           clk,
    input  logic           rst,
    input  logic           s_axis_tvalid,
    output logic           s_axis_tready,
    input  logic [  W-1:0] s_axis_tdata,
    output logic [  N-1:0] m_axis_tvalid,
    input  logic [  N-1:0] m_axis_tready,
    output logic [N*W-1:0] m_axis_tdata
);
  localparam int BEAT_W = (BEATS > 1) ? $clog2(BEATS) : 1;

  logic [N-1:0] turn_q;  // one bit is high: the output that is next
  logic [BEAT_W-1:0] beat_q;
  wire last = beat_q == BEAT_W'(BEATS - 1);

  assign s_axis_tready = |(turn_q & m_axis_tready);
  assign m_axis_tvalid = s_axis_tvalid ? turn_q : '0;
  assign m_axis_tdata = {N{s_axis_tdata}};

  always_ff @(posedge clk)
    if (rst) begin
      turn_q <= N'(1);
      beat_q <= '0;
    end else if (s_axis_tvalid && s_axis_tready) begin
      beat_q <= last ? '0 : beat_q + BEAT_W'(1);
      if (last) turn_q <= (turn_q << 1) | (turn_q >> (N - 1));
    end

`ifndef SYNTHESIS
  initial if (W < 1 || N < 1 || BEATS < 1) $fatal(1, "hwq_deal: W=%0d N=%0d BEATS=%0d", W, N, BEATS);
`endif
endmodule
