// hwq_extremum: the larger or the smaller of each pair, in order.
module formal_extremum #(
    parameter int A_W = 2,
    parameter bit A_SIGNED = 1,
    parameter bit LARGEST = 1,
    localparam int B_W = A_W,
    localparam bit B_SIGNED = A_SIGNED,
    localparam int OUT_W = A_W,
    parameter int FIFO_DEPTH = 2
) (
    input logic clk,
    input logic rst,
    input logic a_valid,
    input logic [A_W-1:0] a,
    input logic b_valid,
    input logic [B_W-1:0] b,
    input logic m_ready
);
  logic a_ready, b_ready, m_valid;
  logic [OUT_W-1:0] m_data, y;
  hwq_extremum #(
      .ACT_W(A_W), .ACT_SIGNED(A_SIGNED), .LARGEST(LARGEST),
      .FIFO_DEPTH(FIFO_DEPTH)
  ) u_dut (
      .clk(clk), .rst(rst), .a_axis_tvalid(a_valid), .a_axis_tready(a_ready), .a_axis_tdata(a),
      .b_axis_tvalid(b_valid), .b_axis_tready(b_ready), .b_axis_tdata(b),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  wire signed [15:0] wide_a = $signed({A_SIGNED && a[A_W-1], a});
  wire signed [15:0] wide_b = $signed({B_SIGNED && b[B_W-1], b});
  assign y = ((wide_a < wide_b) == LARGEST) ? b : a;
  logic [$clog2(FIFO_DEPTH + 2)-1:0] held;
  wire both = a_valid && a_ready;
  formal_source #(.W(A_W)) u_a (.clk(clk), .rst(rst), .valid(a_valid), .ready(a_ready), .data(a));
  formal_source #(.W(B_W)) u_b (.clk(clk), .rst(rst), .valid(b_valid), .ready(b_ready), .data(b));
  formal_map #(.IN_W(1), .OUT_W(OUT_W), .CAPACITY(FIFO_DEPTH), .LATENCY(2)) u_map (
      .clk(clk), .rst(rst), .s_valid(a_valid && b_valid), .s_ready(a_ready && b_ready), .s_data(1'b0), .y(y),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data), .held(held)
  );
  always_comb together: assert (both == (b_valid && b_ready));
endmodule
