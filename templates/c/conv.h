#ifndef HWQ_CONV_H
#define HWQ_CONV_H

#include "plane.h"

/* Convolution, also of groups of channels. Weights are (outputs, kernel_h, kernel_w, channels / groups). */
static void conv(const in_t *x, const weight_t *weight, const bias_t *bias, const window *v, const requant *q,
                 out_t *y) {
  const int32_t c = v->channels / v->groups, size = v->kernel_h * v->kernel_w * c;
  for (int32_t n = 0; n < v->outputs; n++) {
    plane(x + n / (v->outputs / v->groups) * c, weight + n * size, (acc_t)bias[n], v, n, q, y);
  }
}

#endif
