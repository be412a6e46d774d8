// The larger or the smaller of two streams, lane by lane (rule A4).
#pragma once

#include "hwq_lanes.hpp"

namespace hwq {

struct extremum_defaults {};

template <class P, class T, int L>
void extremum(Stream<T, L>& in_a, Stream<T, L>& in_b, Stream<T, L>& out) {
  each_pair<P::TURNS>(in_a, in_b, out, [](const T& a, const T& b) { return (b > a) == bool(P::LARGEST) ? b : a; });
}

}  // namespace hwq
