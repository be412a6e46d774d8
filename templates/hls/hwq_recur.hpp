// Pre-activations of a recurrent layer, row by row (rules S2, R1):
//   p[r] = requantise(reset(bias[r] + sum over j of w[r][j] * vector[j]) + factor[r] * x[r])
//
//   weights   word nf*SF + sf: PE p, product s at p*SIMD + s. Row r is PE r mod PE of fold r / PE
//   biases    word nf
//   rows      word r: {multiplier (hwq_requant.hpp), factor}
#pragma once

#include "hwq_interpolate.hpp"

namespace hwq {

// How the sums become pre-activations.
template <class P>
struct Gate {
  static constexpr int MUL_EN = P::MUL_EN, MANT_W = P::MANT_W, M_W = P::M_W, SHIFT = P::GATE_SHIFT;
  static constexpr int ROUND = P::GATE_ROUND, ZERO = P::GATE_ZERO, QMIN = P::GATE_QMIN, QMAX = P::GATE_QMAX;
};

template <int W, int SIGNED>
struct Value {
  using type = Int<W>;
};
template <int W>
struct Value<W, 0> {
  using type = UInt<W>;
};

// Of all rows of fold nf: bias + sum over j of w * vector[j].
template <class P, class V, class Weights, class Biases>
Beat<Sum<P::ACC_W>, P::PE> fold_sums(int nf, const V (&vector)[P::UNITS], const Weights& weights,
                                     const Biases& biases) {
  constexpr int SF = ceil_div(P::UNITS, P::SIMD);
  Beat<Sum<P::ACC_W>, P::PE> acc;
  for (int sf = 0; sf < SF; ++sf) {
    HWQ_PIPELINE
    for (int p = 0; p < P::PE; ++p) {
      HWQ_UNROLL
      Sum<P::ACC_W> sum = sf == 0 ? Sum<P::ACC_W>(biases[nf][p]) : acc.lane[p];
      for (int s = 0; s < P::SIMD; ++s) {
        HWQ_UNROLL
        const Int<P::WGT_W> weight = weights[nf * SF + sf][p * P::SIMD + s];
        if (sf * P::SIMD + s < P::UNITS) sum += weight * vector[sf * P::SIMD + s];
      }
      acc.lane[p] = sum;
    }
  }
  return acc;
}

// floor((v * gain + half) / 2^FRACTION)
template <int FRACTION, class V, class G>
V reset(const V& v, const G& gain) {
  HWQ_INLINE
  const auto product = v * gain;
  const Int<larger(decltype(product)::width, FRACTION) + 2> sum =
      product + Int<FRACTION + 2>((1LL << FRACTION) >> 1);
  return V(sum >> FRACTION);
}

template <class P, class X, class Rows>
Int<P::P_W> pre_activation(const Int<P::ACC_W>& sum, const X& x, int row, const Rows& rows) {
  HWQ_INLINE
  const UInt<P::FACTOR_W> factor = rows[row][1];
  return requantise<Gate<P>, Int<P::P_W>>(Int<P::ACC_W>(sum + factor * x), rows[row][0]);
}

// requantise(a * b * 2^SA + c * d * 2^SB), or the first product alone (rules S3, S4).
template <class R, class Y, int SA, int SB = 0, class A, class B, class C = Int<1>, class D = Int<1>>
Y blend(const A& a, const B& b, const C& c = 0, const D& d = 0) {
  HWQ_INLINE
  constexpr int W = smaller(larger(A::width + B::width + SA, C::width + D::width + SB) + 4, 62);
  Int<W> sum = Int<W>(a * b) << SA;
  sum += Int<W>(c * d) << SB;
  return R::template apply<Y>(sum);
}

}  // namespace hwq
