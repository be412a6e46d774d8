// Indices of the K largest channels of each pixel, the largest first; of equal ones, the lowest index first (rule M2).
#pragma once

#include "hwq_types.hpp"

namespace hwq {

struct topk_defaults {};

// The K largest, sorted: a channel takes its place behind those that are not smaller.
template <class P, class X, class Y>
void sort(Stream<X, 1>& in, Stream<Y, P::K>& sorted) {
  X values[P::K];
  HWQ_REGISTERS(values)
  Beat<Y, P::K> indices{};
  for (int pixel = 0; pixel < P::TURNS; ++pixel) {
    for (int channel = 0; channel < P::CHANNELS; ++channel) {
      HWQ_PIPELINE
      X value = in.read().lane[0];
      Y index = channel;
      bool shift = false;
      for (int k = 0; k < P::K; ++k) {
        HWQ_UNROLL
        shift = shift || k >= channel || value > values[k];
        if (shift) {  // all behind move on by one
          const X value_k = values[k];
          const Y index_k = indices.lane[k];
          values[k] = value;
          indices.lane[k] = index;
          value = value_k;
          index = index_k;
        }
      }
      if (channel == P::CHANNELS - 1) sorted.write(indices);
    }
  }
}

// The indices of a pixel one after the other.
template <class P, class Y>
void send(Stream<Y, P::K>& sorted, Stream<Y, 1>& out) {
  Beat<Y, P::K> indices{};
  for (int pixel = 0; pixel < P::TURNS; ++pixel) {
    for (int k = 0; k < P::K; ++k) {
      HWQ_PIPELINE
      if (k == 0) indices = sorted.read();
      Beat<Y, 1> y;
      y.lane[0] = indices.lane[k];
      out.write(y);
    }
  }
}

template <class P, class X, class Y>
void topk(Stream<X, 1>& in, Stream<Y, 1>& out) {
  HWQ_DATAFLOW
  Stream<Y, P::K> sorted(HWQ_NAME("sorted"));
  sort<P>(in, sorted);
  send<P>(sorted, out);
}

}  // namespace hwq
