#ifndef HWQ_LOOKUP_H
#define HWQ_LOOKUP_H

#include "curve.h"
#include "shift_round.h"
#include "clamp.h"

/* A function of one integer: entries, and straight lines between them (rule F1). */
static wide_t lookup(int32_t x, const entry_t *entries, const curve *v) {
  const int32_t u = x - v->start, i = u >> v->step, part = u - ((int32_t)1 << v->step) * i;
  wide_t sum = (wide_t)entries[i] * (((int32_t)1 << v->step) - part);
  if (part != 0) sum += (wide_t)entries[i + 1] * part;
  return clamp(shift_round(sum, v->shift, HALF_UP), v->low, v->high);
}

#endif
