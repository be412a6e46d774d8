// Stream around a graph of adders (rules L1, R1): y[n] = requantise(bias[n] + sum over k of w[n][k] * x[k]).
//
// Graph::sums makes all sums of a window at once, of shifts and adders alone; it is made for the weights of its layer.
#pragma once

#include "hwq_requant.hpp"

namespace hwq {

struct adders_defaults : requant_defaults {};

template <int SHIFT, class X>
auto scaled(const X& x) {  // x * 2^SHIFT
  HWQ_INLINE
  return Int<X::width + SHIFT + 1>(x) << SHIFT;
}

template <class P, class Graph, class X, int L, class Y, int LANES>
void adders(Stream<X, L>& in, Stream<Y, LANES>& out) {
  for (int turn = 0; turn < P::TURNS; ++turn) {
    HWQ_PIPELINE
    const Beat<X, L> x = in.read();
    Beat<Int<P::ACC_W>, LANES> acc;
    Graph::sums(x, acc);
    Beat<Y, LANES> y;
    for (int lane = 0; lane < LANES; ++lane) {
      HWQ_UNROLL
      y.lane[lane] = requantise<P, Y>(acc.lane[lane], 1);
    }
    out.write(y);
  }
}

}  // namespace hwq
