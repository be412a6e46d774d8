#ifndef HWQ_SOFTMAX_H
#define HWQ_SOFTMAX_H

#include "exponential.h"

/* The share of each channel in the sum of exponentials over its pixel (rule N1). */
static void softmax(const in_t *x, const uint16_t *exps, const shares *v, out_t *restrict y) {
  const wide_t most = ((wide_t)1 << v->bits) - 1;
  for (int32_t pixel = 0; pixel < v->pixels; pixel++, x += v->channels) {
    in_t top = x[0];
    wide_t sum = 0, reciprocal;
    for (int32_t c = 1; c < v->channels; c++) top = x[c] > top ? x[c] : top;
    for (int32_t c = 0; c < v->channels; c++) sum += exponential((int32_t)top - x[c], exps, v);
    reciprocal = ((wide_t)1 << v->reciprocal_bits) / sum;
    for (int32_t c = 0; c < v->channels; c++) {
      const wide_t product = exponential((int32_t)top - x[c], exps, v) * reciprocal;
      const wide_t share = shift_round(product, v->reciprocal_bits - v->bits, HALF_UP);
      *y++ = (out_t)(share < most ? share : most);
    }
  }
}

#endif
