// Sum of two streams, lane by lane (rules A1, R1): y = requantise(a * MA + b * MB + BIAS).
#pragma once

#include "hwq_lanes.hpp"

namespace hwq {

struct add_defaults : requant_defaults {};

template <class P, class A, class B, class Y, int L>
void add(Stream<A, L>& in_a, Stream<B, L>& in_b, Stream<Y, L>& out) {
  each_pair<P::TURNS>(in_a, in_b, out, [](const A& a, const B& b) {
    const Int<signed_bits(P::MA)> factor_a = P::MA;
    const Int<signed_bits(P::MB)> factor_b = P::MB;
    const Int<signed_bits(P::BIAS)> bias = P::BIAS;
    return requantise<P, Y>(a * factor_a + b * factor_b + bias, 1);
  });
}

}  // namespace hwq
