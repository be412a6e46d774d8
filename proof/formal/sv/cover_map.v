// A place to be reached becomes an assertion that it is never reached, whose counterexample is the way there.
(* techmap_celltype = "$cover" *)
module formal_cover_map (input A, input EN);
  \$assert _TECHMAP_REPLACE_ (.A(!A), .EN(EN));
endmodule
