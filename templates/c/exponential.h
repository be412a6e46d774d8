#ifndef HWQ_EXPONENTIAL_H
#define HWQ_EXPONENTIAL_H

#include "shares.h"
#include "shift_round.h"

/* The table at a distance below the maximum, and straight lines between its entries (rule N1). */
static wide_t exponential(int32_t distance, const uint16_t *exps, const shares *v) {
  const int32_t unit = (int32_t)1 << v->step, i = distance >> v->step, part = distance & (unit - 1);
  const wide_t left = exps[i < v->size ? i : v->size - 1], right = exps[i + 1 < v->size ? i + 1 : v->size - 1];
  return shift_round(left * (unit - part) + right * part, v->step, HALF_UP);
}

#endif
