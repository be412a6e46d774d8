// hwq_matmul (rule L7): of any head, row of a and row of b among the first heads, the product, at its place.
module formal_matmul #(
    parameter int PE = 2,
    parameter int T = 2,
    parameter int N = 2,
    parameter int K = 2,
    localparam int X_W = 2,
    localparam int OUT_W = 4
) (
    input logic clk,
    input logic rst,
    input logic a_valid,
    input logic [X_W-1:0] a,
    input logic b_valid,
    input logic [X_W-1:0] b,
    input logic m_ready
);
  logic a_ready, b_ready, m_valid;
  logic [OUT_W-1:0] m_data;
  hwq_matmul #(
      .PE(PE), .SIMD(1), .T(T), .N(N), .K(K), .A_W(X_W), .B_W(X_W), .ACC_W(6), .RQ(1), .MUL_EN(0), .SHIFT(0),
      .OUT_W(OUT_W), .QMIN(-8), .QMAX(7)
  ) u_dut (
      .clk(clk), .rst(rst), .a_axis_tvalid(a_valid), .a_axis_tready(a_ready), .a_axis_tdata(a),
      .b_axis_tvalid(b_valid), .b_axis_tready(b_ready), .b_axis_tdata(b),
      .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data)
  );
  (* anyconst *) logic [7:0] head, t, n;
  always_comb a_product: assume (head < 2 && t < T && n < N);
  logic [7:0] a_beat, b_beat, m_beat;  // since reset
  logic [K*X_W-1:0] a_row, b_row;
  logic signed [7:0] sum;
  wire [7:0] a_k = a_beat - (head * T + t) * K;
  wire [7:0] b_k = b_beat - (head * N + n) * K;
  wire its = m_beat == (head * T + t) * N + n;
  initial {a_beat, b_beat, m_beat} = '0;
  always_ff @(posedge clk)
    if (rst) {a_beat, b_beat, m_beat} <= '0;
    else begin
      if (a_valid && a_ready) a_beat <= a_beat + 8'd1;
      if (b_valid && b_ready) b_beat <= b_beat + 8'd1;
      if (m_valid && m_ready) m_beat <= m_beat + 8'd1;
    end
  always_ff @(posedge clk) begin
    if (a_valid && a_ready && a_k < K) a_row[a_k*X_W+:X_W] <= a;
    if (b_valid && b_ready && b_k < K) b_row[b_k*X_W+:X_W] <= b;
  end
  always_comb begin
    sum = '0;
    for (int k = 0; k < K; k = k + 1) sum = sum + $signed(a_row[k*X_W+:X_W]) * $signed(b_row[k*X_W+:X_W]);
    if (sum > 7) sum = 8'sd7;
  end
  formal_reset u_reset (.clk(clk), .rst(rst));
  formal_source #(.W(X_W)) u_a (.clk(clk), .rst(rst), .valid(a_valid), .ready(a_ready), .data(a));
  formal_source #(.W(X_W)) u_b (.clk(clk), .rst(rst), .valid(b_valid), .ready(b_ready), .data(b));
  formal_sink #(.W(OUT_W)) u_sink (.clk(clk), .rst(rst), .valid(m_valid), .ready(m_ready), .data(m_data));
  always_comb begin
    if (!rst && m_valid && its) begin
      operands: assert (a_beat >= (head * T + t + 1) * K && b_beat >= (head * N + n + 1) * K);
      product: assert (m_data == sum[OUT_W-1:0]);
    end
    second: cover (!rst && m_valid && its && head == 1 && t == T - 1 && n == N - 1);
  end
endmodule
