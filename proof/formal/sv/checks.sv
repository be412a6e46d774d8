// Checkers that the harnesses share. Each is combinational in what it asserts: one clock edge, one state.

// First cycle after power-up: reset is high in it. Registers without reset begin with any value.
module formal_reset (
    input logic clk,
    input logic rst
);
  logic begun_q = 1'b0;
  always_ff @(posedge clk) begun_q <= 1'b1;
  always_comb if (!begun_q) power_up: assume (rst);
endmodule

// A stream that comes in: a beat that waits stays as it is.
module formal_source #(
    parameter int W = 1
) (
    input logic clk,
    input logic rst,
    input logic valid,
    input logic ready,
    input logic [W-1:0] data
);
  logic waits_q = 1'b0;
  logic [W-1:0] data_q;
  always_ff @(posedge clk) begin
    waits_q <= valid && !ready && !rst;
    data_q <= data;
  end
  always_comb if (waits_q && !rst) source: assume (valid && data == data_q);
endmodule

// A stream that goes out: a beat that waits stays as it is.
module formal_sink #(
    parameter int W = 1
) (
    input logic clk,
    input logic rst,
    input logic valid,
    input logic ready,
    input logic [W-1:0] data
);
  logic waits_q = 1'b0;
  logic [W-1:0] data_q;
  always_ff @(posedge clk) begin
    waits_q <= valid && !ready && !rst;
    data_q <= data;
  end
  always_comb if (waits_q && !rst) stable: assert (valid && data == data_q);
endmodule

// Beats out are the beats in: nothing is lost, doubled, changed or overtaken. Of all beats any one is picked when it comes
// in, and followed: `ahead` beats leave before it does. `held` is beats in less beats out, at most CAPACITY.
// WIRE: a beat may leave in the cycle in which it comes.
module formal_order #(
    parameter int W = 1,
    parameter int CAPACITY = 1,
    parameter bit WIRE = 0,
    localparam int N_W = $clog2(CAPACITY + 2)
) (
    input  logic clk,
    input  logic rst,
    input  logic in,
    input  logic [W-1:0] in_data,
    input  logic out,
    input  logic [W-1:0] out_data,
    output logic [N_W-1:0] held,
    output logic picked,
    output logic [N_W-1:0] ahead,
    output logic [W-1:0] data
);
  (* anyseq *) logic pick;
  wire at_once = WIRE && held == '0;
  initial picked = 1'b0;
  initial held = '0;
  always_ff @(posedge clk)
    if (rst) begin
      held <= '0;
      picked <= 1'b0;
    end else begin
      held <= held + N_W'(in) - N_W'(out);
      if (picked) begin
        if (out && ahead == '0) picked <= 1'b0;
        else if (out) ahead <= ahead - N_W'(1);
      end else if (in && pick && !(at_once && out)) begin
        picked <= 1'b1;
        ahead <= held - N_W'(out);
        data <= in_data;
      end
    end
  always_comb
    if (!rst) begin
      capacity: assert (held <= CAPACITY);
      if (picked) before: assert (ahead < held);
      if (out) exists: assert (held != '0 || (WIRE && in));
      if (out && at_once) wired: assert (out_data == in_data);
      if (out && picked && ahead == '0) same: assert (out_data == data);
    end
endmodule

// While `wants` stays high, `moves` is low for LIMIT cycles in a row at most: no deadlock.
module formal_progress #(
    parameter int LIMIT = 4,
    localparam int N_W = $clog2(LIMIT + 2)
) (
    input logic clk,
    input logic rst,
    input logic wants,
    input logic moves
);
  logic [N_W-1:0] idle_q = '0;
  always_ff @(posedge clk)
    if (rst || !wants || moves) idle_q <= '0;
    else idle_q <= idle_q + N_W'(1);
  always_comb if (!rst) progress: assert (idle_q <= LIMIT);
endmodule

// A module that makes one beat out of each beat in: y, its value by the equation, belongs to the beat that is at the
// input now. CAPACITY beats are held at most; LATENCY cycles at most from a beat in to a beat at the output.
module formal_map #(
    parameter int IN_W = 1,
    parameter int OUT_W = 1,
    parameter int CAPACITY = 1,
    parameter int LATENCY = 1,
    parameter bit WIRE = 0,
    localparam int N_W = $clog2(CAPACITY + 2)
) (
    input  logic clk,
    input  logic rst,
    input  logic s_valid,
    input  logic s_ready,
    input  logic [IN_W-1:0] s_data,
    input  logic [OUT_W-1:0] y,
    input  logic m_valid,
    input  logic m_ready,
    input  logic [OUT_W-1:0] m_data,
    output logic [N_W-1:0] held
);
  logic picked;
  logic [N_W-1:0] ahead;
  logic [OUT_W-1:0] data;
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(IN_W)) u_source (.clk(clk), .rst(rst), .valid(s_valid), .ready(s_ready), .data(s_data));
  formal_sink #(.W(OUT_W)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  formal_order #(.W(OUT_W), .CAPACITY(CAPACITY), .WIRE(WIRE)) u_order (
      .clk(clk), .rst(rst), .in(s_valid && s_ready), .in_data(y), .out(m_valid && m_ready), .out_data(m_data),
      .held(held), .picked(picked), .ahead(ahead), .data(data)
  );
  formal_progress #(.LIMIT(LATENCY)) u_out (.clk(clk), .rst(rst), .wants(held != '0), .moves(m_valid));
  formal_progress #(.LIMIT(LATENCY + 1)) u_in (.clk(clk), .rst(rst), .wants(s_valid && m_ready), .moves(s_ready));
  always_comb begin
    full: cover (!rst && held == CAPACITY);
    drains: cover (!rst && held == CAPACITY && m_valid && m_ready);
  end
endmodule

// Rule R1, written as it is said: the quotient of a floored division, and what its remainder says.
module formal_rule_r1 #(
    parameter int W = 32,
    parameter int SHIFT = 1,
    parameter int ROUND = 1,
    parameter int OUT_W = 8,
    parameter int ZERO = 0,
    parameter int QMIN = -128,
    parameter int QMAX = 127
) (
    input  logic signed [W-1:0] p,
    output logic [OUT_W-1:0] y
);
  logic signed [W-1:0] floor, rest, half, value;
  logic up;
  always_comb begin
    floor = p >>> SHIFT;
    rest = p - (floor <<< SHIFT);
    half = (W'(1) << SHIFT) >> 1;
    up = 1'b0;
    if (SHIFT > 0 && ROUND == 1) up = rest >= half;
    if (SHIFT > 0 && ROUND == 2) up = rest > half || (rest == half && floor[0]);
    if (SHIFT > 0 && ROUND == 3) up = rest > half || (rest == half && !p[W-1]);
    value = floor + $signed({{(W - 1) {1'b0}}, up}) + W'(ZERO);
    if (value < $signed(W'(QMIN))) value = W'(QMIN);
    else if (value > $signed(W'(QMAX))) value = W'(QMAX);
    y = value[OUT_W-1:0];
  end
endmodule

// A pipeline that is always moving: what comes out is y of LATENCY cycles ago.
module formal_pipe #(
    parameter int W = 1,
    parameter int LATENCY = 1
) (
    input logic clk,
    input logic [W-1:0] y,
    input logic [W-1:0] out
);
  logic [W-1:0] y_q[0:LATENCY-1];
  logic [3:0] age_q = '0;
  always_ff @(posedge clk) begin
    y_q[0] <= y;
    for (int i = 1; i < LATENCY; i = i + 1) y_q[i] <= y_q[i-1];
    if (age_q != 4'd15) age_q <= age_q + 4'd1;
  end
  always_comb begin
    if (age_q >= LATENCY) equation: assert (out == y_q[LATENCY-1]);
    filled: cover (age_q == LATENCY);
  end
endmodule

// A pipelined signed product, by the method of school: a times each bit of b, added up; the top bit counts below zero.
module formal_times #(
    parameter int A_W = 1,
    parameter int B_W = 1,
    parameter int LATENCY = 1
) (
    input logic clk,
    input logic signed [A_W-1:0] a,
    input logic [B_W-1:0] b,
    input logic [A_W+B_W-1:0] p
);
  logic signed [A_W+B_W-1:0] sum, wide;
  always_comb begin
    wide = a;
    sum = '0;
    for (int i = 0; i < B_W; i = i + 1)
      if (b[i]) sum = (i == B_W - 1) ? sum - (wide <<< i) : sum + (wide <<< i);
  end
  formal_pipe #(.W(A_W + B_W), .LATENCY(LATENCY)) u_pipe (.clk(clk), .y(sum), .out(p));
endmodule

// A module that makes one beat out of several: y belongs to the beats up to the one at the input, of which `last` says
// that it is their last. CAPACITY results are held at most.
module formal_fold #(
    parameter int IN_W = 1,
    parameter int OUT_W = 1,
    parameter int CAPACITY = 1,
    parameter int LATENCY = 1,
    localparam int N_W = $clog2(CAPACITY + 2)
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic s_ready,
    input logic [IN_W-1:0] s_data,
    input logic last,
    input logic [OUT_W-1:0] y,
    input logic m_valid,
    input logic m_ready,
    input logic [OUT_W-1:0] m_data
);
  logic picked;
  logic [N_W-1:0] held, ahead;
  logic [OUT_W-1:0] data;
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(IN_W)) u_source (.clk(clk), .rst(rst), .valid(s_valid), .ready(s_ready), .data(s_data));
  formal_sink #(.W(OUT_W)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  formal_order #(.W(OUT_W), .CAPACITY(CAPACITY)) u_order (
      .clk(clk), .rst(rst), .in(s_valid && s_ready && last), .in_data(y), .out(m_valid && m_ready), .out_data(m_data),
      .held(held), .picked(picked), .ahead(ahead), .data(data)
  );
  formal_progress #(.LIMIT(LATENCY)) u_out (.clk(clk), .rst(rst), .wants(held != '0), .moves(m_valid));
  formal_progress #(.LIMIT(LATENCY + 1)) u_in (.clk(clk), .rst(rst), .wants(s_valid && m_ready), .moves(s_ready));
  always_comb begin
    if (!rst && !last) open: assert (s_ready);
    full: cover (!rst && held == CAPACITY && s_valid && last);
    drains: cover (!rst && held == CAPACITY && m_valid && m_ready);
  end
endmodule

// Beats of a module whose values are not looked at: IN beats make OUT beats, never more, and none waits for ever.
module formal_beats #(
    parameter int IN_W = 1,
    parameter int OUT_W = 1,
    parameter int IN = 1,
    parameter int OUT = 1,
    parameter int CAPACITY = 1,
    parameter int LIMIT = 1
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic s_ready,
    input logic [IN_W-1:0] s_data,
    input logic m_valid,
    input logic m_ready,
    input logic [OUT_W-1:0] m_data
);
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(IN_W)) u_source (.clk(clk), .rst(rst), .valid(s_valid), .ready(s_ready), .data(s_data));
  formal_sink #(.W(OUT_W)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  logic [9:0] due;  // what beats in are worth, in parts of beats out
  initial due = '0;
  wire take = s_valid && s_ready;
  wire give = m_valid && m_ready;
  always_ff @(posedge clk)
    if (rst) due <= '0;
    else due <= due + (take ? 10'(OUT) : '0) - (give ? 10'(IN) : '0);
  formal_progress #(.LIMIT(LIMIT)) u_moves (.clk(clk), .rst(rst), .wants(s_valid && m_ready), .moves(take || give));
  always_comb
    if (!rst) begin
      if (m_valid) made: assert (due >= IN);
      capacity: assert (due <= CAPACITY * IN);
      comes: cover (m_valid);
    end
endmodule
