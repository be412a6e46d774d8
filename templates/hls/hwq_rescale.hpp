// Another scale, lane by lane (rules S1, R1): y = requantise(x + BIAS).
#pragma once

#include "hwq_lanes.hpp"

namespace hwq {

struct rescale_defaults : requant_defaults {};

template <class P, class X, class Y, int L>
void rescale(Stream<X, L>& in, Stream<Y, L>& out) {
  each_lane<P::TURNS, 1>(in, out, [](const X& x, int, int) {
    const Int<P::ACC_W> acc = x + Int<signed_bits(P::BIAS)>(P::BIAS);
    return requantise<P, Y>(acc, P::MUL);
  });
}

}  // namespace hwq
