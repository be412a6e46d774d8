// LSTM over the STEPS pixels of a frame (rules S2, S3). From the pre-activations i, o, f, g and the cell state of a unit:
//   c = requantise(sigmoid(f) * c * 2^CELL_SA + sigmoid(i) * tanh(g) * 2^CELL_SB)
//   h = requantise(sigmoid(o) * celltanh(c))
//
//   beats   4 * UNITS rows a pixel in, i, o, f, g of unit 0, of unit 1, ..; UNITS units a pixel out
//   curve   sigmoid, then tanh, over the P_W bits of a pre-activation; cell_curve: celltanh, over CELL_W bits
#pragma once

#include "hwq_recur.hpp"

namespace hwq {

struct lstm_defaults {};

template <class P, class X, class Y, class Weights, class Biases, class Rows, class Entries, class CellEntries>
void lstm(Stream<X, 1>& in, Stream<Y, 1>& out, const Weights& weights, const Biases& biases, const Rows& rows,
          const Entries& curve, const CellEntries& cell_curve) {
  constexpr int ROWS = 4 * P::UNITS, NF = ceil_div(ROWS, P::PE);
  using F = Curve<P::CURVE_STEP, P::CURVE_FRACTION, P::CURVE_ENTRY_W, P::CURVE_DELTA_W>;
  using G = Curve<P::TANH_STEP, P::TANH_FRACTION, P::TANH_ENTRY_W, P::TANH_DELTA_W>;
  using CellRounding = Rounding<P::CELL_SHIFT, P::CELL_ROUND, P::CELL_ZERO, P::CELL_QMIN, P::CELL_QMAX>;
  using StateRounding = Rounding<P::SHIFT, P::ROUND, P::ZERO, P::QMIN, P::QMAX>;
  using Cell = Int<P::CELL_W>;
  using Activation = typename Value<P::CURVE_W, P::CURVE_SIGNED>::type;
  using CellActivation = typename Value<P::TANH_W, P::TANH_SIGNED>::type;
  Y state[P::UNITS], next[P::UNITS];
  Cell cells[P::UNITS];
  for (int unit = 0; unit < P::UNITS; ++unit) {
    state[unit] = 0;
    cells[unit] = 0;
  }
  Activation gates[3];  // i, o, f of a unit
  HWQ_REGISTERS(gates)
  for (int step = 0; step < P::STEPS; ++step) {
    for (int nf = 0; nf < NF; ++nf) {
      const auto sums = fold_sums<P>(nf, state, weights, biases);
      for (int p = 0; p < P::PE; ++p) {
        HWQ_PIPELINE
        const int row = nf * P::PE + p, unit = row / 4, gate = row % 4;
        if (row >= ROWS) continue;
        const auto act = pre_activation<P>(sums.lane[p], in.read().lane[0], row, rows);
        const Activation value = interpolate<F, Activation>(act, curve, gate == 3);
        if (gate < 3) {
          gates[gate] = value;
          continue;
        }
        const Cell cell = blend<CellRounding, Cell, P::CELL_SA, P::CELL_SB>(gates[2], cells[unit], gates[0], value);
        cells[unit] = cell;
        Beat<Y, 1> h;
        h.lane[0] = blend<StateRounding, Y, 0>(gates[1], interpolate<G, CellActivation>(cell, cell_curve));
        next[unit] = h.lane[0];
        out.write(h);
      }
    }
    for (int unit = 0; unit < P::UNITS; ++unit) state[unit] = next[unit];
  }
}

}  // namespace hwq
