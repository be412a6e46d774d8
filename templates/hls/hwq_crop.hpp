// A frame with beats left out (rule C3): beat t of step s stays where `steps` and `beats` both say so.
#pragma once

#include "hwq_types.hpp"

namespace hwq {

struct crop_defaults {};

template <class P, class T, int L, int M, class Steps, class Beats>
void crop(Stream<T, L>& in, Stream<T, M>& out, const Steps& steps, const Beats& beats) {
  for (int block = 0; block < P::TURNS; ++block) {
    for (int step = 0; step < P::STEPS; ++step) {
      for (int beat = 0; beat < P::BEATS; ++beat) {
        HWQ_PIPELINE
        const Beat<T, L> x = in.read();
        Beat<T, M> y;
        for (int lane = 0; lane < M; ++lane) {
          HWQ_UNROLL
          y.lane[lane] = x.lane[lane];
        }
        if (steps[step][0] != 0 && beats[beat][0] != 0) out.write(y);
      }
    }
  }
}

}  // namespace hwq
