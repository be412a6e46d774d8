// Beats of a frame in another order, some of them several times or not at all, others a constant (rule C3).
//
// A frame is so many equal blocks of IN_BEATS beats in and STEPS * BEATS beats out. Beat t of step s of a block is
//   y = PAD where STEP[s] or BEAT[t] has its pad bit, else x[A[s] + B[t]], counted from the block's first beat
// A step begins when the beats that it reads are in. When it has ended, those are given back that no later one reads.
//   STEP word   {release, take, pad, A mod RING} in FREE_W, TAKE_W, 1 and ADDR_W bits
//   BEAT word   {pad, B mod RING}
//   take        beats that must be in for step s beyond those for the step before it, of the block before if s = 0;
//               IN_BEATS over a block. SPARE: beats of a block that its last step does not wait for
//   release     beats that are given back after step s; IN_BEATS over a block. LEAD: beats of the first block that are
//               given back before it, as nothing reads them
//   lanes       an output beat is the lower OUT_W bits of an input beat
//   memory      a ring of RING beats: at least those from the first that a step may read to the last it waits for
//   latency     4 from the last beat that a step waits for to its first result in the output FIFO
//   throughput  max(IN_BEATS, STEPS * BEATS) cycles a block while the output is taken, if RING is as docs/hardware.md says
// Addresses are made ahead of the data, into a small FIFO.
module hwq_gather #(
    parameter int IN_W = 8,
    parameter int OUT_W = 8,
    parameter int IN_BEATS = 4,
    parameter int STEPS = 1,
    parameter int BEATS = 4,
    parameter int RING = 16,
    parameter int TAKE_W = 3,
    parameter int FREE_W = 3,
    parameter int SPARE = 0,
    parameter int LEAD = 0,
    parameter [OUT_W-1:0] PAD = '0,
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
  localparam int ADDR_W = (RING > 1) ? $clog2(RING) : 1;
  localparam int COUNT_W = $clog2(RING + IN_BEATS + 1) + 1;  // signed: beats held, beats ahead
  localparam int READ_W = ADDR_W + 1 + TAKE_W + FREE_W;
  localparam int JUMP = IN_BEATS % RING;

  // (a + b) modulo RING, for a, b < RING.
  function automatic [ADDR_W-1:0] in_ring(input logic [ADDR_W-1:0] a, input logic [ADDR_W-1:0] b);
    logic [ADDR_W:0] sum;
    sum = {1'b0, a} + {1'b0, b};
    in_ring = ADDR_W'((sum >= (ADDR_W + 1)'(RING)) ? sum - (ADDR_W + 1)'(RING) : sum);
  endfunction

  // ---------------------------------------------------------------- addresses, ahead of the data
  wire ask, found, first, last, over;
  wire [FREE_W+TAKE_W+ADDR_W:0] step;
  wire [ADDR_W:0] beat;
  hwq_pattern #(
      .STEPS(STEPS), .BEATS(BEATS), .STEP_W(FREE_W + TAKE_W + ADDR_W + 1), .BEAT_W(ADDR_W + 1),
      .STEP_FILE(STEP_FILE), .BEAT_FILE(BEAT_FILE)
  ) u_pattern (
      .clk(clk), .rst(rst), .en(ask), .valid(found), .first(first), .last(last), .over(over),
      .step(step), .beat(beat)
  );

  logic placed1_q, placed2_q, pad1_q, pad2_q, over1_q;
  logic [ADDR_W-1:0] place_q, address_q, start_q;  // in the block, in the ring; the block's first beat
  logic [TAKE_W-1:0] take1_q, take2_q;
  logic [FREE_W-1:0] release1_q, release2_q;
  always_ff @(posedge clk)
    if (rst) begin
      {placed1_q, placed2_q} <= '0;
      start_q <= '0;
    end else begin
      {placed1_q, placed2_q} <= {found, placed1_q};
      if (placed1_q && over1_q) start_q <= in_ring(start_q, ADDR_W'(JUMP));
    end
  always_ff @(posedge clk) begin
    place_q <= in_ring(step[ADDR_W-1:0], beat[ADDR_W-1:0]);
    pad1_q <= step[ADDR_W] || beat[ADDR_W];
    take1_q <= first ? step[ADDR_W+1+:TAKE_W] : '0;
    release1_q <= last ? step[ADDR_W+1+TAKE_W+:FREE_W] : '0;
    over1_q <= over;
    address_q <= in_ring(start_q, place_q);
    {pad2_q, take2_q, release2_q} <= {pad1_q, take1_q, release1_q};
  end

  wire read_valid, go, pad;
  wire [ADDR_W-1:0] address;
  wire [TAKE_W-1:0] take;
  wire [FREE_W-1:0] free;
  hwq_credit #(.W(READ_W), .DEPTH(8)) u_reads (
      .clk(clk), .rst(rst),
      .take(ask), .take_n(1'b1), .room(ask),
      .valid_i(placed2_q), .data_i({release2_q, take2_q, pad2_q, address_q}),
      .m_axis_tvalid(read_valid), .m_axis_tready(go), .m_axis_tdata({free, take, pad, address})
  );

  // ---------------------------------------------------------------- the ring
  (* no_rw_check *) logic [OUT_W-1:0] mem[0:RING-1];
  logic [OUT_W-1:0] word_q;
  logic [ADDR_W-1:0] write_q;
  logic signed [COUNT_W-1:0] fill_q;   // beats held minus RING: negative while there is room
  logic signed [COUNT_W-1:0] ahead_q;  // beats in beyond those that the present step needs
  logic [FREE_W-1:0] freed_q;
  logic push_q;

  assign s_axis_tready = fill_q[COUNT_W-1];
  wire push = s_axis_tvalid && s_axis_tready;
  wire signed [COUNT_W-1:0] left = ahead_q - $signed(COUNT_W'(take));
  wire room;
  assign go = read_valid && !left[COUNT_W-1] && room;

  always_ff @(posedge clk) begin
    if (push) mem[write_q] <= s_axis_tdata[OUT_W-1:0];
    word_q <= mem[address];
  end
  always_ff @(posedge clk)
    if (rst) begin
      write_q <= '0;
      push_q <= 1'b0;
      freed_q <= '0;
      fill_q <= COUNT_W'(-RING - LEAD);
      ahead_q <= COUNT_W'(SPARE);
    end else begin
      if (push) write_q <= in_ring(write_q, ADDR_W'(1));
      push_q <= push;
      freed_q <= go ? free : '0;
      fill_q <= fill_q + $signed(COUNT_W'(push)) - $signed(COUNT_W'(freed_q));
      ahead_q <= (go ? left : ahead_q) + $signed(COUNT_W'(push_q));
    end

  // ---------------------------------------------------------------- read data, padding, output
  logic issued1_q, issued2_q, pad_q;
  logic [OUT_W-1:0] out_q;
  always_ff @(posedge clk)
    if (rst) {issued1_q, issued2_q} <= '0;
    else {issued1_q, issued2_q} <= {go, issued1_q};
  always_ff @(posedge clk) begin
    pad_q <= pad;
    out_q <= pad_q ? PAD : word_q;
  end

  hwq_credit #(.W(OUT_W), .DEPTH(4)) u_output (
      .clk(clk), .rst(rst),
      .take(go), .take_n(1'b1), .room(room),
      .valid_i(issued2_q), .data_i(out_q),
      .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata)
  );

`ifndef SYNTHESIS
  initial begin
    if (IN_BEATS < 1 || STEPS < 1 || BEATS < 1 || RING < 2 || OUT_W > IN_W)
      $fatal(1, "hwq_gather: IN_BEATS=%0d STEPS=%0d BEATS=%0d RING=%0d", IN_BEATS, STEPS, BEATS, RING);
    if (TAKE_W > COUNT_W || FREE_W > COUNT_W || SPARE < 0 || SPARE >= IN_BEATS || LEAD < 0 || LEAD >= IN_BEATS)
      $fatal(1, "hwq_gather: TAKE_W=%0d FREE_W=%0d SPARE=%0d LEAD=%0d", TAKE_W, FREE_W, SPARE, LEAD);
  end
`endif
endmodule
