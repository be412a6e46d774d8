// The edges of a network: AXI4-Stream beats to beats of lanes, and back.
//
// Lanes are packed without gaps from bit 0. At an input the count decides where a frame ends; a tlast that disagrees
// sets `error`. At an output tlast is made from the count, and bits beyond the lanes are zero.
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
  int wrong = 0;
  for (int beat = 0; beat < P::BEATS; ++beat) {
    HWQ_PIPELINE
    const Axis<W> word = port.read();
    Beat<T, L> x;
    for (int lane = 0; lane < L; ++lane) {
      HWQ_UNROLL
      x.lane[lane] = lane_of<T>(word.data, lane);
    }
    if ((word.last == UInt<1>(1)) != (beat == P::BEATS - 1)) wrong = 1;
    out.write(x);
  }
  error = wrong;
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
