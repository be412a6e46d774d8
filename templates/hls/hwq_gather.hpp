// Beats of a block in another order, repeated, left out, or a constant (rule C3), through a ring of RING beats.
//
// Beat t of step s of a block is PAD where either says so, else the input beat A[s] + B[t], counted from the block's
// first one.
//   steps   word s: {A mod RING, pad, take, release}: beats that must be in for the step beyond those for the one
//           before, and beats that no later step reads
//   beats   word t: {B mod RING, pad}
//   SPARE   beats of a block that its last step does not wait for; LEAD: beats of the first block that nothing reads
#pragma once

#include "hwq_types.hpp"

namespace hwq {

struct gather_defaults {};

template <class P>
int in_ring(int place) {  // for a place below 2 * RING
  HWQ_INLINE
  return place < P::RING ? place : place - P::RING;
}

template <class P, class T, int L, int M, class Steps, class Beats>
void gather(Stream<T, L>& in, Stream<T, M>& out, const Steps& steps, const Beats& beats) {
  constexpr int FRAME = P::TURNS * P::IN_BEATS;
  Beat<T, L> ring[P::RING];
  HWQ_RAM(ring)
  int taken = 0, write = 0;                       // beats that have come, and where the next one goes
  int needed = -P::SPARE, released = P::LEAD;     // beats that this step waits for, and that are given back
  int start = 0;                                  // where the block's first beat lies
  int block = 0, step = 0, beat = 0;
  while (block < P::TURNS) {
    HWQ_PIPELINE
    const int waited = needed + int(steps[step][2]);
    const bool ready = taken >= waited;
    if (taken < FRAME && taken - released < P::RING && (!ready || waits(in))) {
      ring[write] = in.read();
      write = write + 1 == P::RING ? 0 : write + 1;
      ++taken;
    }
    if (!ready) continue;
    const bool padded = steps[step][1] != 0 || beats[beat][1] != 0;
    const int there = in_ring<P>(start + in_ring<P>(int(steps[step][0]) + int(beats[beat][0])));
    const Beat<T, L> x = ring[there];
    Beat<T, M> y;
    for (int lane = 0; lane < M; ++lane) {
      HWQ_UNROLL
      y.lane[lane] = padded ? T(P::PAD) : x.lane[lane];
    }
    out.write(y);
    if (++beat < P::BEATS) continue;
    beat = 0;
    needed = waited;
    released += int(steps[step][3]);
    if (++step < P::STEPS) continue;
    step = 0;
    start = in_ring<P>(start + P::IN_BEATS % P::RING);
    ++block;
  }
  for (; taken < FRAME; ++taken) {  // what no step waits for
    HWQ_PIPELINE
    in.read();
  }
}

}  // namespace hwq
