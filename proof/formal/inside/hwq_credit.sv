
  // Proved inside: places that are free, promised and taken are DEPTH in all, so no beat ever meets a full FIFO.
  logic [COUNT_W-1:0] formal_promised;
  initial formal_promised = '0;
  always_ff @(posedge clk)
    if (rst) formal_promised <= '0;
    else formal_promised <= formal_promised + COUNT_W'(taken) - COUNT_W'(valid_i);
  (* hierconn *) logic [COUNT_W-1:0] \u_fifo.count_q ;
  wire signed [31:0] formal_free = 32'($signed(spare_q)) + GROUP;
  logic formal_begun_q = 1'b0;
  always_ff @(posedge clk) formal_begun_q <= !rst;
  always_comb
    if (!rst) begin
      credit: assert (formal_free + $signed({1'b0, formal_promised}) + $signed({1'b0, \u_fifo.count_q }) == DEPTH);
      in_range: assert (formal_free >= 0 && formal_free <= DEPTH && formal_promised <= DEPTH);
      sign: assert (!formal_begun_q || room == !spare_q[COUNT_W]);
      if (valid_i) promised: assert (formal_promised != '0);
    end
