#ifndef HWQ_ARGMAX_H
#define HWQ_ARGMAX_H

#include "types.h"

/* The index of the largest channel of each pixel; of equal ones the lowest (rule M1). */
static void argmax(const in_t *x, int32_t pixels, int32_t channels, out_t *restrict y) {
  for (int32_t pixel = 0; pixel < pixels; pixel++, x += channels) {
    int32_t best = 0;
    for (int32_t c = 1; c < channels; c++) best = x[c] > x[best] ? c : best;
    y[pixel] = (out_t)best;
  }
}

#endif
