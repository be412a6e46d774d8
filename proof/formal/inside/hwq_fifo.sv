
  // Proved inside: pointers, count and flags belong together, and stay in their range.
  wire [PTR_W+1:0] formal_end = {2'b00, read_q} + {1'b0, (PTR_W + 1)'(count_q)};
  always_comb
    if (!rst) begin
      in_range: assert (read_q < DEPTH && write_q < DEPTH && count_q <= DEPTH);
      pointers: assert (write_q == ((formal_end >= DEPTH) ? formal_end - DEPTH : formal_end));
      flags: assert (valid_q == (count_q != '0) && !(ready_q && count_q == DEPTH));
    end
