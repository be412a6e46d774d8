#ifndef HWQ_DENSE_H
#define HWQ_DENSE_H

#include "dot.h"
#include "requantise.h"

/* Fully connected layer (rules L1, L2, R1). Weights are (outputs, inputs). */
static void dense(const in_t *x, const weight_t *weight, const bias_t *bias, int32_t inputs, int32_t outputs,
                  const requant *q, out_t *restrict y) {
  for (int32_t n = 0; n < outputs; n++, weight += inputs) {
    y[n] = (out_t)requantise((acc_t)bias[n] + dot(x, weight, inputs), n, q);
  }
}

#endif
