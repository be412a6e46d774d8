// q is d delayed by N enabled shifts: after the k-th shift q = d(k - N + 1), where d(k) was shifted in by shift k.
//
// N = 0 is a wire, N = 1 a register, N = 2 two of them. N >= 3 is a ring of N - 1 words and a register behind it, which
// block RAMs have; the read address runs one ahead of the write address, so they never meet and no read-during-write
// logic is needed. The first N words out after reset are unknown.
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
    end else if (N == 2) begin : g_registers
      logic [W-1:0] first_q;
      always_ff @(posedge clk)
        if (en) begin
          first_q <= d;
          q <= first_q;
        end
    end else begin : g_ring
      localparam int WORDS = N - 1;
      localparam int PTR_W = $clog2(WORDS);

      (* no_rw_check *) logic [W-1:0] mem[0:WORDS-1];
      logic [W-1:0] word_q;
      logic [PTR_W-1:0] write_q, read_q;

      always_ff @(posedge clk)
        if (en) begin
          mem[write_q] <= d;
          word_q <= mem[read_q];
          q <= word_q;
        end

      always_ff @(posedge clk) begin
        if (rst) begin
          write_q <= '0;
          read_q <= PTR_W'(1);
        end else if (en) begin
          write_q <= read_q;
          read_q <= (read_q == PTR_W'(WORDS - 1)) ? '0 : read_q + 1'b1;
        end
      end
    end
  endgenerate

`ifndef SYNTHESIS
  initial if (W < 1 || N < 0) $fatal(1, "hwq_delay: W=%0d N=%0d, expected W >= 1 and N >= 0", W, N);
`endif
endmodule
