#ifndef HWQ_ADD_H
#define HWQ_ADD_H

#include "terms.h"
#include "requantise.h"

/* a * factor_a + b * factor_b + bias, requantised (rules A1, R1). */
static void add(const in_t *a, const other_t *b, const terms *v, const requant *q, out_t *restrict y) {
  for (int32_t i = 0; i < v->count; i++) {
    const wide_t acc = (wide_t)a[i] * v->factor_a + (wide_t)b[i] * v->factor_b + (wide_t)v->bias;
    y[i] = (out_t)requantise(acc, 0, q);
  }
}

#endif
