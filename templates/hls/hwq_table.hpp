// A function of one value, by table, on each lane of a stream (hwq_interpolate.hpp).
#pragma once

#include "hwq_interpolate.hpp"
#include "hwq_lanes.hpp"

namespace hwq {

struct table_defaults {};

template <class P, class X, class Y, int L, class Entries>
void table(Stream<X, L>& in, Stream<Y, L>& out, const Entries& entries) {
  using F = Curve<P::STEP, P::FRACTION, P::ENTRY_W, P::DELTA_W>;
  each_lane<P::TURNS, 1>(in, out, [&entries](const X& x, int, int) { return interpolate<F, Y>(x, entries); });
}

}  // namespace hwq
