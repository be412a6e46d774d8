#ifndef HWQ_TAP_H
#define HWQ_TAP_H

#include "dot.h"
#include "window.h"

/* What one tap, over count channels, adds to an accumulator; inside is 0 where it lies in the padding. */
static acc_t tap(const in_t *x, const weight_t *weight, int32_t count, int32_t inside, int32_t pad) {
  acc_t sum = 0;
  if (inside) return dot(x, weight, count);
  for (int32_t i = 0; i < count; i++) sum += (acc_t)weight[i] * pad;
  return sum;
}

#endif
