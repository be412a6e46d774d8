// AXI4-Stream input edge: makes frames of exactly BEATS beats of what tlast delimits, and drops tlast.
//
//   too short   tlast came before beat BEATS: the missing beats are zeros, made here; nothing is taken meanwhile
//   too long    no tlast with beat BEATS: the beats after it are taken and dropped, up to the one with tlast
//
// So every tlast ends one frame, and the beat after it is the first of the next, whatever came before. frame_error is
// set by a frame of either kind, and stays set until reset. No latency, one beat a cycle.
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
  logic fill_q;  // the frame was too short: zeros go out
  logic drop_q;  // the frame is too long: beats come in for nothing
  logic last;

  assign m_axis_tvalid = fill_q || (s_axis_tvalid && !drop_q);
  assign s_axis_tready = drop_q || (m_axis_tready && !fill_q);
  assign m_axis_tdata = fill_q ? '0 : s_axis_tdata;
  assign last = (beat_q == BEAT_W'(BEATS - 1));

  always_ff @(posedge clk) begin
    if (rst) begin
      beat_q <= '0;
      fill_q <= 1'b0;
      drop_q <= 1'b0;
      frame_error <= 1'b0;
    end else begin
      if (m_axis_tvalid && m_axis_tready) beat_q <= last ? '0 : beat_q + 1'b1;
      if (fill_q) fill_q <= !(m_axis_tready && last);
      else if (s_axis_tvalid && s_axis_tready) begin
        fill_q <= s_axis_tlast && !last && !drop_q;
        drop_q <= !s_axis_tlast && (last || drop_q);
        if (!drop_q && s_axis_tlast != last) frame_error <= 1'b1;
      end
    end
  end

`ifndef SYNTHESIS
  initial if (W < 1 || BEATS < 1) $fatal(1, "hwq_frame_in: W=%0d BEATS=%0d, expected at least 1", W, BEATS);
`endif
endmodule
