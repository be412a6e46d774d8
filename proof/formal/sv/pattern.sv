// hwq_pattern: two cycles after each `en` the words of its iteration, and its place.
module formal_pattern #(
    parameter int STEPS = 2,
    parameter int BEATS = 3
) (
    input logic clk,
    input logic rst,
    input logic en
);
  logic valid, first, last, over;
  logic [2:0] step, beat;
  hwq_pattern #(
      .STEPS(STEPS), .BEATS(BEATS), .STEP_W(3), .BEAT_W(3), .STEP_FILE("step.mem"), .BEAT_FILE("beat.mem")
  ) u_dut (
      .clk(clk), .rst(rst), .en(en), .valid(valid), .first(first), .last(last), .over(over), .step(step), .beat(beat)
  );
  formal_reset u_reset (.clk(clk), .rst(rst));
  logic [2:0] steps[0:STEPS-1];
  logic [2:0] beats[0:BEATS-1];
  initial $readmemh("step.mem", steps);
  initial $readmemh("beat.mem", beats);
  logic [3:0] s, t;
  logic [1:0] asked_q = '0;
  initial {s, t} = '0;
  always_ff @(posedge clk) begin
    asked_q <= rst ? '0 : {asked_q[0], en};
    if (rst) {s, t} <= '0;
    else if (valid) begin
      t <= (t == BEATS - 1) ? '0 : t + 4'd1;
      if (t == BEATS - 1) s <= (s == STEPS - 1) ? '0 : s + 4'd1;
    end
  end
  always_comb begin
    if (!rst) begin
      in_range: assert (s < STEPS && t < BEATS);
      in_time: assert (valid == asked_q[1]);
      if (valid) words: assert (step == steps[s] && beat == beats[t]);
      if (valid) place: assert (first == (t == '0) && last == (t == BEATS - 1) && over == (last && s == STEPS - 1));
    end
    again: cover (!rst && valid && over);
  end
endmodule
