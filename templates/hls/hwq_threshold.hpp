// Thresholds, lane by lane (rule B1): y = LOW + the number of the N thresholds of its channel that are not above x.
//
//   thresholds  threshold k of lane l at l*N + k, in word b for beat b of a pixel; one word of N without BY_CHANNEL
#pragma once

#include "hwq_lanes.hpp"

namespace hwq {

struct threshold_defaults {};

template <class P, class X, class Y, int L, class Thresholds>
void threshold(Stream<X, L>& in, Stream<Y, L>& out, const Thresholds& thresholds) {
  each_lane<P::TURNS, ceil_div(P::CHANNELS, L)>(in, out, [&thresholds](const X& x, int beat, int lane) {
    int count = P::LOW;
    for (int k = 0; k < P::N; ++k) {
      HWQ_UNROLL
      const Int<X::width + 2> t = thresholds[P::BY_CHANNEL * beat][P::BY_CHANNEL * lane * P::N + k];
      count += x >= t;
    }
    return Y(count);
  });
}

}  // namespace hwq
