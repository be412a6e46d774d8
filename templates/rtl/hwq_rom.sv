// Read-only memory: data = mem[addr], two cycles later.
//
//   contents    FILE, a $readmemh file of DEPTH words (path relative to the working directory of the tool)
//   STYLE       "auto", "block" or "distributed", a request to the synthesiser
//   latency     2: read register and output register, the shape that block RAMs have; up to 32 words, which become
//               logic, address registers and output register: an address register for each PART_W bits, so that none
//               has far to go
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
  localparam int PART_W = 64;

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
      for (genvar i = 0; i < W; i = i + PART_W) begin : g_part
        localparam int BITS = (W - i < PART_W) ? W - i : PART_W;
        logic [ADDR_W-1:0] addr_q;
        (* keep *) always_ff @(posedge clk) addr_q <= addr;
        always_ff @(posedge clk) data[i+:BITS] <= mem[addr_q][i+:BITS];
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
