// Read-only memory: data = mem[addr], two cycles later.
//
//   contents    FILE, a $readmemh file of DEPTH words (path relative to the working directory of the tool)
//   STYLE       "auto", "block" or "distributed", a request to the synthesiser
//   latency     2: read register and output register, the shape that block RAMs have; up to 32 words, which become
//               logic, address register and output register, so that nothing else hangs on the address of many bits
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

  generate
    if (FILE != "") begin : g_init
      initial $readmemh(FILE, mem);
    end
  endgenerate

  generate
    if (DEPTH <= 32 && STYLE != "block") begin : g_logic
      logic [ADDR_W-1:0] addr_q;
      always_ff @(posedge clk) begin
        addr_q <= addr;
        data <= mem[addr_q];
      end
    end else begin : g_block
      logic [W-1:0] read_q;
      always_ff @(posedge clk) begin
        read_q <= mem[addr];
        data <= read_q;
      end
    end
  endgenerate
endmodule
