// A function of one value, by table, on each lane of a stream (hwq_interpolate.hpp).
#pragma once

#include "hwq_interpolate.hpp"

namespace hwq {

struct table_defaults {};

template <class P, class X, class Y, int L, class Entries>
void table(Stream<X, L>& in, Stream<Y, L>& out, const Entries& entries) {
  for (int turn = 0; turn < P::TURNS; ++turn) {
    HWQ_PIPELINE
    const Beat<X, L> x = in.read();
    Beat<Y, L> y;
    for (int lane = 0; lane < L; ++lane) {
      HWQ_UNROLL
      y.lane[lane] = interpolate<Curve<P::STEP, P::FRACTION, P::ENTRY_W, P::DELTA_W>, Y>(x.lane[lane], entries);
    }
    out.write(y);
  }
}

}  // namespace hwq
