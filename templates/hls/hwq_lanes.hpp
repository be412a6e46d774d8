// Kernels that work on each lane of a beat by itself.
#pragma once

#include "hwq_requant.hpp"

namespace hwq {

// y = f(x, beat, lane) for PIXELS pixels of BEATS beats.
template <int PIXELS, int BEATS, class X, class Y, int L, class F>
void each_lane(Stream<X, L>& in, Stream<Y, L>& out, const F& f) {
  for (int pixel = 0; pixel < PIXELS; ++pixel) {
    for (int beat = 0; beat < BEATS; ++beat) {
      HWQ_PIPELINE
      const Beat<X, L> x = in.read();
      Beat<Y, L> y;
      for (int lane = 0; lane < L; ++lane) {
        HWQ_UNROLL
        y.lane[lane] = f(x.lane[lane], beat, lane);
      }
      out.write(y);
    }
  }
}

// y = f(a, b) for so many beats of two streams.
template <int BEATS, class A, class B, class Y, int L, class F>
void each_pair(Stream<A, L>& in_a, Stream<B, L>& in_b, Stream<Y, L>& out, const F& f) {
  for (int beat = 0; beat < BEATS; ++beat) {
    HWQ_PIPELINE
    const Beat<A, L> a = in_a.read();
    const Beat<B, L> b = in_b.read();
    Beat<Y, L> y;
    for (int lane = 0; lane < L; ++lane) {
      HWQ_UNROLL
      y.lane[lane] = f(a.lane[lane], b.lane[lane]);
    }
    out.write(y);
  }
}

}  // namespace hwq
