#ifndef HWQ_DOT_H
#define HWQ_DOT_H

#include "types.h"

/* The sum of products of two vectors (rule L1). */
static acc_t dot(const in_t *x, const weight_t *weight, int32_t count) {
  acc_t sum = 0;
  for (int32_t i = 0; i < count; i++) sum += (acc_t)weight[i] * x[i];
  return sum;
}

#endif
