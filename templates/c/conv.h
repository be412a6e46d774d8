#ifndef HWQ_CONV_H
#define HWQ_CONV_H

#include "plane.h"

/* Convolution, also of groups of channels. Weights are (outputs, kernel_h, kernel_w, channels / groups). */
static void conv(const in_t *x, const weight_t *weight, const bias_t *bias, const window *v, const requant *q,
                 out_t *y) {
  const int32_t c = v->channels / v->groups, size = v->kernel_h * v->kernel_w * c, share = v->outputs / v->groups;
  for (int32_t group = 0; group < v->groups; group++) {
    for (int32_t n = 0; n < share; n += ROWS) {
      const int32_t first = group * share + n, rows = share - n < ROWS ? share - n : ROWS;
      plane(x + group * c, weight + first * size, bias, first, rows, v, q, y);
    }
  }
}

#endif
