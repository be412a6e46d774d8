// COUNT products with one factor in common, from adders and look-up tables: p[i] = a * b[i], three cycles later.
//
// Both signed; b[i] at b[i*B_W +: B_W], p[i] at p[i*(A_W+B_W) +: A_W+B_W]. With the top bit of b inverted, a bit c of it
// is worth 2c - 1 times its power of two, and all of them together 2b + 1. Two bits are a digit d, one of -3, -1, 1, 3.
// The lowest digit takes the odd 1 off and halves: two bits are -2, -1, 0 or 1; with B_W odd one bit is -1 or 0.
//   p = row[0] + sum over k > 0 of row[k] * 2^(2k - 1 - B_W % 2)      row[k] = d[k] * a
// So a row is a or 3a, inverted or not, which is one LUT of four inputs a bit; LUTs of six take the adder behind it too.
// An inverted row is its negative less 1, and that 1 is a carry into the adder of the row. All products share 3a and -a.
// Registers stand behind the multiples of a, behind sums of two rows, and behind the sum of those or before all.
// A factor of one or two bits needs no rows: it picks the other one, or nothing, for either side of a subtraction.
//   throughput  COUNT products a cycle, no stall
module hwq_mul_logic #(
    parameter int COUNT = 2,
    parameter int A_W = 8,
    parameter int B_W = 8
) (
    input  logic                       clk,
    input  logic signed [A_W-1:0]      a,
    input  logic [COUNT*B_W-1:0]       b,
    output logic [COUNT*(A_W+B_W)-1:0] p
);
  localparam int P_W = A_W + B_W;
  localparam bit A_PICKS = A_W <= 2;
  localparam bit PICKS = A_PICKS || B_W <= 2;
  localparam int ODD = B_W % 2;
  localparam int ROWS = (B_W + 1) / 2;
  localparam int PAIRS = (ROWS + 1) / 2;
  localparam int ROW_W = A_W + 2;

  wire signed [A_W-1:0] shared;
  wire [COUNT*B_W-1:0] factors;
  wire signed [ROW_W-1:0] once, minus, thrice;
  generate
    if (PICKS || PAIRS == 1) begin : g_before
      logic signed [A_W-1:0] a_q;
      logic [COUNT*B_W-1:0] b_q;
      always_ff @(posedge clk) begin
        a_q <= a;
        b_q <= b;
      end
      assign shared = a_q;
      assign factors = b_q;
    end else begin : g_at_once
      assign shared = a;
      assign factors = b;
    end

    if (!PICKS) begin : g_multiples
      wire signed [ROW_W-1:0] wide = ROW_W'(shared);
      logic signed [ROW_W-1:0] once_q, minus_q, thrice_q;
      always_ff @(posedge clk) begin
        once_q <= wide;
        minus_q <= -wide;
        thrice_q <= wide + (wide <<< 1);
      end
      assign once = once_q;
      assign minus = minus_q;
      assign thrice = thrice_q;
    end

    for (genvar i = 0; i < COUNT; i = i + 1) begin : g_product
      wire signed [B_W-1:0] factor = factors[i*B_W+:B_W];
      logic signed [P_W-1:0] p_q;
      assign p[i*P_W+:P_W] = p_q;
      if (PICKS) begin : g_picked
        localparam int BITS = A_PICKS ? A_W : B_W;
        wire signed [P_W-1:0] other = A_PICKS ? P_W'(factor) : P_W'(shared);
        wire [BITS-1:0] picks = BITS'(A_PICKS ? P_W'(shared) : P_W'(factor));
        logic signed [P_W-1:0] low_q, high_q;
        always_ff @(posedge clk) begin
          low_q <= (BITS == 2 && picks[0]) ? other : '0;
          high_q <= picks[BITS-1] ? other : '0;
          p_q <= low_q - (high_q <<< (BITS - 1));
        end
      end else begin : g_rows
        logic [B_W-1:0] c_q;
        always_ff @(posedge clk) c_q <= factor ^ (B_W'(1) << (B_W - 1));

        wire signed [ROW_W-1:0] row[0:ROWS-1];
        wire inverted[0:ROWS-1];
        assign inverted[0] = 1'b0;
        if (ODD == 1) begin : g_bit
          assign row[0] = c_q[0] ? '0 : minus;
        end else begin : g_bits
          wire signed [ROW_W-1:0] upper = c_q[0] ? once : '0;
          wire signed [ROW_W-1:0] lower = c_q[0] ? minus : minus <<< 1;
          assign row[0] = c_q[1] ? upper : lower;
        end
        for (genvar k = 1; k < ROWS; k = k + 1) begin : g_row
          wire [1:0] digit = c_q[2*k-ODD+:2];
          assign inverted[k] = !digit[1];
          assign row[k] = ((digit[0] == digit[1]) ? thrice : once) ^ {ROW_W{inverted[k]}};
        end

        // Sum m has all of rows 2m and 2m + 1 but the carry of row 2m; its place in the product is AT.
        wire signed [P_W-1:0] total[0:PAIRS-1];
        for (genvar m = 0; m < PAIRS; m = m + 1) begin : g_sum
          localparam int AT = (m > 0) ? 4 * m - 1 - ODD : 0;
          localparam int SUM_W = (2 * m + 1 == ROWS) ? ROW_W : (m > 0) ? ROW_W + 2 : ROW_W + 2 - ODD;
          wire signed [SUM_W-1:0] sum;
          if (2 * m + 1 == ROWS) begin : g_one
            assign sum = row[2*m];
          end else begin : g_two
            localparam int LOW_W = (m > 0) ? 2 : 1 - ODD;  // bits of the lower row below the upper one
            localparam int ADD_W = SUM_W - LOW_W;
            wire signed [ADD_W-1:0] low = ADD_W'(row[2*m] >>> LOW_W);
            wire signed [ADD_W-1:0] high = ADD_W'(row[2*m+1]);
            wire carry = inverted[2*m+1];
            wire [ADD_W:0] added = {low, carry} + {high, carry};
            if (LOW_W > 0) begin : g_below
              assign sum = {added[ADD_W:1], row[2*m][LOW_W-1:0]};
            end else begin : g_whole
              assign sum = added[ADD_W:1];
            end
          end
          if (PAIRS == 1) begin : g_all
            assign total[0] = P_W'(sum);
          end else begin : g_part
            logic signed [SUM_W-1:0] sum_q;
            always_ff @(posedge clk) sum_q <= sum;
            if (m == 0) begin : g_lowest
              assign total[0] = P_W'(sum_q);
            end else begin : g_more
              localparam int END = 4 * m + 4 - ODD;
              localparam int TOP_W = A_W + ((END < B_W) ? END : B_W) - AT;
              logic carry_q;
              always_ff @(posedge clk) carry_q <= inverted[2*m];
              wire signed [TOP_W-1:0] low = TOP_W'(total[m-1] >>> AT);
              wire signed [TOP_W-1:0] high = TOP_W'(sum_q);
              (* keep *) wire [TOP_W:0] added;  // sums of more than two would become carry-save adders
              assign added = {low, carry_q} + {high, carry_q};
              assign total[m] = P_W'($signed({added[TOP_W:1], total[m-1][AT-1:0]}));
            end
          end
        end
        always_ff @(posedge clk) p_q <= total[PAIRS-1];
      end
    end
  endgenerate
endmodule
