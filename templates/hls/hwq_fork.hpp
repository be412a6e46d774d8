// Each beat once to each of the outputs.
#pragma once

#include "hwq_types.hpp"

namespace hwq {

struct fork_defaults {};

template <class P, class T, int L, class... Outputs>
void fork(Stream<T, L>& in, Outputs&... outputs) {
  for (int beat = 0; beat < P::TURNS; ++beat) {
    HWQ_PIPELINE
    const Beat<T, L> x = in.read();
    (outputs.write(x), ...);
  }
}

}  // namespace hwq
