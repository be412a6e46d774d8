// AXI4-Stream output edge: adds tlast on the last beat of each frame of BEATS beats. No latency, one beat a cycle.
module hwq_frame_out #(
    parameter int W = 8,     // bits of a beat
    parameter int BEATS = 4  // beats of a frame
) (
    input  logic         clk,
    input  logic         rst,
    input  logic         s_axis_tvalid,
    output logic         s_axis_tready,
    input  logic [W-1:0] s_axis_tdata,
    output logic         m_axis_tvalid,
    input  logic         m_axis_tready,
    output logic [W-1:0] m_axis_tdata,
    output logic         m_axis_tlast
);
  localparam int BEAT_W = (BEATS > 1) ? $clog2(BEATS) : 1;

  logic [BEAT_W-1:0] beat_q;

  assign m_axis_tvalid = s_axis_tvalid;
  assign s_axis_tready = m_axis_tready;
  assign m_axis_tdata = s_axis_tdata;
  assign m_axis_tlast = (beat_q == BEAT_W'(BEATS - 1));

  always_ff @(posedge clk) begin
    if (rst) beat_q <= '0;
    else if (m_axis_tvalid && m_axis_tready) beat_q <= m_axis_tlast ? '0 : beat_q + 1'b1;
  end

`ifndef SYNTHESIS
  initial if (W < 1 || BEATS < 1) $fatal(1, "hwq_frame_out: W=%0d BEATS=%0d, expected at least 1", W, BEATS);
`endif
endmodule
