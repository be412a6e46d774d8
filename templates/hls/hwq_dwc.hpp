// Width converter: beats of IN_N lanes to beats of OUT_N lanes, pixel by pixel of CHANNELS channels (rule T3).
//
// The last beat of a pixel may be partly filled; its other lanes are don't care. The wider side is a multiple of the
// narrower one, or holds the whole pixel.
#pragma once

#include "hwq_types.hpp"

namespace hwq {

struct dwc_defaults {};

template <class P, class T, int N, int M>
void dwc(Stream<T, N>& in, Stream<T, M>& out) {
  constexpr int IN_BEATS = ceil_div(P::CHANNELS, N), OUT_BEATS = ceil_div(P::CHANNELS, M);
  constexpr bool UP = IN_BEATS > OUT_BEATS;
  constexpr int NARROW = UP ? N : M;                              // lanes of the narrower side
  constexpr int BEATS = UP ? IN_BEATS : OUT_BEATS;                // its beats of a pixel
  constexpr int PARTS = smaller(ceil_div(UP ? M : N, NARROW), BEATS);  // those of a beat of the wider side
  Beat<T, N> x{};
  Beat<T, M> y{};
  for (int pixel = 0; pixel < P::TURNS; ++pixel) {
    int part = 0;
    for (int beat = 0; beat < BEATS; ++beat) {
      HWQ_PIPELINE
      if (UP || part == 0) x = in.read();
      for (int lane = 0; lane < NARROW; ++lane) {
        HWQ_UNROLL
        const int wide = part * NARROW + lane;
        if (UP && wide < M) y.lane[smaller(wide, M - 1)] = x.lane[smaller(lane, N - 1)];
        if (!UP && wide < N) y.lane[smaller(lane, M - 1)] = x.lane[smaller(wide, N - 1)];
      }
      const bool last = part == PARTS - 1 || beat == BEATS - 1;
      part = last ? 0 : part + 1;
      if (!UP || last) out.write(y);
    }
  }
}

}  // namespace hwq
