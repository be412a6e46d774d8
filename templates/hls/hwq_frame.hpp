// The edges of a network: AXI4-Stream beats to beats of lanes, and back.
//
// Lanes are packed without gaps from bit 0. At an input every tlast ends one frame: one that is too short goes on with
// zeros, and of one that is too long the rest is read and dropped; both set `error`. At an output tlast is made from the
// count, and bits beyond the lanes are zero.
#pragma once

#include "hwq_types.hpp"

namespace hwq {

#if defined(HWQ_AXI_SDATA)
template <int W>
using Axis = ap_axiu<W, 0, 0, 0>;
#else
template <int W>
struct Axis {
  Bits<W> data;
  Bits<W / 8> keep, strb;
  UInt<1> last;
};
#endif

template <class P, class T, int L, int W>
void frame_in(Channel<Axis<W>>& port, Stream<T, L>& out, int& error) {
  int taken = 0;
  bool ended = false;
  for (int beat = 0; beat < P::BEATS; ++beat) {
    HWQ_PIPELINE
    Axis<W> word;
    word.data = 0;
    if (!ended) {
      word = port.read();
      ended = word.last == UInt<1>(1);
      ++taken;
    }
    Beat<T, L> x;
    for (int lane = 0; lane < L; ++lane) {
      HWQ_UNROLL
      x.lane[lane] = lane_of<T>(word.data, lane);
    }
    out.write(x);
  }
  error = !ended || taken != P::BEATS;
  while (!ended) {
    HWQ_PIPELINE
    ended = port.read().last == UInt<1>(1);
  }
}

template <class P, class T, int L, int W>
void frame_out(Stream<T, L>& in, Channel<Axis<W>>& port) {
  for (int beat = 0; beat < P::BEATS; ++beat) {
    HWQ_PIPELINE
    const Beat<T, L> x = in.read();
    Axis<W> word;
    word.data = 0;
    for (int lane = 0; lane < L; ++lane) {
      HWQ_UNROLL
      set_lane(word.data, lane, x.lane[lane]);
    }
    word.keep = -1;
    word.strb = -1;
    word.last = UInt<1>(beat == P::BEATS - 1);
    port.write(word);
  }
}

}  // namespace hwq
