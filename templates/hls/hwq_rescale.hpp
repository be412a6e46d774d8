// Another scale, lane by lane (rules S1, R1): y = requantise(x + BIAS).
#pragma once

#include "hwq_requant.hpp"

namespace hwq {

struct rescale_defaults : requant_defaults {};

template <class P, class X, class Y, int L>
void rescale(Stream<X, L>& in, Stream<Y, L>& out) {
  for (int turn = 0; turn < P::TURNS; ++turn) {
    HWQ_PIPELINE
    const Beat<X, L> x = in.read();
    Beat<Y, L> y;
    for (int lane = 0; lane < L; ++lane) {
      HWQ_UNROLL
      const Int<P::ACC_W> acc = x.lane[lane] + Int<signed_bits(P::BIAS)>(P::BIAS);
      y.lane[lane] = requantise<P, Y>(acc, P::MUL);
    }
    out.write(y);
  }
}

}  // namespace hwq
