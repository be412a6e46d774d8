// Zero mean and unit variance over the C = CHANNELS channels of each pixel (rule N2):
//   d[c] = C * x[c] - (sum of x),  V = (sum of d^2) + EPS,  j the least integer with V < 4^j
//   R    = the entry for the upper INDEX_W + 2 bits of V / 4^j
//   y[c] = clamp(floor(d[c] * R / 2^(j + FRACTION) + 1/2), QMIN, QMAX)
//
//   roots  3 * 2^INDEX_W entries of 16 bits, unsigned
#pragma once

#include "hwq_requant.hpp"

namespace hwq {

struct normalise_defaults {};

template <class P, class X, class Y, int L, class Roots>
void normalise(Stream<X, L>& in, Stream<Y, L>& out, const Roots& roots) {
  constexpr int BEATS = ceil_div(P::CHANNELS, L), COUNT_W = log2_up(P::CHANNELS + 1) + 1;
  constexpr int PAIRS = 30;  // V < 4^30
  using Difference = Int<PAIRS + 1>;
  const Int<COUNT_W> count = P::CHANNELS;
  Beat<X, L> held[BEATS];
  Beat<Difference, L> differences[BEATS];
  for (int pixel = 0; pixel < P::TURNS; ++pixel) {
    Int<X::width + COUNT_W + 1> sum = 0;
    for (int beat = 0; beat < BEATS; ++beat) {
      HWQ_PIPELINE
      held[beat] = in.read();
      for (int lane = 0; lane < L; ++lane) {
        HWQ_UNROLL
        if (beat * L + lane < P::CHANNELS) sum += held[beat].lane[lane];
      }
    }
    Int<2 * PAIRS + 2> power = P::EPS;
    for (int beat = 0; beat < BEATS; ++beat) {
      HWQ_PIPELINE
      for (int lane = 0; lane < L; ++lane) {
        HWQ_UNROLL
        if (beat * L + lane >= P::CHANNELS) continue;
        const Difference d = count * held[beat].lane[lane] - sum;
        differences[beat].lane[lane] = d;
        power += d * d;
      }
    }
    int j = 0;
    for (int pair = 0; pair < PAIRS; ++pair) {
      HWQ_UNROLL
      if (power[2 * pair] || power[2 * pair + 1]) j = pair + 1;
    }
    constexpr int ADDRESS_W = P::INDEX_W + 2;
    const int place = 2 * j > ADDRESS_W ? (power >> (2 * j - ADDRESS_W)).to_int()
                                        : (power << (ADDRESS_W - 2 * j)).to_int();
    const Int<17> root = roots[place - (1 << P::INDEX_W)][0];
    for (int beat = 0; beat < BEATS; ++beat) {
      HWQ_PIPELINE
      Beat<Y, L> y{};
      for (int lane = 0; lane < L; ++lane) {
        HWQ_UNROLL
        if (beat * L + lane >= P::CHANNELS) continue;
        const Difference scaled = differences[beat].lane[lane] << (PAIRS - j);
        y.lane[lane] = Rounding<PAIRS + P::FRACTION, 1, 0, P::QMIN, P::QMAX>::template apply<Y>(scaled * root);
      }
      out.write(y);
    }
  }
}

}  // namespace hwq
