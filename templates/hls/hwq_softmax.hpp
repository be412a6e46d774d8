// Softmax over the CHANNELS channels of each pixel (rule N1):
//   e[c] = the table at (max - x[c]) / 2^STEP, between its entries along straight lines
//   r    = floor(2^RECIP_W / sum of e),  n = RECIP_W - OUT_W
//   y[c] = min(floor((e[c] * r + 2^(n-1)) / 2^n), 2^OUT_W - 1)
//
//   exps  ENTRIES words {entry, entry - next entry}, with STEP = 0 the entries alone. A distance beyond them reads the
//         last one
#pragma once

#include "hwq_requant.hpp"

namespace hwq {

struct softmax_defaults {};

template <class P, class Exps>
UInt<16> exponential(int distance, const Exps& exps) {
  HWQ_INLINE
  const int place = smaller(distance >> P::STEP, P::ENTRIES - 1);
  const int entry = exps[place][0];
  if constexpr (P::STEP == 0) {
    return entry;
  } else {
    const Int<17> drop = exps[place][1];
    const UInt<P::STEP> fraction = distance & ((1 << P::STEP) - 1);
    const Int<17 + P::STEP + 2> half = 1 << (P::STEP - 1);
    return entry + (Int<17 + P::STEP + 3>(half - drop * fraction) >> P::STEP).to_int();
  }
}

// floor(2^RECIP_W / sum) for a sum of at least 2^15, a bit a cycle.
template <int RECIP_W, int SUM_W>
UInt<RECIP_W - 14> reciprocal(const UInt<SUM_W>& sum) {
  UInt<RECIP_W - 14> quotient = 0;
  Int<SUM_W + 2> rest = 1 << 14;
  for (int step = 14; step < RECIP_W; ++step) {
    HWQ_PIPELINE
    rest = rest << 1;
    const bool fits = rest >= sum;
    if (fits) rest = rest - sum;
    quotient = (quotient << 1) + UInt<1>(fits);
  }
  return quotient;
}

template <class P, class X, class Y, int L, class Exps>
void softmax(Stream<X, L>& in, Stream<Y, L>& out, const Exps& exps) {
  constexpr int BEATS = ceil_div(P::CHANNELS, L), SUM_W = 16 + log2_up(P::CHANNELS + 1);
  Beat<X, L> held[BEATS];
  Beat<UInt<16>, L> shares[BEATS];
  for (int pixel = 0; pixel < P::TURNS; ++pixel) {
    int largest = 0;
    for (int beat = 0; beat < BEATS; ++beat) {
      HWQ_PIPELINE
      held[beat] = in.read();
      for (int lane = 0; lane < L; ++lane) {
        HWQ_UNROLL
        const int x = held[beat].lane[lane].to_int();
        const int channel = beat * L + lane;
        if (channel == 0 || (channel < P::CHANNELS && x > largest)) largest = x;
      }
    }
    UInt<SUM_W> sum = 0;
    for (int beat = 0; beat < BEATS; ++beat) {
      HWQ_PIPELINE
      for (int lane = 0; lane < L; ++lane) {
        HWQ_UNROLL
        if (beat * L + lane >= P::CHANNELS) continue;
        const UInt<16> e = exponential<P>(largest - held[beat].lane[lane].to_int(), exps);
        shares[beat].lane[lane] = e;
        sum += e;
      }
    }
    const auto r = reciprocal<P::RECIP_W>(sum);
    for (int beat = 0; beat < BEATS; ++beat) {
      HWQ_PIPELINE
      Beat<Y, L> y{};
      for (int lane = 0; lane < L; ++lane) {
        HWQ_UNROLL
        if (beat * L + lane >= P::CHANNELS) continue;
        const Int<P::RECIP_W + 4> part = shares[beat].lane[lane] * r;
        constexpr int MOST = (1 << Y::width) - 1;
        y.lane[lane] = Rounding<P::RECIP_W - Y::width, 1, 0, 0, MOST>::template apply<Y>(part);
      }
      out.write(y);
    }
  }
}

}  // namespace hwq
