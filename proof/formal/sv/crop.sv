// hwq_crop: the beats whose bits are set, in order, and no others.
module formal_crop #(
    parameter int STEPS = 2,
    parameter int BEATS = 3
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [1:0] s_data,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic m_data;
  hwq_crop #(
      .IN_W(2), .OUT_W(1), .STEPS(STEPS), .BEATS(BEATS), .STEP_FILE("step.mem"), .BEAT_FILE("beat.mem")
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(s_data),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(2)) u_source (.clk(clk), .rst(rst), .valid(s_valid), .ready(s_ready), .data(s_data));
  formal_sink #(.W(1)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  logic steps[0:STEPS-1];
  logic beats[0:BEATS-1];
  initial $readmemh("step.mem", steps);
  initial $readmemh("beat.mem", beats);
  logic [3:0] s, t;
  initial {s, t} = '0;
  wire take = s_valid && s_ready;
  always_ff @(posedge clk)
    if (rst) {s, t} <= '0;
    else if (take) begin
      t <= (t == BEATS - 1) ? '0 : t + 4'd1;
      if (t == BEATS - 1) s <= (s == STEPS - 1) ? '0 : s + 4'd1;
    end
  logic [1:0] held, ahead;
  logic picked, data;
  formal_order #(.W(1), .CAPACITY(2)) u_order (
      .clk(clk), .rst(rst), .in(take && steps[s] && beats[t]), .in_data(s_data[0]),
      .out(m_valid && m_ready), .out_data(m_data), .held(held), .picked(picked), .ahead(ahead), .data(data)
  );
  formal_progress #(.LIMIT(4)) u_in (.clk(clk), .rst(rst), .wants(s_valid && m_ready), .moves(s_ready));
  always_comb begin
    if (!rst) in_range: assert (s < STEPS && t < BEATS);
    block: cover (!rst && take && s == STEPS - 1 && t == BEATS - 1);
    full: cover (!rst && held == 2 && m_valid);
  end
  (* hierconn *) logic [1:0] \u_dut.u_output.count_q ;
  always_comb if (!rst) count: assert (\u_dut.u_output.count_q == held);
endmodule
