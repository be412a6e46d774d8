#ifndef HWQ_PRELU_H
#define HWQ_PRELU_H

#include "slopes.h"
#include "requantise.h"

/* x + bias times the factor of its side of zero, requantised (rules A3, R1). */
static void prelu(const in_t *x, const slopes *v, const requant *q, out_t *restrict y) {
  for (int32_t pixel = 0; pixel < v->pixels; pixel++) {
    for (int32_t c = 0; c < v->channels; c++) {
      const wide_t d = (wide_t)*x++ + v->bias;
      *y++ = (out_t)requantise(d * (d < 0 ? v->negative[c * v->step] : v->positive), 0, q);
    }
  }
}

#endif
