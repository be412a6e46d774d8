// Index of the largest channel of each pixel; of equal ones, the lowest (rule M1).
#pragma once

#include "hwq_types.hpp"

namespace hwq {

struct argmax_defaults {};

template <class P, class X, int L, class Y>
void argmax(Stream<X, L>& in, Stream<Y, 1>& out) {
  constexpr int BEATS = ceil_div(P::CHANNELS, L);
  X largest = 0;
  Beat<Y, 1> index{};
  for (int pixel = 0; pixel < P::TURNS; ++pixel) {
    for (int beat = 0; beat < BEATS; ++beat) {
      HWQ_PIPELINE
      const Beat<X, L> x = in.read();
      for (int lane = 0; lane < L; ++lane) {
        HWQ_UNROLL
        const int channel = beat * L + lane;
        if (channel == 0 || (channel < P::CHANNELS && x.lane[lane] > largest)) {
          largest = x.lane[lane];
          index.lane[0] = channel;
        }
      }
      if (beat == BEATS - 1) out.write(index);
    }
  }
}

}  // namespace hwq
