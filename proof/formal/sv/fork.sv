// hwq_fork: each output gets every beat once, before or when the input lets go of it.
module formal_fork #(
    parameter int W = 1,
    parameter int N = 2
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [W-1:0] s_data,
    input logic [N-1:0] m_ready
);
  logic s_ready;
  logic [N-1:0] m_valid;
  logic [W-1:0] m_data;
  hwq_fork #(.W(W), .N(N)) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(s_data),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(W)) u_source (.clk(clk), .rst(rst), .valid(s_valid), .ready(s_ready), .data(s_data));
  wire take = s_valid && s_ready;
  wire [N-1:0] got = m_valid & m_ready;
  generate
    for (genvar i = 0; i < N; i = i + 1) begin : g_output
      logic picked;
      logic [1:0] held, ahead;
      logic [W-1:0] data;
      formal_sink #(.W(W)) u_sink (
          .clk(clk), .rst(rst), .valid(m_valid[i]), .ready(m_ready[i]), .data(m_data)
      );
      // What an output got is ahead of what the input has let go, by one beat at most.
      formal_order #(.W(W), .CAPACITY(1), .WIRE(1)) u_order (
          .clk(clk), .rst(rst), .in(got[i]), .in_data(m_data), .out(take), .out_data(s_data),
          .held(held), .picked(picked), .ahead(ahead), .data(data)
      );
      always_comb if (s_valid && !rst) assert (m_valid[i] || held == 1);
    end
  endgenerate
  always_comb begin
    if (s_valid && m_ready == '1 && !rst) no_wait: assert (s_ready);
    one_by_one: cover (!rst && take && got == N'(1) << (N - 1));
    at_once: cover (!rst && take && got == '1);
  end
endmodule
