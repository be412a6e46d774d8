// One stream to N streams: each beat is delivered exactly once to each output, in any order among the outputs.
//
// No latency, one beat a cycle while all outputs are ready. The beat leaves the input when its last output takes it.
module hwq_fork #(
    parameter int W = 8,  // bits of a beat
    parameter int N = 2   // outputs
) (
    input  logic         clk,
    input  logic         rst,
    input  logic         s_axis_tvalid,
    output logic         s_axis_tready,
    input  logic [W-1:0] s_axis_tdata,
    output logic [N-1:0] m_axis_tvalid,
    input  logic [N-1:0] m_axis_tready,
    output logic [W-1:0] m_axis_tdata     // shared by all outputs
);
  logic [N-1:0] done_q;  // outputs that have taken the present beat

  assign m_axis_tvalid = {N{s_axis_tvalid}} & ~done_q;
  assign m_axis_tdata = s_axis_tdata;
  assign s_axis_tready = &(done_q | m_axis_tready);

  always_ff @(posedge clk) begin
    if (rst || (s_axis_tvalid && s_axis_tready)) done_q <= '0;
    else done_q <= done_q | (m_axis_tvalid & m_axis_tready);
  end

`ifndef SYNTHESIS
  initial if (W < 1 || N < 1) $fatal(1, "hwq_fork: W=%0d N=%0d, expected at least 1", W, N);
`endif
endmodule
