// One stream to N streams in turn: BEATS beats to each, from the first one on in every frame.
#pragma once

#include "hwq_types.hpp"

namespace hwq {

struct deal_defaults {};

template <class P, class T, int L, class... Outputs>
void deal(Stream<T, L>& in, Outputs&... outputs) {
  static_assert(sizeof...(Outputs) == P::N, "so many outputs");
  for (int turn = 0; turn < P::TURNS; ++turn) {
    for (int beat = 0; beat < P::BEATS; ++beat) {
      HWQ_PIPELINE
      const Beat<T, L> x = in.read();
      int number = 0;
      ((number++ == turn % P::N ? outputs.write(x) : void()), ...);
    }
  }
}

}  // namespace hwq
