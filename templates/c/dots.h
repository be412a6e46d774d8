#ifndef HWQ_DOTS_H
#define HWQ_DOTS_H

#include "rows.h"

/* Adds to accumulators the products of a vector with rows of weights, size apart (rule L1). */
static void dots(const in_t *x, int32_t count, const weight_t *weight, int32_t size, int32_t rows,
                 acc_t *restrict acc) {
  if (rows == ROWS) {
    const weight_t *w1 = weight + size, *w2 = w1 + size, *w3 = w2 + size;
    acc_t a = 0, b = 0, c = 0, d = 0;
    for (int32_t i = 0; i < count; i++) {
      a += (acc_t)weight[i] * x[i];
      b += (acc_t)w1[i] * x[i];
      c += (acc_t)w2[i] * x[i];
      d += (acc_t)w3[i] * x[i];
    }
    acc[0] += a, acc[1] += b, acc[2] += c, acc[3] += d;
    return;
  }
  for (int32_t r = 0; r < rows; r++) {
    acc_t sum = 0;
    for (int32_t i = 0; i < count; i++) sum += (acc_t)weight[r * size + i] * x[i];
    acc[r] += sum;
  }
}

#endif
