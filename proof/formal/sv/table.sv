// hwq_table and hwq_interpolate (rule F1): a table with straight lines between its entries.
module formal_table #(
    parameter int IN_W = 3,
    parameter bit IN_SIGNED = 1,
    parameter int STEP = 1,
    parameter int FRACTION = 1,
    parameter bit OUT_SIGNED = 1,
    parameter int OUT_W = 3,
    parameter int FIFO_DEPTH = 2
) (
    input logic clk,
    input logic rst,
    input logic s_valid,
    input logic [IN_W-1:0] x,
    input logic m_ready
);
  logic s_ready, m_valid;
  logic [OUT_W-1:0] m_data, y;
  hwq_table #(
      .IN_W(IN_W), .IN_SIGNED(IN_SIGNED), .OUT_W(OUT_W), .OUT_SIGNED(OUT_SIGNED), .STEP(STEP), .FRACTION(FRACTION),
      .ENTRY_W(5), .DELTA_W(6), .FILE("table.mem"),
      .FIFO_DEPTH(FIFO_DEPTH)
  ) u_dut (
      .clk(clk), .rst(rst), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(x),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  localparam int WORDS = 1 << (IN_W - STEP);
  localparam int WORD_W = (STEP > 0) ? 11 : 5;
  localparam int LOW = OUT_SIGNED ? -(1 << (OUT_W - 1)) : 0;
  logic [WORD_W-1:0] words[0:WORDS-1];
  initial $readmemh("table.mem", words);
  wire signed [15:0] wide = $signed({IN_SIGNED && x[IN_W-1], x});
  wire [15:0] u = wide + (IN_SIGNED ? 1 << (IN_W - 1) : 0);
  wire [WORD_W-1:0] word = words[u>>STEP];
  wire signed [15:0] entry = 16'($signed(word[4:0]));
  wire signed [15:0] f = u & ((16'd1 << STEP) - 16'd1);
  wire signed [15:0] delta = (STEP > 0) ? 16'($signed(word[WORD_W-1-:6])) : 16'sd0;
  wire signed [15:0] below = entry <<< STEP;  // the next entry is entry + delta
  formal_rule_r1 #(
      .W(16), .SHIFT(STEP + FRACTION), .ROUND(1), .OUT_W(OUT_W), .QMIN(LOW), .QMAX(LOW + (1 << OUT_W) - 1)
  ) u_y (
      .p(below + delta * f), .y(y)
  );
  logic [$clog2(FIFO_DEPTH + 2)-1:0] held;
  formal_map #(.IN_W(IN_W), .OUT_W(OUT_W), .CAPACITY(FIFO_DEPTH), .LATENCY(9)) u_map (
      .clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready), .s_data(x), .y(y),
      .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data), .held(held)
  );
endmodule
