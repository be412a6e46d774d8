module net(clk);
  input clk;
  DFFPOSX1 _11952_ (
    .CLK(clk),
    .D(_00246_),
    .Q(\u_pool__window.read_q[2] )
  );
  DFFPOSX1 _12227_ (
    .CLK(clk),
    .D(_00028_),
    .Q(\u_pool__window.word_q[2] )
  );
endmodule
