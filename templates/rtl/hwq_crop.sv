// A frame with beats left out: y is x without the beats whose bit is zero (rule C3, an order that is kept).
//
//   bits        beat t of step s stays where STEP[s] and BEAT[t] are set; STEPS * BEATS beats are a block, and a frame
//               is so many equal blocks: rows and columns of an image, for example
//   lanes       an output beat is the lower OUT_W bits of an input beat
//   latency     1 from a beat in to the output FIFO
//   throughput  one input beat a cycle while the output is taken; nothing is stored
module hwq_crop #(
    parameter int IN_W = 8,
    parameter int OUT_W = 8,
    parameter int STEPS = 2,
    parameter int BEATS = 4,
    parameter STEP_FILE = "",
    parameter BEAT_FILE = ""
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             s_axis_tvalid,
    output logic             s_axis_tready,
    input  logic [ IN_W-1:0] s_axis_tdata,
    output logic             m_axis_tvalid,
    input  logic             m_axis_tready,
    output logic [OUT_W-1:0] m_axis_tdata
);
  wire ask, found, step, beat;
  wire [2:0] unused_place;
  hwq_pattern #(
      .STEPS(STEPS), .BEATS(BEATS), .STEP_W(1), .BEAT_W(1), .STEP_FILE(STEP_FILE), .BEAT_FILE(BEAT_FILE)
  ) u_pattern (
      .clk(clk), .rst(rst), .en(ask), .valid(found),
      .first(unused_place[0]), .last(unused_place[1]), .over(unused_place[2]), .step(step), .beat(beat)
  );

  // The bits come ahead of the beats, into a small FIFO.
  wire known, keep, ready;
  hwq_credit #(.W(1), .DEPTH(6)) u_bits (
      .clk(clk), .rst(rst),
      .take(ask), .take_n(1'b1), .room(ask),
      .valid_i(found), .data_i(step && beat),
      .m_axis_tvalid(known), .m_axis_tready(s_axis_tvalid && s_axis_tready), .m_axis_tdata(keep)
  );
  assign s_axis_tready = known && (!keep || ready);
  hwq_fifo #(.W(OUT_W), .DEPTH(2)) u_output (
      .clk(clk), .rst(rst),
      .s_axis_tvalid(s_axis_tvalid && known && keep), .s_axis_tready(ready), .s_axis_tdata(s_axis_tdata[OUT_W-1:0]),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial if (STEPS < 1 || BEATS < 1 || OUT_W > IN_W)
    $fatal(1, "hwq_crop: STEPS=%0d BEATS=%0d IN_W=%0d OUT_W=%0d", STEPS, BEATS, IN_W, OUT_W);
`endif
endmodule
