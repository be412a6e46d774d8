// Matrix-vector engine (rules L1, L5, L6, R1): y[n] = requantise(bias[n] + sum over k of w[n][k] * x[k]).
//
// PE outputs at once, SIMD products each: NF folds of SF beats, the last fold maybe partial.
//   beats in   for each pixel, for nf < NF, for sf < SF. Lane s feeds product s of each PE; DEPTHWISE: lane s*PE + p
//              feeds product s of PE p. HOLD: a beat is kept for all NF folds
//   beats out  ceil(CHANNELS / RQ) a pixel, RQ lanes each; lanes past CHANNELS are don't care
//   weights    word nf*SF + sf, PE p, product s at p*SIMD + s: the weight; with ENTRIES its place in the tables; with
//              TERMS signs and magnitudes of powers of two; BINARY: 0 for -1, 1 for 1
//   tables     word nf, or one word for all: entry k of PE p at p*ENTRIES + k
//   biases     word nf; BINARY: bias + number of weights that are 1, as a XOR of weight and input counts as -1
//   muls       word of each beat out (hwq_requant.hpp)
//   LOGIC      products from LUTs
#pragma once

#include "hwq_leave.hpp"

namespace hwq {

struct mvau_defaults : requant_defaults {
  static constexpr int CODE_W = 0, ENTRIES = 0, CHANNEL_TABLES = 0, TERMS = 0, BINARY = 0, LOGIC = 0, PACK = 1;
  static constexpr int GROUPS = 1, IN = 1, LIVE = 1, DEPTHWISE = 0, HOLD = 0;
};

// x times a sum of signed powers of two, of which `code` has the signs and exponents (rule L6).
template <class P, class X>
Int<X::width + P::WGT_W + 1> shifted(const X& x, int code) {
  HWQ_INLINE
  constexpr int TERM_W = P::CODE_W / P::TERMS, SIGN = 1 << (TERM_W - 1);
  using Product = Int<X::width + P::WGT_W + 1>;
  Product sum = 0;
  for (int place = 0; place < P::TERMS; ++place) {
    HWQ_UNROLL
    const int part = (code >> (place * TERM_W)) & (2 * SIGN - 1);
    const int magnitude = part & (SIGN - 1);
    if (magnitude == 0) continue;
    const Product power = Product(x) << (magnitude - 1);
    sum = part & SIGN ? Product(sum - power) : Product(sum + power);
  }
  return sum;
}

// What the product of PE p with x adds to its sum.
template <class P, class X, class Tables>
Int<X::width + P::WGT_W + 1> term(const X& x, int code, const Tables& tables, int nf, int p) {
  HWQ_INLINE
  if constexpr (P::BINARY) {
    return code != x.to_int() ? -1 : 0;
  } else if constexpr (P::TERMS > 0) {
    return shifted<P>(x, code);
  } else if constexpr (P::ENTRIES > 0) {
    const Int<P::WGT_W> weight = tables[P::CHANNEL_TABLES ? nf : 0][(P::CHANNEL_TABLES ? p * P::ENTRIES : 0) + code];
    return weight * x;
  } else {
    const Int<P::WGT_W> weight = code;
    return weight * x;
  }
}

// All sums of each fold.
template <class P, class X, int L, class Weights, class Tables, class Biases>
void macs(Stream<X, L>& in, Stream<Sum<P::ACC_W>, P::PE>& sums, const Weights& weights, const Tables& tables,
          const Biases& biases) {
  static_assert(L == (P::DEPTHWISE ? P::PE : 1) * P::SIMD, "a beat in feeds all products");
  Beat<X, L> x;
  Beat<Sum<P::ACC_W>, P::PE> acc;
  for (int pixel = 0; pixel < P::TURNS; ++pixel) {
    for (int nf = 0; nf < P::NF; ++nf) {
      for (int sf = 0; sf < P::SF; ++sf) {
        HWQ_PIPELINE
        if (!P::HOLD || nf == 0) x = in.read();
        if constexpr (P::BINARY && P::LIVE < P::IN) {  // a XOR with what is don't care would count
          for (int lane = 0; lane < L; ++lane) {
            HWQ_UNROLL
            if (sf % P::GROUPS == P::GROUPS - 1 && lane % P::IN >= P::LIVE) x.lane[lane] = 0;
          }
        }
        for (int p = 0; p < P::PE; ++p) {
          HWQ_UNROLL
          Sum<P::ACC_W> sum = sf == 0 ? Sum<P::ACC_W>(biases[nf][p]) : acc.lane[p];
          for (int s = 0; s < P::SIMD; ++s) {
            HWQ_UNROLL
            const X& lane = x.lane[P::DEPTHWISE ? s * P::PE + p : s];
            sum += term<P>(lane, weights[nf * P::SF + sf][p * P::SIMD + s], tables, nf, p);
          }
          acc.lane[p] = sum;
        }
        if (sf == P::SF - 1) sums.write(acc);
      }
    }
  }
}

template <class P, class X, int L, class Y, int RQ, class Weights, class Tables, class Biases, class Muls>
void mvau(Stream<X, L>& in, Stream<Y, RQ>& out, const Weights& weights, const Tables& tables, const Biases& biases,
          const Muls& muls) {
  HWQ_DATAFLOW
  Stream<Sum<P::ACC_W>, P::PE> sums(HWQ_NAME("sums"));
  macs<P>(in, sums, weights, tables, biases);
  const auto word = [&muls](int beat, int lane) { return P::MUL_EN ? muls[P::MUL_EN * beat][P::MUL_EN * lane] : 1; };
  leave<P, P::TURNS, P::CHANNELS>(sums, out, word);
}

}  // namespace hwq
