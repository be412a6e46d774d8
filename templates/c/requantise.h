#ifndef HWQ_REQUANTISE_H
#define HWQ_REQUANTISE_H

#include "requant.h"
#include "shift_round.h"
#include "clamp.h"

/* acc * multiplier / 2^shift, rounded once, plus zero, within low .. high (rule R1). */
static wide_t requantise(wide_t acc, int32_t channel, const requant *q) {
  const wide_t product = acc * (wide_t)q->multiplier[channel * q->step];
  return clamp(shift_round(product, q->shift, q->rounding) + q->zero, q->low, q->high);
}

#endif
