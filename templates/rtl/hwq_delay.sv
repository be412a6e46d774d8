// q is d delayed by N enabled shifts: after the k-th shift q = d(k - N + 1), where d(k) was shifted in by shift k.
//
// N = 0 is a wire, N = 1 a register, N >= 2 a ring of N words whose read address runs one ahead of its write address
// (they never meet, so no read-during-write logic). The first N words out after reset are unknown.
module hwq_delay #(
    parameter int W = 8,  // bits of a word
    parameter int N = 1   // shifts
) (
    input  logic         clk,
    input  logic         rst,
    input  logic         en,
    input  logic [W-1:0] d,
    output logic [W-1:0] q
);
  generate
    if (N == 0) begin : g_wire
      assign q = d;
    end else if (N == 1) begin : g_register
      always_ff @(posedge clk) if (en) q <= d;
    end else begin : g_ring
      localparam int PTR_W = $clog2(N);

      (* no_rw_check *) logic [W-1:0] mem[0:N-1];
      logic [PTR_W-1:0] write_q, read_q;

      always_ff @(posedge clk) begin
        if (en) begin
          mem[write_q] <= d;
          q <= mem[read_q];
        end
      end

      always_ff @(posedge clk) begin
        if (rst) begin
          write_q <= '0;
          read_q <= PTR_W'(1);
        end else if (en) begin
          write_q <= read_q;
          read_q <= (read_q == PTR_W'(N - 1)) ? '0 : read_q + 1'b1;
        end
      end
    end
  endgenerate

`ifndef SYNTHESIS
  initial if (W < 1 || N < 0) $fatal(1, "hwq_delay: W=%0d N=%0d, expected W >= 1 and N >= 0", W, N);
`endif
endmodule
