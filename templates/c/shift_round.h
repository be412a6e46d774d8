#ifndef HWQ_SHIFT_ROUND_H
#define HWQ_SHIFT_ROUND_H

#include "rounding.h"
#include "floor_shift.h"

/* x / 2^shift, rounded (rule R2). */
static wide_t shift_round(wide_t x, int32_t shift, int32_t rounding) {
  wide_t half;
  if (shift == 0) return x;
  half = (wide_t)1 << (shift - 1);
  switch (rounding) {
    case HALF_UP: x += half; break;
    case HALF_EVEN: x += half - 1 + (floor_shift(x, shift) & 1); break;
    case HALF_AWAY: x += half - (x < 0); break;
    default: break;
  }
  return floor_shift(x, shift);
}

#endif
