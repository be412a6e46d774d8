// Pipelined signed sum: sum = d[0] + .. + d[N-1], modulo 2^OUT_W; term i is d[i*IN_W +: IN_W].
//
// A binary tree with a register after each adder. Level l is min(IN_W + l, OUT_W) bits wide. Nodes are numbered as
// in a heap: 1 is the root, node k adds nodes 2k and 2k+1, the leaves start at LEAVES; missing leaves are 0.
//   latency     clog2(N) (none for N = 1)
//   throughput  one sum a cycle, no stall
module hwq_addtree #(
    parameter int N = 4,
    parameter int IN_W = 16,
    parameter int OUT_W = 18
) (
    input  logic                    clk,
    input  logic [N*IN_W-1:0]       d,
    output logic signed [OUT_W-1:0] sum
);
  localparam int LEVELS = $clog2(N);
  localparam int LEAVES = 1 << LEVELS;

  generate
    if (N == 1) begin : g_none
      assign sum = OUT_W'($signed(d));
    end else begin : g_tree
      wire signed [OUT_W-1:0] node[1:2*LEAVES-1];
      for (genvar i = 0; i < LEAVES; i = i + 1) begin : g_leaf
        if (i < N) begin : g_term
          assign node[LEAVES+i] = OUT_W'($signed(d[i*IN_W+:IN_W]));
        end else begin : g_zero
          assign node[LEAVES+i] = '0;
        end
      end
      for (genvar k = 1; k < LEAVES; k = k + 1) begin : g_node
        localparam int LEVEL = LEVELS - $clog2(k + 1) + 1;
        localparam int SUM_W = (IN_W + LEVEL < OUT_W) ? IN_W + LEVEL : OUT_W;
        logic signed [SUM_W-1:0] sum_q;
        always_ff @(posedge clk) sum_q <= SUM_W'($signed(node[2*k])) + SUM_W'($signed(node[2*k+1]));
        assign node[k] = OUT_W'(sum_q);
      end
      assign sum = node[1];
    end
  endgenerate
endmodule
