// A function of one value, by table (rule F1). With u = x less the lowest value of its type, i = floor(u / 2^STEP) and
// f = u mod 2^STEP: y = clamp(floor((entry[i] * 2^STEP + delta[i] * f + half) / 2^(STEP + FRACTION)))
//
//   entries  word i: entry, and with STEP > 0 what the next one is more. Tables of one memory follow each other
#pragma once

#include "hwq_requant.hpp"

namespace hwq {

template <int STEP_, int FRACTION_, int ENTRY_W_, int DELTA_W_>
struct Curve {
  static constexpr int STEP = STEP_, FRACTION = FRACTION_, ENTRY_W = ENTRY_W_, DELTA_W = DELTA_W_;
};

// The function `which` of those in `entries`, at x.
template <class C, class Y, class X, class Entries>
Y interpolate(const X& x, const Entries& entries, int which = 0) {
  HWQ_INLINE
  constexpr int LOW = lowest<X>, WORDS = 1 << (X::width - C::STEP);
  constexpr int QMIN = lowest<Y>, QMAX = QMIN + (1 << Y::width) - 1;
  const int u = x.to_int() - LOW;
  const int word = which * WORDS + (u >> C::STEP);
  const Int<C::ENTRY_W> entry = entries[word][0];
  Int<C::ENTRY_W + C::STEP + 1> sum = Int<C::ENTRY_W + C::STEP + 1>(entry) << C::STEP;
  if constexpr (C::STEP > 0) {
    const Int<C::DELTA_W> delta = entries[word][1];
    sum += delta * UInt<C::STEP>(u & ((1 << C::STEP) - 1));
  }
  return Rounding<C::STEP + C::FRACTION, 1, 0, QMIN, QMAX>::template apply<Y>(sum);
}

}  // namespace hwq
