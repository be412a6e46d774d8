// Requantising (rules R1, R2): y = clamp(round(acc * m / 2^SHIFT) + ZERO, QMIN, QMAX), exact, rounded once.
#pragma once

#include "hwq_types.hpp"

namespace hwq {

struct requant_defaults {
  static constexpr int MUL_EN = 0, MANT_W = 0, M_W = 1;
};

// round(x / 2^SHIFT), then + ZERO and the clamp.
template <int SHIFT, int ROUND, long long ZERO, long long QMIN, long long QMAX>
struct Rounding {
  template <class Y, class X>
  static Y apply(const X& x) {
    HWQ_INLINE
    constexpr int SUM_W = smaller(larger(X::width, SHIFT) + 2, 64);
    using Wide = Int<SUM_W>;
    Wide sum = x;
    if constexpr (SHIFT > 0 && ROUND > 0) {
      constexpr long long HALF = 1LL << (SHIFT - 1);
      const bool down = ROUND == 2 ? !sum[SHIFT] : ROUND == 3 ? sum < Wide(0) : false;
      sum += Wide(down ? HALF - 1 : HALF);
    }
    // Compared before the zero point is added, so that no width grows.
    const Wide quotient = sum >> SHIFT;
    constexpr long long LOW = QMIN - ZERO, HIGH = QMAX - ZERO;
    if (SUM_W < 34 ? quotient.to_int() < LOW : quotient.to_int64() < LOW) return Y(QMIN);
    if (SUM_W < 34 ? quotient.to_int() > HIGH : quotient.to_int64() > HIGH) return Y(QMAX);
    if constexpr (Y::width > 16) return Y(quotient.to_int64() + ZERO);
    else return Y(quotient.to_int() + int(ZERO));
  }
};

// Words of multipliers: m itself, or with MANT_W > 0 {exponent, odd part / 2}, for adders and a shifter.
template <class P, class Y, class Acc>
Y requantise(const Acc& acc, int word) {
  HWQ_INLINE
  using R = Rounding<P::SHIFT, P::ROUND, P::ZERO, P::QMIN, P::QMAX>;
  if constexpr (!P::MUL_EN) {
    return R::template apply<Y>(acc);
  } else if constexpr (P::MANT_W > 0) {
    constexpr int LOW_W = P::MANT_W - 1;  // stored bits of the odd part
    constexpr int FACTOR_W = P::MANT_W + (1 << (P::M_W - LOW_W)) - 1;
    const Int<P::MANT_W + 1> odd = 2 * (word & ((1 << LOW_W) - 1)) + 1;
    const Int<smaller(Acc::width + FACTOR_W + 1, 64)> product = acc * odd;
    return R::template apply<Y>(Int<decltype(product)::width>(product << (word >> LOW_W)));
  } else {
    const Int<smaller(Acc::width + P::M_W + 1, 64)> product = acc * UInt<P::M_W>(word);
    return R::template apply<Y>(product);
  }
}

}  // namespace hwq
