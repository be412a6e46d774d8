#ifndef HWQ_CLAMP_H
#define HWQ_CLAMP_H

#include "types.h"

/* The value within low .. high that is nearest to x. */
static wide_t clamp(wide_t x, bound_t low, bound_t high) {
  return x < low ? low : x > high ? high : x;
}

#endif
