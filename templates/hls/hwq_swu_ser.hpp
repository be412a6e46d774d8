// Serial sliding window (rule L4): for each output pixel the beats of its KH x KW window, one tap and channel group a
// beat. Tap (kh, kw) of output pixel (oh, ow) is the input pixel (oh*SH - PT + kh*DH, ow*SW - PL + kw*DW), outside of
// the image PAD.
//
//   order   for oh, ow: for group < GROUPS: for nf < NF: for kh, kw: for cf < CF/GROUPS
//   memory  a ring of ROWS rows; a row is given back when the last window that needs it is through
//   pace    a beat out a cycle; beats come in meanwhile, as long as there is room for them
#pragma once

#include "hwq_types.hpp"

namespace hwq {

struct swu_ser_defaults {
  static constexpr int SH = 1, SW = 1, DH = 1, DW = 1, GROUPS = 1, NF = 1, PAD = 0;
};

// The tap that comes next: its loops, and where it lies.
template <class P>
struct Tap {
  static constexpr int GROUP_BEATS = P::CF / P::GROUPS;
  int cf = 0, kw = 0, kh = 0, nf = 0, group = 0, ow = 0, oh = 0;

  int row() const { return oh * P::SH - P::PT + kh * P::DH; }
  int column() const { return ow * P::SW - P::PL + kw * P::DW; }
  bool inside() const { return row() >= 0 && row() < P::H && column() >= 0 && column() < P::W; }
  int place() const { return (row() * P::W + column()) * P::CF + group * GROUP_BEATS + cf; }
  // The first row that a window of this row of windows may read.
  int first_row() const { return smaller(larger(oh * P::SH - P::PT, 0), P::H); }
  bool done() const { return oh == P::OH; }

  void next() {
    HWQ_INLINE
    if (++cf < GROUP_BEATS) return;
    cf = 0;
    if (++kw < P::KW) return;
    kw = 0;
    if (++kh < P::KH) return;
    kh = 0;
    if (++nf < P::NF) return;
    nf = 0;
    if (++group < P::GROUPS) return;
    group = 0;
    if (++ow < P::OW) return;
    ow = 0;
    ++oh;
  }
};

template <class P, class T, int L>
void swu_ser(Stream<T, L>& in, Stream<T, L>& out) {
  constexpr int ROW = P::W * P::CF, FRAME = P::H * ROW, RING = smaller(P::ROWS * ROW, FRAME);
  Beat<T, L> ring[RING];
  HWQ_RAM(ring)
  Beat<T, L> border;
  for (int lane = 0; lane < L; ++lane) {
    HWQ_UNROLL
    border.lane[lane] = T(P::PAD);
  }

  for (int turn = 0; turn < P::TURNS; ++turn) {
    int taken = 0, write = 0;  // beats that have come, and where the next one goes
    int kept = 0, start = 0;   // the first beat that is still needed, and where it lies
    for (Tap<P> tap; !tap.done();) {
      HWQ_PIPELINE
      const int first = tap.first_row() * ROW;
      if (kept != first) {
        start += first - kept;
        if (start >= RING) start -= RING;
        kept = first;
      }
      const bool inside = tap.inside();
      const int place = tap.place();
      const bool ready = !inside || place < taken;
      if (taken < FRAME && taken - kept < RING && (!ready || waits(in))) {
        ring[write] = in.read();
        write = write + 1 == RING ? 0 : write + 1;
        ++taken;
      }
      if (ready) {
        const int there = start + place - kept;
        out.write(inside ? ring[there < RING ? there : there - RING] : border);
        tap.next();
      }
    }
    for (; taken < FRAME; ++taken) {  // what no window reads
      HWQ_PIPELINE
      in.read();
    }
  }
}

}  // namespace hwq
