// The larger or the smaller of two streams, lane by lane (rule A4).
#pragma once

#include "hwq_types.hpp"

namespace hwq {

struct extremum_defaults {};

template <class P, class T, int L>
void extremum(Stream<T, L>& in_a, Stream<T, L>& in_b, Stream<T, L>& out) {
  for (int turn = 0; turn < P::TURNS; ++turn) {
    HWQ_PIPELINE
    Beat<T, L> y = in_a.read();
    const Beat<T, L> b = in_b.read();
    for (int lane = 0; lane < L; ++lane) {
      HWQ_UNROLL
      if ((b.lane[lane] > y.lane[lane]) == bool(P::LARGEST)) y.lane[lane] = b.lane[lane];
    }
    out.write(y);
  }
}

}  // namespace hwq
