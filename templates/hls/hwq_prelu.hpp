// Two slopes, lane by lane (rules A3, R1): with d = x + BIAS, y = requantise(d * (d < 0 ? negative : POSITIVE)).
//
//   negatives  word of each beat of a pixel, with BY_CHANNEL; else the factor is NEGATIVE
#pragma once

#include "hwq_requant.hpp"

namespace hwq {

struct prelu_defaults : requant_defaults {
  static constexpr int BY_CHANNEL = 0, NEGATIVE = 0;
};

template <class P, class X, class Y, int L, class Negatives>
void prelu(Stream<X, L>& in, Stream<Y, L>& out, const Negatives& negatives) {
  constexpr int BEATS = ceil_div(P::CHANNELS, L);
  using Factor = Int<P::FACTOR_W>;
  for (int pixel = 0; pixel < P::TURNS; ++pixel) {
    for (int beat = 0; beat < BEATS; ++beat) {
      HWQ_PIPELINE
      const Beat<X, L> x = in.read();
      Beat<Y, L> y;
      for (int lane = 0; lane < L; ++lane) {
        HWQ_UNROLL
        const Int<P::D_W> d = x.lane[lane] + Int<signed_bits(P::BIAS)>(P::BIAS);
        Factor factor = P::POSITIVE;
        if (d < Int<2>(0)) factor = P::BY_CHANNEL ? Factor(negatives[P::BY_CHANNEL ? beat : 0][P::BY_CHANNEL ? lane : 0])
                                                  : Factor(P::NEGATIVE);
        y.lane[lane] = requantise<P, Y>(Int<P::D_W + P::FACTOR_W>(d * factor), 1);
      }
      out.write(y);
    }
  }
}

}  // namespace hwq
