// Two slopes, lane by lane (rules A3, R1): with d = x + BIAS, y = requantise(d * (d < 0 ? negative : POSITIVE)).
//
//   negatives  word of each beat of a pixel, with BY_CHANNEL; else the factor is NEGATIVE
#pragma once

#include "hwq_lanes.hpp"

namespace hwq {

struct prelu_defaults : requant_defaults {
  static constexpr int BY_CHANNEL = 0, NEGATIVE = 0;
};

template <class P, class X, class Y, int L, class Negatives>
void prelu(Stream<X, L>& in, Stream<Y, L>& out, const Negatives& negatives) {
  each_lane<P::TURNS, ceil_div(P::CHANNELS, L)>(in, out, [&negatives](const X& x, int beat, int lane) {
    const Int<P::D_W> d = x + Int<signed_bits(P::BIAS)>(P::BIAS);
    Int<P::FACTOR_W> factor = P::POSITIVE;
    if (d < Int<2>(0)) factor = P::BY_CHANNEL ? negatives[P::BY_CHANNEL * beat][P::BY_CHANNEL * lane] : P::NEGATIVE;
    return requantise<P, Y>(Int<P::D_W + P::FACTOR_W>(d * factor), 1);
  });
}

}  // namespace hwq
