
  // Proved inside: pointers and counts belong together, and stay in their range.
  wire [PTR_W+1:0] formal_end = {2'b00, read_q} + {1'b0, (PTR_W + 1)'(stored_q)};
  (* hierconn *) logic [1:0] \u_output.count_q ;
  always_comb
    if (!rst) begin
      in_range: assert (read_q < DEPTH && write_q < DEPTH && held_q <= DEPTH && stored_q <= held_q);
      pointers: assert (write_q == ((formal_end >= DEPTH) ? formal_end - DEPTH : formal_end));
      counts: assert (held_q == stored_q + word_valid_q + \u_output.count_q );
    end
