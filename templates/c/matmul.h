#ifndef HWQ_MATMUL_H
#define HWQ_MATMUL_H

#include "heads.h"
#include "requantise.h"

/* The product of two tensors, head by head; b is transposed (rules L7, R1). */
static void matmul(const in_t *a, const other_t *b, const heads *v, const requant *q, out_t *restrict y) {
  for (int32_t head = 0; head < v->heads; head++, b += v->columns * v->channels) {
    for (int32_t row = 0; row < v->rows; row++, a += v->channels) {
      for (int32_t n = 0; n < v->columns; n++) {
        const other_t *own = b + n * v->channels;
        acc_t acc = 0;
        for (int32_t k = 0; k < v->channels; k++) acc += ((acc_t)a[k] - v->zero_a) * ((acc_t)own[k] - v->zero_b);
        *y++ = (out_t)requantise(acc, 0, q);
      }
    }
  }
}

#endif
