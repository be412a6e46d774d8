#ifndef HWQ_FLOOR_SHIFT_H
#define HWQ_FLOOR_SHIFT_H

#include "types.h"

/* floor(x / 2^shift). C99 leaves open what >> makes of negative numbers; compilers make one instruction of this. */
static wide_t floor_shift(wide_t x, int32_t shift) {
  return x < 0 ? ~(~x >> shift) : x >> shift;
}

#endif
