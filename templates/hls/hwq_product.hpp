// Product of two streams, lane by lane (rules A2, R1): y = requantise((a - ZERO_A) * (b - ZERO_B)).
#pragma once

#include "hwq_lanes.hpp"

namespace hwq {

struct product_defaults : requant_defaults {};

template <class P, class A, class B, class Y, int L>
void product(Stream<A, L>& in_a, Stream<B, L>& in_b, Stream<Y, L>& out) {
  each_pair<P::TURNS>(in_a, in_b, out, [](const A& a, const B& b) {
    return requantise<P, Y>((a - A(P::ZERO_A)) * (b - B(P::ZERO_B)), P::MUL);
  });
}

}  // namespace hwq
