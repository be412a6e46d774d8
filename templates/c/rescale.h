#ifndef HWQ_RESCALE_H
#define HWQ_RESCALE_H

#include "terms.h"
#include "requantise.h"

/* x + bias, requantised (rules S1, R1). */
static void rescale(const in_t *x, const terms *v, const requant *q, out_t *restrict y) {
  for (int32_t i = 0; i < v->count; i++) y[i] = (out_t)requantise((wide_t)x[i] + (wide_t)v->bias, 0, q);
}

#endif
