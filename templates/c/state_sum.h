#ifndef HWQ_STATE_SUM_H
#define HWQ_STATE_SUM_H

#include "recurrence.h"

/* bias[r] + sum over j of weight[r][j] * h[j]; without h, before the first step, h is zero (rule S2). */
static wide_t state_sum(const out_t *h, const weight_t *weight, const bias_t *bias, int32_t r, const recurrence *v) {
  wide_t sum = (wide_t)bias[r];
  if (h == NULL) return sum;
  for (int32_t j = 0; j < v->units; j++) sum += (wide_t)weight[r * v->units + j] * h[j];
  return sum;
}

#endif
