// GRU over the STEPS pixels of a frame (rules S2, S4). From the pre-activations z, r, n of a unit and its state h:
//   h = requantise(sigmoid(z) * h * 2^SA + (one - sigmoid(z)) * tanh(n) * 2^SB),  one = 2^FRACTION
//
// Rows of n come in a second pass. They read reset(h, sigmoid(r)), or with RESET_AFTER h, and their sums are reset.
//   beats   3 * UNITS rows a pixel in, z and r of unit 0, of unit 1, .., then all n; UNITS units a pixel out
//   curve   sigmoid, then tanh, over the P_W bits of a pre-activation
#pragma once

#include "hwq_recur.hpp"

namespace hwq {

struct gru_defaults {};

template <class P, class X, class Y, class Weights, class Biases, class Rows, class Entries>
void gru(Stream<X, 1>& in, Stream<Y, 1>& out, const Weights& weights, const Biases& biases, const Rows& rows,
         const Entries& curve) {
  constexpr int GATES = 2 * P::UNITS, ROWS = 3 * P::UNITS, NF = ceil_div(ROWS, P::PE);
  using F = Curve<P::CURVE_STEP, P::CURVE_FRACTION, P::CURVE_ENTRY_W, P::CURVE_DELTA_W>;
  using StateRounding = Rounding<P::SHIFT, P::ROUND, P::ZERO, P::QMIN, P::QMAX>;
  using Activation = typename Value<P::CURVE_W, P::CURVE_SIGNED>::type;
  const Int<P::FRACTION + 2> one = 1 << P::FRACTION;
  Y state[P::UNITS], next[P::UNITS], vector[P::UNITS];
  Activation update[P::UNITS], resets[P::UNITS];
  for (int unit = 0; unit < P::UNITS; ++unit) state[unit] = 0;
  for (int step = 0; step < P::STEPS; ++step) {
    for (int unit = 0; unit < P::UNITS; ++unit) vector[unit] = state[unit];
    for (int nf = 0; nf < NF; ++nf) {
      const auto sums = fold_sums<P>(nf, vector, weights, biases);
      for (int p = 0; p < P::PE; ++p) {
        HWQ_PIPELINE
        const int row = nf * P::PE + p;
        if (row >= ROWS) continue;
        const bool candidate = row >= GATES;
        const int unit = candidate ? row - GATES : row / 2;
        Int<P::ACC_W> sum = sums.lane[p];
        if (P::RESET_AFTER && candidate) sum = reset<P::FRACTION>(sum, resets[unit]);
        const auto act = pre_activation<P>(sum, in.read().lane[0], row, rows);
        const Activation value = interpolate<F, Activation>(act, curve, candidate);
        if (!candidate) {
          if (row % 2 == 0) update[unit] = value;
          else resets[unit] = value;
          continue;
        }
        const Int<P::FRACTION + 3> rest = one - update[unit];
        Beat<Y, 1> h;
        h.lane[0] = blend<StateRounding, Y, P::SA, P::SB>(update[unit], state[unit], rest, value);
        next[unit] = h.lane[0];
        out.write(h);
      }
      if (!P::RESET_AFTER && (nf + 1) * P::PE == GATES) {
        for (int unit = 0; unit < P::UNITS; ++unit) {
          HWQ_PIPELINE
          vector[unit] = reset<P::FRACTION>(state[unit], resets[unit]);
        }
      }
    }
    for (int unit = 0; unit < P::UNITS; ++unit) state[unit] = next[unit];
  }
}

}  // namespace hwq
