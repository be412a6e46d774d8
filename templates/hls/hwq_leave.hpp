// The way out of a MAC array: done sums, PE at once, are requantised and leave RQ at a time (rule R1).
//
// A pixel is ceil(CHANNELS / RQ) beats; lanes past CHANNELS are don't care. word(beat, lane) is that of a multiplier.
#pragma once

#include "hwq_requant.hpp"

namespace hwq {

template <class P, int PIXELS, int CHANNELS, class Acc, int PE, class Y, int RQ, class Word>
void leave(Stream<Acc, PE>& sums, Stream<Y, RQ>& out, const Word& word) {
  constexpr int GROUP = PE / RQ, BEATS = ceil_div(CHANNELS, RQ);
  Beat<Acc, PE> acc;
  for (int pixel = 0; pixel < PIXELS; ++pixel) {
    int part = 0;  // of a fold
    for (int beat = 0; beat < BEATS; ++beat) {
      HWQ_PIPELINE
      if (part == 0) acc = sums.read();
      Beat<Y, RQ> y;
      for (int lane = 0; lane < RQ; ++lane) {
        HWQ_UNROLL
        const Int<P::ACC_W> sum = acc.lane[part * RQ + lane];
        y.lane[lane] = requantise<P, Y>(sum, word(beat, lane));
      }
      out.write(y);
      part = part + 1 == GROUP ? 0 : part + 1;
    }
  }
}

}  // namespace hwq
