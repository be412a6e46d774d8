// AXI4-Stream input edge: drops tlast after checking it against the beat count of a frame.
//
// The count decides where a frame ends; frame_error is set, and stays set until reset, when a beat's tlast disagrees.
// No latency, one beat a cycle.
module hwq_frame_in #(
    parameter int W = 8,     // bits of a beat
    parameter int BEATS = 4  // beats of a frame
) (
    input  logic         clk,
    input  logic         rst,
    input  logic         s_axis_tvalid,
    output logic         s_axis_tready,
    input  logic [W-1:0] s_axis_tdata,
    input  logic         s_axis_tlast,
    output logic         m_axis_tvalid,
    input  logic         m_axis_tready,
    output logic [W-1:0] m_axis_tdata,
    output logic         frame_error
);
  localparam int BEAT_W = (BEATS > 1) ? $clog2(BEATS) : 1;

  logic [BEAT_W-1:0] beat_q;
  logic last;

  assign m_axis_tvalid = s_axis_tvalid;
  assign s_axis_tready = m_axis_tready;
  assign m_axis_tdata = s_axis_tdata;
  assign last = (beat_q == BEAT_W'(BEATS - 1));

  always_ff @(posedge clk) begin
    if (rst) begin
      beat_q <= '0;
      frame_error <= 1'b0;
    end else if (s_axis_tvalid && s_axis_tready) begin
      beat_q <= last ? '0 : beat_q + 1'b1;
      if (s_axis_tlast != last) frame_error <= 1'b1;
    end
  end

`ifndef SYNTHESIS
  initial if (W < 1 || BEATS < 1) $fatal(1, "hwq_frame_in: W=%0d BEATS=%0d, expected at least 1", W, BEATS);
`endif
endmodule
