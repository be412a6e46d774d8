// Read-only memory: data = mem[addr], two cycles later.
//
//   contents    FILE, a $readmemh file of DEPTH words (path relative to the working directory of the tool)
//   STYLE       "auto", "block" or "distributed", a request to the synthesiser
//   latency     2 (read register, output register: the shape that block RAMs have)
//   throughput  one word a cycle
module hwq_rom #(
    parameter int W = 8,
    parameter int DEPTH = 16,
    parameter FILE = "",
    parameter STYLE = "auto",
    localparam int ADDR_W = (DEPTH > 1) ? $clog2(DEPTH) : 1
) (
    input  logic              clk,
    input  logic [ADDR_W-1:0] addr,
    output logic [W-1:0]      data
);
`ifdef YOSYS  // which calls what is not in block RAM logic, and stops at a word that it does not know
  (* rom_style = (STYLE == "distributed") ? "logic" : STYLE *)
`else
  (* rom_style = STYLE, ram_style = STYLE *)
`endif
  logic [W-1:0] mem[0:DEPTH-1];
  logic [W-1:0] read_q;

  generate
    if (FILE != "") begin : g_init
      initial $readmemh(FILE, mem);
    end
  endgenerate

  always_ff @(posedge clk) begin
    read_q <= mem[addr];
    data <= read_q;
  end
endmodule
