// Plain recurrent layer over the STEPS pixels of a frame (rules S2, S5): h = curve(p) (hwq_recur.hpp).
//
//   beats   UNITS rows a pixel in, UNITS units a pixel out
//   curve   over the P_W bits of a pre-activation (hwq_interpolate.hpp)
#pragma once

#include "hwq_recur.hpp"

namespace hwq {

struct rnn_defaults {};

template <class P, class X, class Y, class Weights, class Biases, class Rows, class Entries>
void rnn(Stream<X, 1>& in, Stream<Y, 1>& out, const Weights& weights, const Biases& biases, const Rows& rows,
         const Entries& curve) {
  constexpr int NF = ceil_div(P::UNITS, P::PE);
  using F = Curve<P::CURVE_STEP, P::CURVE_FRACTION, P::CURVE_ENTRY_W, P::CURVE_DELTA_W>;
  Y state[P::UNITS], next[P::UNITS];
  for (int unit = 0; unit < P::UNITS; ++unit) state[unit] = 0;
  for (int step = 0; step < P::STEPS; ++step) {
    for (int nf = 0; nf < NF; ++nf) {
      const auto sums = fold_sums<P>(nf, state, weights, biases);
      for (int p = 0; p < P::PE; ++p) {
        HWQ_PIPELINE
        const int row = nf * P::PE + p;
        if (row >= P::UNITS) continue;
        const auto act = pre_activation<P>(sums.lane[p], in.read().lane[0], row, rows);
        Beat<Y, 1> h;
        h.lane[0] = interpolate<F, Y>(act, curve);
        next[row] = h.lane[0];
        out.write(h);
      }
    }
    for (int unit = 0; unit < P::UNITS; ++unit) state[unit] = next[unit];
  }
}

}  // namespace hwq
