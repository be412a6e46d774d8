// Thresholds, lane by lane (rule B1): y = LOW + the number of the N thresholds of its channel that are not above x.
//
//   thresholds  threshold k of lane l at l*N + k, in word b for beat b of a pixel; one word of N without BY_CHANNEL
#pragma once

#include "hwq_types.hpp"

namespace hwq {

struct threshold_defaults {};

template <class P, class X, class Y, int L, class Thresholds>
void threshold(Stream<X, L>& in, Stream<Y, L>& out, const Thresholds& thresholds) {
  constexpr int BEATS = ceil_div(P::CHANNELS, L);
  for (int pixel = 0; pixel < P::TURNS; ++pixel) {
    for (int beat = 0; beat < BEATS; ++beat) {
      HWQ_PIPELINE
      const Beat<X, L> x = in.read();
      Beat<Y, L> y;
      for (int lane = 0; lane < L; ++lane) {
        HWQ_UNROLL
        int count = 0;
        for (int k = 0; k < P::N; ++k) {
          HWQ_UNROLL
          const Int<X::width + 2> t = thresholds[P::BY_CHANNEL ? beat : 0][(P::BY_CHANNEL ? lane * P::N : 0) + k];
          count += x.lane[lane] >= t;
        }
        y.lane[lane] = P::LOW + count;
      }
      out.write(y);
    }
  }
}

}  // namespace hwq
