// Types and directives of the kernels, for each compiler: the only file that names a vendor.
//
//   Vitis HLS           ap_int.h, hls_stream.h, #pragma HLS
//   C++ compilers       the same headers, or hwq's own in native/; no directives
//   -DHWQ_AC_TYPES      ac_int.h and ac_channel.h, of Siemens Catapult and of Intel's compiler; no directives
//
// Kernels use of integers only what all of these have: + - * and comparisons, exact whatever the widths; >> and << of
// the same width; to_int(), to_int64() and single bits.
#pragma once

#if defined(HWQ_AC_TYPES)
#include <ac_int.h>

#include <ac_channel.h>
#define HWQ_NAME(TEXT) 0 /* its channels have no names, but values that they begin with */
#else
#define HWQ_NAME(TEXT) TEXT
#include <ap_int.h>
#include <hls_stream.h>
#if __has_include(<ap_axi_sdata.h>)
#include <ap_axi_sdata.h>
#define HWQ_AXI_SDATA 1
#endif
#endif

#if defined(__SYNTHESIS__) && !defined(HWQ_AC_TYPES)
#define HWQ_PRAGMA(TEXT) _Pragma(#TEXT)
#else
#define HWQ_PRAGMA(TEXT)
#endif
#define HWQ_PIPELINE HWQ_PRAGMA(HLS PIPELINE II = 1)               /* a new iteration in every cycle */
#define HWQ_UNROLL HWQ_PRAGMA(HLS UNROLL)                          /* all iterations at once */
#define HWQ_INLINE HWQ_PRAGMA(HLS INLINE)                          /* logic of its caller */
#define HWQ_DATAFLOW HWQ_PRAGMA(HLS DATAFLOW)                      /* all calls at once, joined by streams */
#define HWQ_DEPTH(NAME, N) HWQ_PRAGMA(HLS STREAM variable = NAME depth = N)
#define HWQ_REGISTERS(NAME) HWQ_PRAGMA(HLS ARRAY_PARTITION variable = NAME complete dim = 0)
#define HWQ_ROWS(NAME) HWQ_PRAGMA(HLS ARRAY_PARTITION variable = NAME complete dim = 1)
#define HWQ_RAM(NAME) HWQ_PRAGMA(HLS BIND_STORAGE variable = NAME type = ram_2p)
#define HWQ_WORDS(NAME) HWQ_PRAGMA(HLS ARRAY_RESHAPE variable = NAME complete dim = 2)
#define HWQ_ROM(NAME, KIND) HWQ_PRAGMA(HLS BIND_STORAGE variable = NAME type = rom_1p impl = KIND)

namespace hwq {

#if defined(HWQ_AC_TYPES)
template <int W>
using Int = ac_int<W, true>;
template <int W>
using UInt = ac_int<W, false>;
template <class T>
using Channel = ac_channel<T>;
template <class T>
bool waits(Channel<T>& channel) { return channel.available(1); }
template <class Word>
void set_bit(Word& word, int place, bool to) { word[place] = to; }
#else
template <int W>
using Int = ap_int<W>;
template <int W>
using UInt = ap_uint<W>;
template <class T>
using Channel = hls::stream<T>;
template <class T>
bool waits(Channel<T>& channel) { return !channel.empty(); }  // whether a beat does
template <class Word>
void set_bit(Word& word, int place, bool to) { word.set_bit(place, to); }
#endif

// A sum that needs W bits in the end, however many on the way: two's complement sums are modular.
#if defined(HWQ_NATIVE)
template <int W>
using Sum = Int<(W <= 32 ? 32 : 64)>;
template <int W>
using Bits = hwq_native::Word<W>;
#else
template <int W>
using Sum = Int<W>;
template <int W>
using Bits = UInt<W>;
#endif

// What a ROM stores: W bits for synthesis, an integer of the machine for compilers, which then need no code to fill it.
#if defined(__SYNTHESIS__)
template <int W>
using Rom = Int<W>;
template <int W>
using URom = UInt<W>;
#else
template <int W>
struct Machine {
  static constexpr auto pick() {
    if constexpr (W <= 8) return static_cast<signed char>(0);
    else if constexpr (W <= 16) return static_cast<short>(0);
    else if constexpr (W <= 32) return 0;
    else return 0LL;
  }
  using type = decltype(pick());
};
template <int W>
using Rom = typename Machine<W>::type;
template <int W>
using URom = typename Machine<W + 1>::type;
#endif
constexpr int absent[1][1] = {{0}};  // in place of a ROM that an instance does not have

// A beat of a stream: N channels of a pixel.
template <class T, int N>
struct Beat {
  T lane[N];
};
template <class T, int N>
using Stream = Channel<Beat<T, N>>;

// Lane `lane` of the lanes of type T that `word` holds side by side from bit 0 on, and `x` in its place.
#if defined(HWQ_NATIVE)
template <class T, int W>
int lane_of(const Bits<W>& word, int lane) { return static_cast<int>(word.field(lane * T::width, T::width)); }
template <class T, int W>
void set_lane(Bits<W>& word, int lane, const T& x) { word.set_field(lane * T::width, T::width, x.to_int()); }
#else
template <class T, class Word>
int lane_of(const Word& word, int lane) {
  HWQ_INLINE
  int value = 0;
  for (int bit = 0; bit < T::width; ++bit) {
    HWQ_UNROLL
    value |= int(word[lane * T::width + bit]) << bit;
  }
  return value;
}
template <class T, class Word>
void set_lane(Word& word, int lane, const T& x) {
  HWQ_INLINE
  for (int bit = 0; bit < T::width; ++bit) {
    HWQ_UNROLL
    set_bit(word, lane * T::width + bit, x[bit]);
  }
}
#endif

// The least value of a type of at most 31 bits.
template <class T>
constexpr int lowest = 0;
template <int W>
constexpr int lowest<Int<W>> = -(1 << (W - 1));

constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }
constexpr int smaller(int a, int b) { return a < b ? a : b; }
constexpr int larger(int a, int b) { return a > b ? a : b; }
constexpr int log2_up(long long n) { return n <= 1 ? 0 : 1 + log2_up((n + 1) / 2); }
constexpr int signed_bits(long long x) { return x < 0 ? signed_bits(~x) : x == 0 ? 1 : 1 + signed_bits(x / 2); }

}  // namespace hwq
