// The same frame again and again, without end, from a memory file (rule C2).
//
//   FILE        a $readmemh file of BEATS words, the frame's beats in order
//   begins      with the first beat, after reset
//   latency     LATENCY from reset to the output FIFO; throughput: one beat a cycle while the output is taken
module hwq_const #(
    parameter int W = 8,      // bits of a beat
    parameter int BEATS = 4,  // beats of a frame
    parameter FILE = "",
    parameter STYLE = "auto",
    localparam int LATENCY = 2,
    parameter int FIFO_DEPTH = LATENCY + 2
) (
    input  logic         clk,
    input  logic         rst,
    output logic         m_axis_tvalid,
    input  logic         m_axis_tready,
    output logic [W-1:0] m_axis_tdata
);
  localparam int ADDR_W = (BEATS > 1) ? $clog2(BEATS) : 1;

  wire room;
  logic [ADDR_W-1:0] addr_q;
  logic [LATENCY-1:0] valid_q;
  always_ff @(posedge clk)
    if (rst) begin
      addr_q <= '0;
      valid_q <= '0;
    end else begin
      if (room) addr_q <= (addr_q == ADDR_W'(BEATS - 1)) ? '0 : addr_q + ADDR_W'(1);
      valid_q <= {valid_q[LATENCY-2:0], room};
    end

  wire [W-1:0] word;
  hwq_rom #(
      .W(W),
      .DEPTH(BEATS),
      .FILE(FILE),
      .STYLE(STYLE)
  ) u_rom (
      .clk(clk),
      .addr(addr_q),
      .data(word)
  );
  hwq_credit #(.W(W), .DEPTH(FIFO_DEPTH)) u_credit (
      .clk(clk), .rst(rst),
      .take(room), .take_n(1'b1), .room(room),
      .valid_i(valid_q[LATENCY-1]), .data_i(word),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial if (W < 1 || BEATS < 1) $fatal(1, "hwq_const: W=%0d BEATS=%0d, expected at least 1", W, BEATS);
`endif
endmodule
