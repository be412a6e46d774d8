// hwq_frame_in: each tlast ends a frame; beat j out of a frame is its beat j in, or 0 where the frame was too short.
module formal_frame_in #(
    parameter int W = 1,
    parameter int BEATS = 3
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [W-1:0] s_data,
    input logic s_last,
    input logic m_ready
);
  logic s_ready, m_valid, frame_error;
  logic [W-1:0] m_data;
  hwq_frame_in #(.W(W), .BEATS(BEATS)) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(s_data),
      .s_axis_tlast(s_last), .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data),
      .frame_error(frame_error)
  );
  // Beat j of a frame is known when it comes, or when the frame ends before it.
  (* anyconst *) logic [2:0] j;
  always_comb a_beat: assume (j < BEATS);
  logic [2:0] in, out;  // beats of the frame that are through; in: BEATS at most
  logic error;
  wire take = s_valid && s_ready;
  wire give = m_valid && m_ready;
  initial {in, out, error} = '0;
  always_ff @(posedge clk)
    if (rst) {in, out, error} <= '0;
    else begin
      if (take) in <= s_last ? '0 : (in == BEATS) ? in : in + 3'd1;
      if (give) out <= (out == BEATS - 1) ? '0 : out + 3'd1;
      if (take && in < BEATS && s_last != (in == BEATS - 1)) error <= 1'b1;
    end
  wire known = take && (in == j || (s_last && in < j));
  logic [1:0] held, ahead;
  logic picked;
  logic [W-1:0] data;
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(W + 1)) u_source (
      .clk(clk), .rst(rst), .valid(s_valid), .ready(s_ready), .data({s_last, s_data})
  );
  formal_sink #(.W(W)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  formal_order #(.W(W), .CAPACITY(1), .WIRE(1)) u_order (
      .clk(clk), .rst(rst), .in(known), .in_data((in == j) ? s_data : '0), .out(give && out == j), .out_data(m_data),
      .held(held), .picked(picked), .ahead(ahead), .data(data)
  );
  formal_progress #(.LIMIT(0)) u_moves (.clk(clk), .rst(rst), .wants(s_valid && m_ready), .moves(take || give));
  logic begun_q = 1'b0;
  always_ff @(posedge clk) begun_q <= 1'b1;
  always_comb begin
    if (!rst && begun_q) begin
      in_range: assert (in <= BEATS && out < BEATS);
      sticky: assert (frame_error == error);
    end
    exact: cover (!rst && take && s_last && in == BEATS - 1 && !error);
    too_short: cover (!rst && take && s_last && in == '0 && !error);
    too_long: cover (!rst && take && s_last && in == BEATS);
    after: cover (!rst && error && in == '0 && out == '0 && give && take && !s_last);
  end
endmodule
