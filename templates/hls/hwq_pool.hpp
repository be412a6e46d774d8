// Pooling: of TAPS beats the largest of each lane (rules P1, P3), or their requantised sum (rules P2, R1).
#pragma once

#include "hwq_requant.hpp"

namespace hwq {

struct pool_defaults : requant_defaults {
  static constexpr long long BIAS = 0;
  static constexpr int MUL = 1, ACC_W = 2, SHIFT = 0, ROUND = 0, ZERO = 0, QMIN = 0, QMAX = 0;
};

template <class P, class X, class Y, int L>
void pool(Stream<X, L>& in, Stream<Y, L>& out) {
  Sum<P::ACC_W> acc[L];
  HWQ_REGISTERS(acc)
  Beat<Y, L> y;
  for (int turn = 0; turn < P::TURNS; ++turn) {
    for (int tap = 0; tap < P::TAPS; ++tap) {
      HWQ_PIPELINE
      const Beat<X, L> x = in.read();
      for (int lane = 0; lane < L; ++lane) {
        HWQ_UNROLL
        if constexpr (P::MAX) {
          if (tap == 0 || x.lane[lane] > y.lane[lane]) y.lane[lane] = x.lane[lane];
        } else {
          if (tap == 0) acc[lane] = P::BIAS;
          acc[lane] += x.lane[lane];
          if (tap == P::TAPS - 1) y.lane[lane] = requantise<P, Y>(Int<P::ACC_W>(acc[lane]), P::MUL);
        }
      }
      if (tap == P::TAPS - 1) out.write(y);
    }
  }
}

}  // namespace hwq
