// Global average pool: the requantised sum of each channel over the PIXELS pixels of a frame (rules P2, R1).
#pragma once

#include "hwq_requant.hpp"

namespace hwq {

struct gap_defaults : requant_defaults {};

template <class P, class X, class Y, int L>
void gap(Stream<X, L>& in, Stream<Y, L>& out) {
  constexpr int CF = ceil_div(P::CHANNELS, L);
  Beat<Sum<P::ACC_W>, L> acc[CF];
  for (int turn = 0; turn < P::TURNS; ++turn) {
    for (int pixel = 0; pixel < P::PIXELS; ++pixel) {
      for (int cf = 0; cf < CF; ++cf) {
        HWQ_PIPELINE
        const Beat<X, L> x = in.read();
        Beat<Sum<P::ACC_W>, L> sum = acc[cf];
        Beat<Y, L> y;
        for (int lane = 0; lane < L; ++lane) {
          HWQ_UNROLL
          if (pixel == 0) sum.lane[lane] = P::BIAS;
          sum.lane[lane] += x.lane[lane];
          if (pixel == P::PIXELS - 1) y.lane[lane] = requantise<P, Y>(Int<P::ACC_W>(sum.lane[lane]), P::MUL);
        }
        acc[cf] = sum;
        if (pixel == P::PIXELS - 1) out.write(y);
      }
    }
  }
}

}  // namespace hwq
