#ifndef HWQ_MUL_H
#define HWQ_MUL_H

#include "terms.h"
#include "requantise.h"

/* (a - zero_a) * (b - zero_b), requantised (rules A2, R1). */
static void mul(const in_t *a, const other_t *b, const terms *v, const requant *q, out_t *restrict y) {
  for (int32_t i = 0; i < v->count; i++) {
    y[i] = (out_t)requantise(((wide_t)a[i] - v->zero_a) * ((wide_t)b[i] - v->zero_b), 0, q);
  }
}

#endif
