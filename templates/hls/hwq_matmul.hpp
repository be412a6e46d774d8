// Product of two tensors, head by head (rules L7, R1): for T rows t of a and N rows n of b, of K channels each,
//   y[t][n] = requantise(sum over k of (a[t][k] - ZERO_A) * (b[n][k] - ZERO_B))
//
// PE outputs at once, SIMD products each. A head of b is stored, PE rows side by side; then each row of a is replayed
// for all folds.
#pragma once

#include "hwq_leave.hpp"

namespace hwq {

struct matmul_defaults : requant_defaults {};

template <class P, class A, class B, int SIMD>
void head_sums(Stream<A, SIMD>& in_a, Stream<B, SIMD>& in_b, Stream<Sum<P::ACC_W>, P::PE>& sums) {
  constexpr int SF = ceil_div(P::K, SIMD), NF = ceil_div(P::N, P::PE);
  const A zero_a = P::ZERO_A;
  const B zero_b = P::ZERO_B;
  Beat<B, SIMD> stored[P::PE][NF * SF];
  HWQ_ROWS(stored)
  Beat<A, SIMD> row[SF];
  Beat<Sum<P::ACC_W>, P::PE> acc;
  for (int p = 0; p < P::PE; ++p)  // rows past N are don't care, but have to be integers
    for (int beat = 0; beat < NF * SF; ++beat) stored[p][beat] = Beat<B, SIMD>{};
  for (int head = 0; head < P::TURNS; ++head) {
    for (int n = 0; n < P::N; ++n) {
      for (int sf = 0; sf < SF; ++sf) {
        HWQ_PIPELINE
        stored[n % P::PE][n / P::PE * SF + sf] = in_b.read();
      }
    }
    for (int t = 0; t < P::T; ++t) {
      for (int nf = 0; nf < NF; ++nf) {
        for (int sf = 0; sf < SF; ++sf) {
          HWQ_PIPELINE
          if (nf == 0) row[sf] = in_a.read();
          const Beat<A, SIMD> a = row[sf];
          for (int p = 0; p < P::PE; ++p) {
            HWQ_UNROLL
            const Beat<B, SIMD> b = stored[p][nf * SF + sf];
            Sum<P::ACC_W> sum = sf == 0 ? Sum<P::ACC_W>(0) : acc.lane[p];
            for (int s = 0; s < SIMD; ++s) {
              HWQ_UNROLL
              if (sf * SIMD + s < P::K) sum += (a.lane[s] - zero_a) * (b.lane[s] - zero_b);
            }
            acc.lane[p] = sum;
          }
          if (sf == SF - 1) sums.write(acc);
        }
      }
    }
  }
}

template <class P, class A, class B, int SIMD, class Y, int RQ>
void matmul(Stream<A, SIMD>& in_a, Stream<B, SIMD>& in_b, Stream<Y, RQ>& out) {
  HWQ_DATAFLOW
  Stream<Sum<P::ACC_W>, P::PE> sums(HWQ_NAME("sums"));
  head_sums<P>(in_a, in_b, sums);
  leave<P, P::TURNS * P::T, P::N>(sums, out, [](int, int) { return P::MUL; });
}

}  // namespace hwq
