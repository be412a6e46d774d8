#ifndef HWQ_TOPK_H
#define HWQ_TOPK_H

#include "types.h"

/* The indices of the k largest channels of each pixel, the largest first; of equal ones the lowest first (rule M2). */
static void topk(const in_t *x, int32_t pixels, int32_t channels, int32_t k, out_t *restrict y) {
  for (int32_t pixel = 0; pixel < pixels; pixel++, x += channels, y += k) {
    int32_t found = 0;
    for (int32_t c = 0; c < channels; c++) {
      int32_t place = found;
      while (place > 0 && x[y[place - 1]] < x[c]) place--;
      if (place == k) continue;
      found += found < k;
      for (int32_t i = found - 1; i > place; i--) y[i] = y[i - 1];
      y[place] = (out_t)c;
    }
  }
}

#endif
