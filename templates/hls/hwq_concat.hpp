// N streams to one: COUNTS[i] beats of input i, one input after the other, for TURNS turns (rule C1).
#pragma once

#include "hwq_types.hpp"

namespace hwq {

struct concat_defaults {};

template <class P, class T, int L, class... Inputs>
void concat(Stream<T, L>& out, Inputs&... inputs) {
  static_assert(sizeof...(Inputs) == P::N, "a count for each input");
  for (int turn = 0; turn < P::TURNS; ++turn) {
    const int from = turn % P::N;
    for (int beat = 0; beat < P::COUNTS[from]; ++beat) {
      HWQ_PIPELINE
      Beat<T, L> x;
      int number = 0;
      ((number++ == from ? void(x = inputs.read()) : void()), ...);
      out.write(x);
    }
  }
}

}  // namespace hwq
