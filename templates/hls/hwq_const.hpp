// The same frame again and again, from a memory (rule C2).
#pragma once

#include "hwq_types.hpp"

namespace hwq {

struct constant_defaults {};

template <class P, class T, int L, class Values>
void constant(Stream<T, L>& out, const Values& values) {
  for (int beat = 0; beat < P::BEATS; ++beat) {
    HWQ_PIPELINE
    Beat<T, L> y;
    for (int lane = 0; lane < L; ++lane) {
      HWQ_UNROLL
      y.lane[lane] = values[beat][lane];
    }
    out.write(y);
  }
}

}  // namespace hwq
