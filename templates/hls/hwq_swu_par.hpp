// Parallel sliding window (rule L4): the whole KH x KW window of a channel group in one beat, tap by tap.
//
//   order   for oh, ow: for cf < CF; lane (kh*KW + kw)*L + l is channel l of tap (kh, kw)
//   memory  KH - 1 lines of DH rows, and a row of registers for each kernel row
//   pace    a beat in a cycle, borders or not. Needs padding that leaves windows in stream order
#pragma once

#include "hwq_types.hpp"

namespace hwq {

struct swu_par_defaults {
  static constexpr int SH = 1, SW = 1, DH = 1, DW = 1, PAD = 0;
};

template <class P, class T, int L, int M>
void swu_par(Stream<T, L>& in, Stream<T, M>& out) {
  static_assert(M == P::KH * P::KW * L, "a beat out holds a window");
  constexpr int ROW = P::W * P::CF, FRAME = P::H * ROW, LINE = P::DH * ROW;
  constexpr int REACH = (P::KW - 1) * P::DW * P::CF + 1;  // registers of a kernel row
  // The beat that completes window (oh, ow), and the last one of all.
  constexpr auto newest = [](int oh, int ow) {
    return ((oh * P::SH - P::PT + (P::KH - 1) * P::DH) * P::W + ow * P::SW - P::PL + (P::KW - 1) * P::DW) * P::CF;
  };
  constexpr int END = larger(FRAME, newest(P::OH - 1, P::OW - 1) + P::CF);
  Beat<T, L> line[larger(P::KH - 1, 1)][LINE];
  HWQ_ROWS(line)
  Beat<T, L> taps[P::KH][REACH];
  HWQ_REGISTERS(taps)
  Beat<T, L> border;
  for (int lane = 0; lane < L; ++lane) {
    HWQ_UNROLL
    border.lane[lane] = T(P::PAD);
  }

  for (int turn = 0; turn < P::TURNS; ++turn) {
    int oh = 0, ow = 0, cf = 0, place = 0;
    for (int beat = 0; beat < END; ++beat) {
      HWQ_PIPELINE
      Beat<T, L> head = beat < FRAME ? in.read() : border;
      for (int kh = P::KH - 1; kh >= 0; --kh) {
        HWQ_UNROLL
        for (int k = 0; k < REACH - 1; ++k) {
          HWQ_UNROLL
          taps[kh][k] = taps[kh][k + 1];
        }
        taps[kh][REACH - 1] = head;
        if (kh > 0) {  // what left the line above is the head of the kernel row above
          const Beat<T, L> older = beat < LINE ? border : line[kh - 1][place];
          line[kh - 1][place] = head;
          head = older;
        }
      }
      place = place + 1 == LINE ? 0 : place + 1;
      if (oh == P::OH || beat != newest(oh, ow) + cf) continue;

      Beat<T, M> window;
      for (int kh = 0; kh < P::KH; ++kh) {
        HWQ_UNROLL
        const int row = oh * P::SH - P::PT + kh * P::DH;
        for (int kw = 0; kw < P::KW; ++kw) {
          HWQ_UNROLL
          const int column = ow * P::SW - P::PL + kw * P::DW;
          const bool inside = row >= 0 && row < P::H && column >= 0 && column < P::W;
          for (int lane = 0; lane < L; ++lane) {
            HWQ_UNROLL
            const T x = taps[kh][kw * P::DW * P::CF].lane[lane];
            window.lane[(kh * P::KW + kw) * L + lane] = inside ? x : border.lane[lane];
          }
        }
      }
      out.write(window);
      if (++cf < P::CF) continue;
      cf = 0;
      if (++ow < P::OW) continue;
      ow = 0;
      ++oh;
    }
  }
}

}  // namespace hwq
