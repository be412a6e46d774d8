// hwq_gather (rule C3): any beat out of a block is the beat that its files name, of that block, or PAD.
module formal_gather #(
    parameter int IN_BEATS = 4,
    parameter int STEPS = 2,
    parameter int BEATS = 3,
    parameter int RING = 8
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [1:0] s_data,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [1:0] m_data;
  hwq_gather #(
      .IN_W(2), .OUT_W(2), .IN_BEATS(IN_BEATS), .STEPS(STEPS), .BEATS(BEATS), .RING(RING), .TAKE_W(3), .FREE_W(3),
      .PAD(2'd1), .STEP_FILE("step.mem"), .BEAT_FILE("beat.mem")
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(s_data),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  localparam int ADDR_W = $clog2(RING);
  logic [ADDR_W+6:0] steps[0:STEPS-1];
  logic [ADDR_W:0] beats[0:BEATS-1];
  initial $readmemh("step.mem", steps);
  initial $readmemh("beat.mem", beats);
  (* anyconst *) logic [3:0] s, t;
  always_comb a_place: assume (s < STEPS && t < BEATS);
  wire [ADDR_W+6:0] step = steps[s];
  wire [ADDR_W:0] beat = beats[t];
  wire pad = step[ADDR_W] || beat[ADDR_W];
  wire [7:0] source = (step[ADDR_W-1:0] + beat[ADDR_W-1:0]) % RING;
  logic [7:0] in, out;  // beats of the block that are through
  initial {in, out} = '0;
  wire take = s_valid && s_ready;
  wire give = m_valid && m_ready;
  wire its = out == s * BEATS + t;
  always_ff @(posedge clk)
    if (rst) {in, out} <= '0;
    else begin
      if (take) in <= (in == IN_BEATS - 1) ? '0 : in + 8'd1;
      if (give) out <= (out == STEPS * BEATS - 1) ? '0 : out + 8'd1;
    end
  logic [2:0] held, ahead;
  logic [1:0] data;
  logic picked;
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(2)) u_source (.clk(clk), .rst(rst), .valid(s_valid), .ready(s_ready), .data(s_data));
  formal_sink #(.W(2)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  formal_order #(.W(2), .CAPACITY(4)) u_order (
      .clk(clk), .rst(rst), .in(take && !pad && in == source), .in_data(s_data), .out(give && !pad && its),
      .out_data(m_data), .held(held), .picked(picked), .ahead(ahead), .data(data)
  );
  formal_progress #(.LIMIT(12)) u_moves (.clk(clk), .rst(rst), .wants(s_valid && m_ready), .moves(take || give));
  always_comb begin
    if (!rst) in_range: assert (in < IN_BEATS && out < STEPS * BEATS);
    if (!rst && m_valid && pad && its) padding: assert (m_data == 2'd1);
    block: cover (!rst && give && out == STEPS * BEATS - 1);
  end
endmodule
