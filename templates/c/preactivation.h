#ifndef HWQ_PREACTIVATION_H
#define HWQ_PREACTIVATION_H

#include "recurrence.h"
#include "requantise.h"

/* sum + factor * x, requantised (rules S2, R1). */
static int32_t preactivation(wide_t sum, const in_t *x, int32_t r, const recurrence *v, const requant *gate) {
  return (int32_t)requantise(sum + (wide_t)v->factor[r * v->step] * x[r], r, gate);
}

#endif
