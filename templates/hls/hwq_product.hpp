// Product of two streams, lane by lane (rules A2, R1): y = requantise((a - ZERO_A) * (b - ZERO_B)).
#pragma once

#include "hwq_requant.hpp"

namespace hwq {

struct product_defaults : requant_defaults {};

template <class P, class A, class B, class Y, int L>
void product(Stream<A, L>& in_a, Stream<B, L>& in_b, Stream<Y, L>& out) {
  const A zero_a = P::ZERO_A;
  const B zero_b = P::ZERO_B;
  for (int turn = 0; turn < P::TURNS; ++turn) {
    HWQ_PIPELINE
    const Beat<A, L> a = in_a.read();
    const Beat<B, L> b = in_b.read();
    Beat<Y, L> y;
    for (int lane = 0; lane < L; ++lane) {
      HWQ_UNROLL
      const auto acc = (a.lane[lane] - zero_a) * (b.lane[lane] - zero_b);
      y.lane[lane] = requantise<P, Y>(Int<decltype(acc)::width>(acc), P::MUL);
    }
    out.write(y);
  }
}

}  // namespace hwq
