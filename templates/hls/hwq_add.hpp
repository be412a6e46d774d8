// Sum of two streams, lane by lane (rules A1, R1): y = requantise(a * MA + b * MB + BIAS).
#pragma once

#include "hwq_requant.hpp"

namespace hwq {

struct add_defaults : requant_defaults {};

template <class P, class A, class B, class Y, int L>
void add(Stream<A, L>& in_a, Stream<B, L>& in_b, Stream<Y, L>& out) {
  const Int<signed_bits(P::MA)> factor_a = P::MA;
  const Int<signed_bits(P::MB)> factor_b = P::MB;
  const Int<signed_bits(P::BIAS)> bias = P::BIAS;
  for (int turn = 0; turn < P::TURNS; ++turn) {
    HWQ_PIPELINE
    const Beat<A, L> a = in_a.read();
    const Beat<B, L> b = in_b.read();
    Beat<Y, L> y;
    for (int lane = 0; lane < L; ++lane) {
      HWQ_UNROLL
      const auto acc = a.lane[lane] * factor_a + b.lane[lane] * factor_b + bias;
      y.lane[lane] = requantise<P, Y>(acc, 1);
    }
    out.write(y);
  }
}

}  // namespace hwq
